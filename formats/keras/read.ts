/**
 * Reads Keras models of all kinds of file. Works in browsers too.
 */
import { FormatError } from '../../src/errors.ts';
import type { Model } from '../../src/graph/graph.ts';
import { readFolder, readZipArchive } from './archive.ts';
import { type BuildOptions, buildGraph } from './build-graph.ts';
import { withHdf5 } from './hdf5.ts';
import type { KerasModel } from './keras-model.ts';
import { readLegacyFile } from './legacy-file.ts';
import { isHdf5, isZip } from './signatures.ts';

export type ReadKerasOptions = BuildOptions;

/** A file's bytes, or the files of an unzipped `.keras` by path (`config.json`, …). */
export type KerasSource = Uint8Array | ReadonlyMap<string, Uint8Array>;

/**
 * Reads a whole model: HDF5 (`.h5`, `.hdf5` or `.keras`, of Keras 1.2 to 3) or `.keras` (Keras 2.12 to 3), as a file or as
 * an unzipped folder. The result is a graph of opset 21. Inputs and outputs have the Keras model's own layout, unless
 * `layout` is `nchw`; they are named after the Keras layers.
 *
 * Rejects with `FormatError` for what is no sound Keras model, and with `UnsupportedError`, which names the layer and its
 * path, for a layer that cannot be read, such as one that holds Python code.
 */
export async function readKeras(source: KerasSource, options: ReadKerasOptions = {}): Promise<Model> {
  return buildGraph(await readKerasModel(source), options);
}

/** The same model as Keras itself describes it: layers, calls and arrays. Rejects as `readKeras` does. */
export async function readKerasModel(source: KerasSource): Promise<KerasModel> {
  if (!(source instanceof Uint8Array)) return readFolder(source);
  if (isHdf5(source)) return withHdf5(source, readLegacyFile);
  if (isZip(source)) return readZipArchive(source);
  const found = source.length === 0 ? 'the file is empty' : 'this is neither';
  throw new FormatError('Keras', `${found}, expected an HDF5 file or a .keras archive`, 0);
}
