/**
 * NumPy's .npz: a zip archive with one .npy array per entry.
 */
import { readFile } from 'node:fs/promises';
import { unzipSync, zipSync } from 'fflate';
import { FormatError } from '../errors.ts';
import { elementCount, type Tensor } from '../graph/tensor.ts';
import type { ArrayDataset } from './dataset.ts';
import { readNpy, writeNpy } from './npy.ts';

/** Deflate cannot shrink further than this: an entry that declares more is not believed. */
const MAX_DEFLATE_RATIO = 1032;

/** The arrays of a file as a data set; see `readNpz`. */
export async function openNpz(path: string, name: string): Promise<ArrayDataset> {
  return { kind: 'arrays', name, ...readNpz(await readFile(path), path) };
}

/**
 * All arrays of an archive and the length of their common first axis. Throws `FormatError` where it is no zip, an
 * entry is not an array, an array has no first axis, or their lengths differ; `path` only serves the messages.
 */
export function readNpz(bytes: Uint8Array, path: string): { count: number; arrays: Map<string, Tensor> } {
  const arrays = new Map<string, Tensor>();
  let count: number | undefined;
  for (const [entry, content] of Object.entries(unzip(bytes, path))) {
    if (!entry.endsWith('.npy')) throw new FormatError('npz', `${path} holds ${entry}, expected only .npy arrays`);
    const array = readNpy(content, `${path}: ${entry}`);
    const rows = array.shape[0];
    if (rows === undefined || elementCount(array.shape) === 0) {
      throw new FormatError('npz', `${path}: ${entry} has shape [${array.shape}], expected samples along a first axis`);
    }
    if (count !== undefined && rows !== count) {
      throw new FormatError('npz', `${path}: ${entry} has ${rows} samples, an array before it ${count}`);
    }
    count = rows;
    arrays.set(entry.slice(0, -'.npy'.length), array);
  }
  if (count === undefined) throw new FormatError('npz', `${path} holds no arrays`);
  return { count, arrays };
}

function unzip(bytes: Uint8Array, path: string): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        if (originalSize > (size + 1) * MAX_DEFLATE_RATIO) throw new Error(`${name} declares ${originalSize} bytes`);
        return true;
      },
    });
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError('npz', `${path} is not a sound zip archive (${problem})`, undefined, { cause });
  }
}

/** An archive of these tensors by name, deflated. Throws as `writeNpy` does. */
export function writeNpz(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  return zipSync(Object.fromEntries([...tensors].map(([name, tensor]) => [`${name}.npy`, writeNpy(tensor)])));
}
