/**
 * Tensor data outside the model file (onnx/docs/ExternalData.md): which part of which file, checked before it is touched.
 */
import { FormatError } from '../../src/errors.ts';
import { quote } from './quote.ts';
import { plainBytes } from './wire-read.ts';

/** Gives the whole content of the external file at a relative location, such as `weights.bin` or `data/conv1`. */
export type ExternalLoader = (location: string) => Uint8Array;

/**
 * Gives the part of an external file that a tensor's `external_data` entries name, as a view.
 * `length` is what the tensor's type and shape ask for, `tensor` its name for error messages.
 */
export type ExternalReader = (entries: ReadonlyMap<string, string>, length: number, tensor: string) => Uint8Array;

/** Reads through `load`, asking it once for each file. */
export function externalReader(load: ExternalLoader | undefined): ExternalReader {
  const files = new Map<string, Uint8Array>();
  return (entries, length, tensor) => {
    const location = checkedLocation(entries.get('location') ?? '', tensor);
    const offset = byteCount(entries.get('offset') ?? '0', 'offset', tensor);
    const stated = byteCount(entries.get('length') ?? `${length}`, 'length', tensor);
    if (stated !== length) {
      throw new FormatError(
        'ONNX',
        `tensor ${quote(tensor)} needs ${length} bytes, but its external data have ${stated}`,
      );
    }
    if (!load) {
      throw new FormatError(
        'ONNX',
        `tensor ${quote(tensor)} is in the external file ${quote(location)}, which was not given`,
      );
    }
    const file = files.get(location) ?? plainBytes(load(location));
    files.set(location, file);
    if (offset + length > file.length) {
      const end = offset + length;
      const problem = `tensor ${quote(tensor)} ends at byte ${end} of ${quote(location)}, which has only ${file.length} bytes`;
      throw new FormatError('ONNX', problem);
    }
    return file.subarray(offset, offset + length);
  };
}

/** The location without `.` segments. Throws `FormatError` unless it is a relative path that stays in its folder. */
function checkedLocation(location: string, tensor: string): string {
  const segments = location.split('/').filter((segment) => segment !== '.' && segment !== '');
  const isAbsolute = location.startsWith('/') || /^[a-z][a-z0-9+.-]*:/i.test(location);
  if (segments.length === 0 || isAbsolute || segments.includes('..') || /[\\\0]/.test(location)) {
    throw new FormatError(
      'ONNX',
      `external data of tensor ${quote(tensor)} must lie in the model's folder, not at ${quote(location)}`,
    );
  }
  return segments.join('/');
}

function byteCount(text: string, what: string, tensor: string): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new FormatError('ONNX', `external data of tensor ${quote(tensor)} have the invalid ${what} ${quote(text)}`);
  }
  return value;
}
