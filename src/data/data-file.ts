/**
 * Reads a whole data file, unpacking gzip (RFC 1952) where the file starts with its magic bytes, whatever its name.
 */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { FormatError } from '../errors.ts';

/** No data set that is read whole is larger; a small file that unpacks to more is not believed. */
const MAX_UNPACKED_BYTES = 2 ** 30;

/** The file's bytes, unpacked. Rejects with Node's own error where it cannot be read, `FormatError` for bad gzip data. */
export async function readDataFile(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path);
  if (!(bytes[0] === 0x1f && bytes[1] === 0x8b)) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError('gzip', `${path} cannot be unpacked (${problem})`, undefined, { cause });
  }
}
