/**
 * Whole models in HDF5, as `model.save` of Keras 1 and 2 writes them and Keras 3 still does for names that end in .h5:
 * attributes `model_config` and `keras_version`, and a group `model_weights` with a group of arrays for each layer.
 */
import { FormatError } from '../../src/errors.ts';
import { earlyWeights } from './early-weights.ts';
import type { Hdf5File } from './hdf5.ts';
import { parseObject } from './json.ts';
import type { KerasLayer, KerasModel, KerasTopology } from './keras-model.ts';
import { distribute, type NamedArray } from './nested-weights.ts';
import { readTopology } from './topology.ts';

/** The text in attributes that Keras cuts in pieces where it is too long a list: `layer_names0`, `layer_names1`, … */
function textList(file: Hdf5File, path: string, name: string): string[] | undefined {
  const whole = file.texts(path, name);
  if (whole) return whole;
  const pieces: string[] = [];
  for (let piece = 0; ; piece++) {
    const texts = file.texts(path, `${name}${piece}`);
    if (!texts) return piece === 0 ? undefined : pieces;
    pieces.push(...texts);
  }
}

/**
 * The model in an HDF5 file. Throws `FormatError` for a file that holds no whole model, and as `readTopology` does.
 */
export function readLegacyFile(file: Hdf5File): KerasModel {
  const config = file.texts('/', 'model_config')?.[0];
  if (config === undefined) throw new FormatError('Keras', whatIsMissing(file));
  const kerasVersion = file.texts('/', 'keras_version')?.[0] ?? file.texts(WEIGHTS, 'keras_version')?.[0] ?? '';
  const topology = readTopology(parseObject(config, 'the attribute model_config'), kerasVersion);
  const backend = file.texts('/', 'backend')?.[0] ?? file.texts(WEIGHTS, 'backend')?.[0];
  return { kerasVersion, topology: withWeights(file, topology, { kerasVersion, backend }) };
}

const WEIGHTS = 'model_weights';

/** Why a file without `model_config` is no model. */
function whatIsMissing(file: Hdf5File): string {
  const missing = 'the architecture is missing: save the model with model.save, not model.save_weights';
  if (file.texts('/', 'layer_names') ?? file.texts('/', 'layer_names0'))
    return `an HDF5 file with weights only, ${missing}`;
  if (['layers', '_layer_checkpoint_dependencies', 'vars'].some((name) => file.kind(name) === 'group')) {
    return `an HDF5 file with weights only (.weights.h5), ${missing}`;
  }
  return 'an HDF5 file without the attribute model_config, so no Keras model';
}

function withWeights(
  file: Hdf5File,
  topology: KerasTopology,
  origin: { kerasVersion: string; backend: string | undefined },
): KerasTopology {
  if (file.kind(WEIGHTS) !== 'group') throw new FormatError('Keras', `the HDF5 file has no group ${WEIGHTS}`);
  const stored = new Set(textList(file, WEIGHTS, 'layer_names') ?? file.children(WEIGHTS));
  const layers = topology.layers.map((layer): KerasLayer => {
    const arrays = stored.has(layer.name) ? layerArrays(file, `${WEIGHTS}/${layer.name}`) : [];
    if (layer.inner) return { ...layer, inner: distribute(layer.inner, arrays) };
    return { ...layer, weights: arrays.map(({ array }) => array) };
  });
  return mapLayers({ ...topology, layers }, (layer) => ({ ...layer, weights: earlyWeights(layer, origin) }));
}

/** The arrays of one layer in Keras' order, with their names. */
function layerArrays(file: Hdf5File, group: string): NamedArray[] {
  const names = textList(file, group, 'weight_names');
  if (!names) throw new FormatError('Keras', `the group ${group} of the HDF5 file does not list its weight_names`);
  return names.map((name) => ({ name, array: file.array(`${group}/${name}`) }));
}

/** The structure with every layer that is no model changed, nested ones too. */
function mapLayers(topology: KerasTopology, change: (layer: KerasLayer) => KerasLayer): KerasTopology {
  const layers = topology.layers.map((layer) =>
    layer.inner ? { ...layer, inner: mapLayers(layer.inner, change) } : change(layer),
  );
  return { ...topology, layers };
}
