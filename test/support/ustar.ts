/**
 * Reads tar archives (POSIX.1-1988 ustar, and GNU's long names), as the test data come in them.
 */

const BLOCK = 512;

/** The regular files of an archive, by path, in archive order; views of `bytes`. */
export function readTar(bytes: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const decoder = new TextDecoder();
  let position = 0;
  let longName = '';
  while (bytes[position]) {
    const text = (from: number, length: number) =>
      decoder.decode(bytes.subarray(position + from, position + from + length)).replace(/\0.*$/s, '');
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
