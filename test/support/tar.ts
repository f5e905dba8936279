/**
 * Reads tar archives (POSIX.1-1988 ustar, and GNU's long names), as the test data come in them.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const BLOCK = 512;

/** The regular files of a `.tar.gz`, by path, in archive order; views of the unpacked archive. */
export function readTarGz(path: string): Map<string, Uint8Array> {
  const bytes = gunzipSync(readFileSync(path));
  const files = new Map<string, Uint8Array>();
  let position = 0;
  let longName = '';
  while (bytes[position]) {
    const text = (from: number, length: number) =>
      bytes.toString('utf8', position + from, position + from + length).replace(/\0.*$/s, '');
    const prefix = text(345, 155);
    const size = Number.parseInt(text(124, 12), 8);
    const type = text(156, 1);
    const start = position + BLOCK;
    const name = longName || (prefix ? `${prefix}/${text(0, 100)}` : text(0, 100));
    if (type === '0' || type === '') files.set(name, bytes.subarray(start, start + size));
    longName = type === 'L' ? text(BLOCK, size) : '';
    position = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}
