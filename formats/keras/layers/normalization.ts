/**
 * Normalisation layers (keras/src/layers/normalization). A batch norm of the axis behind the batch is ONNX's own, which the
 * passes fold into the layer before it; along other axes it is a scale and a shift. A layer norm of the last axes is ONNX's
 * own too, and is written out where the graph keeps those axes elsewhere.
 */
import { arrayTensor, filledArray, withRows } from '../array-order.ts';
import { broadcastConstant } from '../broadcast.ts';
import {
  channelsFirst,
  featureOrder,
  float,
  type GraphBuilder,
  identity,
  int,
  type KerasValue,
  keptAxis,
} from '../graph-builder.ts';
import type { KerasArray, KerasLayer } from '../keras-model.ts';
import { axisOf, axisSetting, flagSetting, numberSetting, setting, sizeSetting } from '../layer-config.ts';
import {
  floatInput,
  inputOf,
  knownSize,
  type LayerRows,
  layerError,
  type Rule,
  takeWeights,
  unsupportedLayer,
} from '../layer-rule.ts';

/** Keras' epsilon where the layer does not set one. */
const EPSILON = 1e-3;

/** The axes that a layer normalises, from the front and in ascending order. */
function normalizedAxes(layer: KerasLayer, rank: number): number[] {
  const given = setting(layer, 'axis') ?? -1;
  const axes = (Array.isArray(given) ? given : [given]).map((axis) => axisOf(layer, 'axis', axis, rank));
  if (axes.length > 0 && !axes.includes(0)) return [...new Set(axes)].sort((a, b) => a - b);
  throw layerError(layer, `has axis ${JSON.stringify(given)}, expected axes other than the batch`);
}

const batchNormalization: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = floatInput(builder, inputOf(applied, 2));
  const [axis, ...others] = normalizedAxes(layer, value.shape.length);
  if (others.length > 0) throw unsupportedLayer(layer, 'a batch norm over several axes');
  if (flagSetting(layer, 'renorm', false)) throw unsupportedLayer(layer, 'batch renormalisation');
  const channels = knownSize(layer, value, axis!);
  const hasScale = flagSetting(layer, 'scale', true);
  const hasOffset = flagSetting(layer, 'center', true);
  const arrays = takeWeights(layer, [
    ...(hasScale ? [['gamma', [channels]] as const] : []),
    ...(hasOffset ? [['beta', [channels]] as const] : []),
    ['moving mean', [channels]],
    ['moving variance', [channels]],
  ]);
  const gamma = hasScale ? arrays[0]! : filledArray(channels, 1);
  const beta = hasOffset ? arrays[hasScale ? 1 : 0]! : filledArray(channels, 0);
  const [mean, variance] = arrays.slice(-2) as [KerasArray, KerasArray];
  const epsilon = numberSetting(layer, 'epsilon', EPSILON);
  if (keptAxis(value, 0) === 0 && keptAxis(value, axis!) === 1) {
    const order = value.flat && featureOrder(value.flat);
    const names = Object.entries({ gamma, beta, mean, variance }).map(([what, array]) =>
      builder.constant(what, arrayTensor(order ? withRows(array, order) : array)),
    );
    const name = builder.emit('BatchNormalization', [value.name, ...names], { epsilon: float(epsilon) });
    return { ...value, name };
  }
  const scale = gamma.values.map((factor, at) => factor / Math.sqrt(variance.values[at]! + epsilon));
  const shift = beta.values.map((offset, at) => offset - mean.values[at]! * scale[at]!);
  const shape = [channels, ...new Array<number>(value.shape.length - axis! - 1).fill(1)];
  const scaled = builder.emit('Mul', [
    value.name,
    broadcastConstant(builder, 'scale', { shape, values: scale }, value),
  ]);
  return {
    ...value,
    name: builder.emit('Add', [scaled, broadcastConstant(builder, 'shift', { shape, values: shift }, value)]),
  };
};

const layerNormalization: Rule = (applied) => {
  const { layer, builder } = applied;
  if (flagSetting(layer, 'rms_scaling', false)) throw unsupportedLayer(layer, 'rms_scaling');
  const given = floatInput(builder, inputOf(applied, 2));
  const value = given.flat ? builder.plain(given) : given;
  const rank = value.shape.length;
  const axes = normalizedAxes(layer, rank);
  const hasScale = flagSetting(layer, 'scale', true);
  const hasOffset = flagSetting(layer, 'center', true);
  const shape = axes.map((axis) => knownSize(layer, value, axis));
  const arrays = takeWeights(layer, [
    ...(hasScale ? [['gamma', shape] as const] : []),
    ...(hasOffset ? [['beta', shape] as const] : []),
  ]);
  const gamma = hasScale ? arrays[0]! : undefined;
  const beta = hasOffset ? arrays.at(-1)! : undefined;
  const epsilon = numberSetting(layer, 'epsilon', EPSILON);
  const isTrailing = axes.every((axis, index) => value.order[rank - axes.length + index] === axis);
  // ONNX's own must have a scale.
  if (isTrailing && gamma) {
    const scale = builder.constant('gamma', arrayTensor(gamma));
    const inputs = [value.name, scale, ...(beta ? [builder.constant('beta', arrayTensor(beta))] : [])];
    const attributes = { axis: int(-axes.length), epsilon: float(epsilon) };
    return { ...value, name: builder.emit('LayerNormalization', inputs, attributes) };
  }
  const centred = builder.emit('Sub', [value.name, mean(builder, value, value.name, axes)]);
  const variance = mean(builder, value, builder.emit('Mul', [centred, centred]), axes);
  const deviation = builder.emit('Sqrt', [builder.emit('Add', [variance, builder.scalar('epsilon', epsilon)])]);
  const normalized = { ...value, name: builder.emit('Div', [centred, deviation]) };
  return scaledAndShifted(builder, normalized, axes, gamma, beta);
};

