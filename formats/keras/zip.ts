/**
 * Zip archives by way of fflate: only the entries that are asked for are unpacked, and none that declares more than its
 * bytes can give.
 */
import { unzipSync } from 'fflate';
import { FormatError } from '../../src/errors.ts';

/** Deflate cannot shrink further than this. */
const MAX_DEFLATE_RATIO = 1032;

/** The names in an archive. Throws `FormatError` for a damaged one; `what` names it in the message. */
export function entryNames(bytes: Uint8Array, what: string): string[] {
  const names: string[] = [];
  unzip(bytes, what, (name) => {
    names.push(name);
    return false;
  });
  return names;
}

/** The entries whose names `wanted` accepts, unpacked. Throws as `entryNames` does. */
export function unzip(
  bytes: Uint8Array,
  what: string,
  wanted: (name: string) => boolean,
): ReadonlyMap<string, Uint8Array> {
  try {
    const entries = unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        if (!wanted(name)) return false;
        if (size > bytes.length || originalSize > (size + 1) * MAX_DEFLATE_RATIO) {
          throw new Error(`${name} declares ${originalSize} bytes`);
        }
        return true;
      },
    });
    return new Map(Object.entries(entries));
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError('Keras', `${what} is cut or damaged (${problem})`, undefined, { cause });
  }
}
