/**
 * Reads compressed archives of test data from the disk.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { readTar } from './ustar.ts';

/** The regular files of a `.tar.gz`, by path, in archive order; views of the unpacked archive. */
export function readTarGz(path: string): Map<string, Uint8Array> {
  return readTar(gunzipSync(readFileSync(path)));
}
