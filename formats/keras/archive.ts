/**
 * The `.keras` format of Keras 3 (and 2.12 to 2.15): a zip archive, or a folder, with `metadata.json`, `config.json` and
 * the arrays in `model.weights.h5` or `model.weights.npz`.
 */
import { FormatError } from '../../src/errors.ts';
import { withArchiveWeights } from './archive-weights.ts';
import { withHdf5 } from './hdf5.ts';
import { parseObject, textProperty } from './json.ts';
import type { KerasModel } from './keras-model.ts';
import { npzStore } from './npz-store.ts';
import { readTopology } from './topology.ts';
import { hdf5Store } from './weight-store.ts';
import { entryNames, unzip } from './zip.ts';

const METADATA = 'metadata.json';
const CONFIG = 'config.json';
const HDF5_WEIGHTS = 'model.weights.h5';
const NPZ_WEIGHTS = 'model.weights.npz';

/** What is read of an archive or folder; everything else in it is left alone. */
export const ARCHIVE_FILES: readonly string[] = [METADATA, CONFIG, HDF5_WEIGHTS, NPZ_WEIGHTS];

/** The model in a zip archive. Rejects with `FormatError` for an archive that is damaged or no model. */
export async function readZipArchive(bytes: Uint8Array): Promise<KerasModel> {
  const names = entryNames(bytes, 'the zip archive');
  checkFiles(names, 'zip archive');
  return readFiles(unzip(bytes, 'the zip archive', (name) => ARCHIVE_FILES.includes(name)));
}

/** The model in a folder, given by its files. Rejects with `FormatError` where they are damaged or no model. */
export async function readFolder(files: ReadonlyMap<string, Uint8Array>): Promise<KerasModel> {
  checkFiles([...files.keys()], 'folder');
  return readFiles(files);
}

/** Throws a `FormatError` that says what a collection of files is, if not a model, and what to do about it. */
function checkFiles(names: readonly string[], what: string): void {
  if (names.includes(CONFIG) && (names.includes(HDF5_WEIGHTS) || names.includes(NPZ_WEIGHTS))) return;
  throw new FormatError('Keras', problemWith(names, what));
}

function problemWith(names: readonly string[], what: string): string {
  const ends = (end: string) => names.some((name) => name === end || name.endsWith(`/${end}`));
  if (ends('saved_model.pb')) {
    return `a ${what} with a TensorFlow SavedModel, which holds no layers: load it in Keras 2 and save it as model.keras or model.h5`;
  }
  if (ends('model.json'))
    return `a ${what} with a TensorFlow.js model: tensorflowjs_converter makes a Keras .h5 file of it`;
  if (ends('data.pkl')) return `a ${what} with a PyTorch model: torch.onnx.export makes an ONNX model of it`;
  if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) {
    return 'an .npz file with arrays only, the architecture is missing: save the model with model.save';
  }
  if (names.includes(CONFIG)) return `a ${what} with ${CONFIG} but neither ${HDF5_WEIGHTS} nor ${NPZ_WEIGHTS}`;
  if (names.includes(HDF5_WEIGHTS)) return `a ${what} with weights but no ${CONFIG}: the architecture is missing`;
  return `a ${what} without ${CONFIG}, so no Keras model`;
}

async function readFiles(files: ReadonlyMap<string, Uint8Array>): Promise<KerasModel> {
  const text = (name: string) => new TextDecoder().decode(files.get(name));
  const metadata = files.has(METADATA) ? parseObject(text(METADATA), METADATA) : undefined;
  const kerasVersion = metadata ? textProperty(metadata, 'keras_version', METADATA) : '';
  const topology = readTopology(parseObject(text(CONFIG), CONFIG), kerasVersion);
  const weights = files.get(HDF5_WEIGHTS);
  const filled = weights
    ? await withHdf5(weights, (file) => withArchiveWeights(topology, hdf5Store(file)))
    : withArchiveWeights(topology, npzStore(files.get(NPZ_WEIGHTS)!));
  return { kerasVersion, topology: filled };
}