/** The mean over Keras' axes `axes` of a tensor that is kept as `value` is; the axes stay, with size 1. */
function mean(builder: GraphBuilder, value: KerasValue, name: string, axes: readonly number[]): string {
  const places = axes.map((axis) => keptAxis(value, axis));
  return builder.emit('ReduceMean', [name, builder.integers('axes', places)]);
}

/** Multiplied by `gamma`, plus `beta`, both along `axes`. */
function scaledAndShifted(
  builder: GraphBuilder,
  value: KerasValue,
  axes: readonly number[],
  gamma: KerasArray | undefined,
  beta: KerasArray | undefined,
): KerasValue {
  const along = ({ shape, values }: KerasArray): KerasArray => ({
    shape: value.shape.map((_, axis) => (axes.includes(axis) ? shape[axes.indexOf(axis)]! : 1)),
    values,
  });
  let { name } = value;
  if (gamma) name = builder.emit('Mul', [name, broadcastConstant(builder, 'gamma', along(gamma), value)]);
  if (beta) name = builder.emit('Add', [name, broadcastConstant(builder, 'beta', along(beta), value)]);
  return { ...value, name };
}

const rmsNormalization: Rule = (applied) => {
  const { layer, builder } = applied;
  const given = floatInput(builder, inputOf(applied, 2));
  const value = given.flat ? builder.plain(given) : given;
  const axes = normalizedAxes(layer, value.shape.length);
  const [gamma] = takeWeights(layer, [['scale', axes.map((axis) => knownSize(layer, value, axis))]]);
  const square = mean(builder, value, builder.emit('Mul', [value.name, value.name]), axes);
  const epsilon = builder.scalar('epsilon', numberSetting(layer, 'epsilon', 1e-6));
  const root = builder.emit('Sqrt', [builder.emit('Add', [square, epsilon])]);
  const normalized = { ...value, name: builder.emit('Div', [value.name, root]) };
  return scaledAndShifted(builder, normalized, axes, gamma, undefined);
};

/** As many groups as channels make an instance norm. */
const groupNormalization: Rule = (applied) => {
  const { layer, builder } = applied;
  const given = floatInput(builder, inputOf(applied, 3));
  const rank = given.shape.length;
  const axis = axisSetting(layer, 'axis', rank, -1);
  if (axis !== 1 && axis !== rank - 1) throw unsupportedLayer(layer, `groups along axis ${axis}, between others`);
  const value = builder.ordered(given, axis === 1 ? identity(rank) : channelsFirst(rank));
  const channels = knownSize(layer, value, axis);
  const groups = setting(layer, 'groups') === -1 ? channels : sizeSetting(layer, 'groups', 32);
  if (channels % groups !== 0)
    throw layerError(layer, `has ${groups} groups, which ${channels} channels do not divide into`);
  const hasScale = flagSetting(layer, 'scale', true);
  const hasOffset = flagSetting(layer, 'center', true);
  const arrays = takeWeights(layer, [
    ...(hasScale ? [['gamma', [channels]] as const] : []),
    ...(hasOffset ? [['beta', [channels]] as const] : []),
  ]);
  const gamma = hasScale ? arrays[0]! : filledArray(channels, 1);
  const beta = hasOffset ? arrays.at(-1)! : filledArray(channels, 0);
  const inputs = [
    value.name,
    builder.constant('gamma', arrayTensor(gamma)),
    builder.constant('beta', arrayTensor(beta)),
  ];
  const epsilon = float(numberSetting(layer, 'epsilon', EPSILON));
  const name =
    groups === channels
      ? builder.emit('InstanceNormalization', inputs, { epsilon })
      : builder.emit('GroupNormalization', inputs, { epsilon, num_groups: int(groups) });
  return { ...value, name };
};

/** Keras 3 bounds the length by 1e-12 from below, Keras 2 its square. */
const unitNormalization: Rule = (applied) => {
  const { layer, builder, kerasMajor } = applied;
  takeWeights(layer, []);
  const given = floatInput(builder, inputOf(applied, 2));
  const value = given.flat ? builder.plain(given) : given;
  const places = normalizedAxes(layer, value.shape.length).map((axis) => keptAxis(value, axis));
  const length = builder.emit('ReduceL2', [value.name, builder.integers('axes', places)]);
  const bounded = builder.emit('Max', [length, builder.scalar('least', kerasMajor >= 3 ? 1e-12 : 1e-6)]);
  return { ...value, name: builder.emit('Div', [value.name, bounded]) };
};

const BATCH_NORMALIZATION = { rule: batchNormalization, passesMask: true, note: 'along one axis' } as const;

export const NORMALIZATION_LAYERS: LayerRows = {
  BatchNormalization: BATCH_NORMALIZATION,
  BatchNormalizationV1: BATCH_NORMALIZATION,
  BatchNormalizationV2: BATCH_NORMALIZATION,
  SyncBatchNormalization: BATCH_NORMALIZATION,
  LayerNormalization: { rule: layerNormalization, passesMask: true, note: 'without `rms_scaling`' },
  RMSNormalization: { rule: rmsNormalization, passesMask: true },
  GroupNormalization: {
    rule: groupNormalization,
    passesMask: true,
    note: 'along the first axis behind the batch or the last',
  },
  SpectralNormalization: { refused: 'it wraps a layer whose kernel it changes; save the layer inside it' },
  UnitNormalization: { rule: unitNormalization, passesMask: true },
};
