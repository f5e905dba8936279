/** The frozen `.fqz` files of every format version. */
import { readdirSync, readFileSync } from 'node:fs';

const FIXTURES = new URL('../../fixtures/', import.meta.url);

/** Their names without the ending, such as `v1/networks`. */
export const FROZEN: readonly string[] = readdirSync(FIXTURES)
  .filter((folder) => /^v\d+$/.test(folder))
  .flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, FIXTURES))
      .filter((name) => name.endsWith('.fqz'))
      .map((name) => `${folder}/${name.replace('.fqz', '')}`),
  );

/** A file of the folder, such as `v1/networks.fqz`. */
export function fixture(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, FIXTURES)));
}
