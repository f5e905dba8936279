/**
 * The version of this package.
 */
import { readFile } from 'node:fs/promises';

/** `version` of the nearest package.json above this file, which is the package's own in the source and in the build. */
export async function packageVersion(): Promise<string> {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    const text = await readFile(new URL('package.json', folder), 'utf8').catch(() => undefined);
    if (text !== undefined) return (JSON.parse(text) as { version: string }).version;
    if (folder.pathname === new URL('..', folder).pathname) throw new Error('the package has lost its package.json');
  }
}
