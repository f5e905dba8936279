/**
 * Preprocessing layers (keras/src/layers/preprocessing) that compute with numbers; those that look words up are refused.
 */
import { broadcastConstant } from '../broadcast.ts';
import type { KerasArray, KerasLayer } from '../keras-model.ts';
import { axisOf, flagSetting, setting } from '../layer-config.ts';
import {
  floatInput,
  inputOf,
  knownSize,
  type LayerRow,
  type LayerRows,
  layerError,
  type Rule,
  takeWeights,
} from '../layer-rule.ts';
import { constantArray } from '../operands.ts';

/** x · scale + offset; lists are along the last axis. */
const rescaling: Rule = (applied) => {
  const { layer, builder } = applied;
  takeWeights(layer, []);
  const value = floatInput(builder, inputOf(applied));
  const along = (name: string, fallback: number): KerasArray => {
    const array = constantArray(layer, setting(layer, name) ?? fallback);
    if (array.shape.length <= value.shape.length) return array;
    throw layerError(layer, `has ${name} of ${array.shape.length} axes, expected no more than its input's`);
  };
  const scale = along('scale', 1);
  const offset = along('offset', 0);
  let { name } = value;
  if (scale.values.some((each) => each !== 1)) {
    name = builder.emit('Mul', [name, broadcastConstant(builder, 'scale', scale, value)]);
  }
  if (offset.values.some((each) => each !== 0)) {
    name = builder.emit('Add', [name, broadcastConstant(builder, 'offset', offset, value)]);
  }
  return { ...value, name };
};

/** The least deviation that Keras divides by. */
const LEAST_DEVIATION = 1e-7;

/** (x − mean) / deviation, with numbers that the layer was given or has learned. */
const normalization: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = floatInput(builder, inputOf(applied));
  const rank = value.shape.length;
  const given = setting(layer, 'axis');
  // Absent, it is the last axis; null is one number for all.
  const axes = (layer.config.axis === null ? [] : Array.isArray(given) ? given : [given ?? -1]).map((axis) =>
    axisOf(layer, 'axis', axis, rank),
  );
  const sizes = axes.map((axis) => knownSize(layer, value, axis));
  const { mean, variance } = statistics(layer, sizes);
  const along = (values: Float32Array): KerasArray => ({
    shape: value.shape.map((_, axis) => (axes.includes(axis) ? sizes[axes.indexOf(axis)]! : 1)),
    values,
  });
  const deviation = variance.map((each) => Math.max(Math.sqrt(each), LEAST_DEVIATION));
  const deviations = broadcastConstant(builder, 'deviation', along(deviation), value);
  const means = broadcastConstant(builder, 'mean', along(mean), value);
  const name = flagSetting(layer, 'invert', false)
    ? builder.emit('Add', [builder.emit('Mul', [value.name, deviations]), means])
    : builder.emit('Div', [builder.emit('Sub', [value.name, means]), deviations]);
  return { ...value, name };
};

/** Means and variances for each place of axes with these sizes: from the configuration or, of an adapted layer, its weights. */
function statistics(layer: KerasLayer, sizes: readonly number[]): { mean: Float32Array; variance: Float32Array } {
  const count = sizes.reduce((product, size) => product * size, 1);
  if (setting(layer, 'mean') === undefined) {
    const counted = layer.weights.length === 3 ? [['count', []] as const] : [];
    const [mean, variance] = takeWeights(layer, [['mean', sizes], ['variance', sizes], ...counted]);
    return { mean: mean!.values, variance: variance!.values };
  }
  const along = (name: string): Float32Array => {
    const { values } = constantArray(layer, setting(layer, name));
    if (values.length === count) return values;
    if (values.length === 1) return new Float32Array(count).fill(values[0]!);
    throw layerError(layer, `has ${values.length} numbers as its ${name}, expected ${count}`);
  };
  return { mean: along('mean'), variance: along('variance') };
}

const WORDS = 'it takes text or looks up a vocabulary, which belongs before the model';
const BUCKETS = 'it sorts values into categories, which belongs before the model';
const CATEGORIES = 'it encodes categories, which belongs before the model';

const refused = (reason: string, ...names: readonly string[]): [string, LayerRow][] =>
  names.map((name) => [name, { refused: reason }]);

export const PREPROCESSING_LAYERS: LayerRows = {
  Rescaling: { rule: rescaling },
  Normalization: { rule: normalization },
  ...Object.fromEntries([
    ...refused(WORDS, 'TextVectorization', 'StringLookup', 'IntegerLookup'),
    ...refused(BUCKETS, 'Discretization', 'Hashing', 'HashedCrossing'),
    ...refused(CATEGORIES, 'CategoryEncoding'),
    ...refused('it makes spectrograms of sound, which belongs before the model', 'MelSpectrogram', 'STFTSpectrogram'),
  ]),
};
