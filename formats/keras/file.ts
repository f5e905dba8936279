/**
 * Reads a Keras model from disk: the only part of this folder that needs Node.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FormatError } from '../../src/errors.ts';
import type { Model } from '../../src/graph/graph.ts';
import { ARCHIVE_FILES } from './archive.ts';
import { type KerasSource, type ReadKerasOptions, readKeras } from './read.ts';

/** Files that tell what a folder is, where it is no Keras model. */
const TELLTALES = ['saved_model.pb', 'model.json'];

/**
 * Reads the model at `path`: a file, or the folder that a `.keras` archive was unzipped to. Rejects as `readKeras` does,
 * and with Node's own error where the file cannot be read.
 */
export async function readKerasFile(path: string, options: ReadKerasOptions = {}): Promise<Model> {
  return readKeras(readSource(path), options);
}

/** The bytes at `path`, or those files in the folder there that belong to a model. */
export function readSource(path: string): KerasSource {
  const status = statSync(path);
  if (!status.isDirectory()) {
    // Opening a pipe would wait for its other end.
    if (!status.isFile()) throw new FormatError('Keras', `${basename(path)} is not a regular file`);
    return new Uint8Array(readFileSync(path));
  }
  const found = [...ARCHIVE_FILES, ...TELLTALES].filter((name) => existsSync(join(path, name)));
  const regular = found.filter((name) => statSync(join(path, name)).isFile());
  return new Map(
    regular.map((name) => [
      name,
      TELLTALES.includes(name) ? new Uint8Array() : new Uint8Array(readFileSync(join(path, name))),
    ]),
  );
}
