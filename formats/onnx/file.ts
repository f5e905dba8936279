/**
 * Reads an ONNX model and its external data from files: the only part of this folder that needs Node.
 */
import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { FormatError } from '../../src/errors.ts';
import type { Model } from '../../src/graph/graph.ts';
import { quote } from './quote.ts';
import { readOnnx } from './read.ts';

/**
 * Reads the model at `path`, with external data from the folder it lies in; each file is read once. Throws what
 * `readOnnx` throws, `FormatError` for external data that are missing or that a symbolic link leads out of the folder,
 * and Node's own error where the model file cannot be read.
 */
export async function readOnnxFile(path: string): Promise<Model> {
  const folder = dirname(path);
  return readOnnx(readWhole(path), {
    externalData: (location) => readWhole(insideFolder(folder, location, basename(path))),
  });
}

function insideFolder(folder: string, location: string, model: string): string {
  const root = realpathSync(folder);
  let target: string;
  try {
    target = realpathSync(join(root, location));
  } catch (cause) {
    const problem = `external data ${quote(location)} not found beside ${model}`;
    throw new FormatError('ONNX', problem, undefined, { cause });
  }
  if (target.startsWith(root.endsWith(sep) ? root : root + sep)) return target;
  throw new FormatError('ONNX', `external data ${quote(location)} leads out of the folder of ${model}`);
}

/** The largest single read that Node takes. */
const MAX_READ = 2 ** 30;

/** A regular file of any size: `readFile` stops at 2 GB, and pads nothing to the alignment of typed arrays. */
function readWhole(path: string): Uint8Array {
  const status = statSync(path);
  // Opening a pipe would wait for its other end.
  if (!status.isFile()) throw new FormatError('ONNX', `${quote(basename(path))} is not a regular file`);
  const file = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(status.size);
    let position = 0;
    while (position < bytes.length) {
      const count = readSync(file, bytes, position, Math.min(MAX_READ, bytes.length - position), position);
      if (count === 0) throw new FormatError('ONNX', `${quote(basename(path))} became shorter while it was read`);
      position += count;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}
