/**
 * What Keras 3 writes into a model for its masks (`compute_mask` of keras/src/layers): comparisons and logical operations,
 * whose results layers then take as their argument `mask`.
 */
import { int64Tensor, numericTensor } from '../../../src/graph/tensor.ts';
import { broadcastShape, sameRank, together } from '../broadcast.ts';
import { type GraphBuilder, identity, int, type KerasValue } from '../graph-builder.ts';
import { axisOf, flagSetting, setting } from '../layer-config.ts';
import { inputOf, inputsOf, type LayerRows, layerError, type Rule, unsupportedLayer } from '../layer-rule.ts';

const FLOATS = /^b?float/;

/** Compares with a number, as `Embedding` and `Masking` do. */
const notEqual: Rule = (applied) => {
  const { layer, builder, args } = applied;
  const value = builder.plain(inputOf(applied));
  const other = args[1]?.kind === 'constant' ? args[1].value : undefined;
  if (typeof other !== 'number') throw unsupportedLayer(layer, 'a comparison with anything but a number');
  if (other === 0) return truth(builder, value);
  const isWhole = !FLOATS.test(value.dtype) && Number.isSafeInteger(other);
  const compared = builder.cast(value, isWhole ? 'int64' : 'float32');
  const number = isWhole ? builder.constant('number', int64Tensor([other], [])) : builder.scalar('number', other);
  const name = builder.emit('Not', [builder.emit('Equal', [compared.name, number])]);
  return { ...value, name, dtype: 'bool' };
};

/** True where the value is not zero. */
const truth = (builder: GraphBuilder, value: KerasValue): KerasValue => builder.cast(value, 'bool');

const any: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = builder.plain(inputOf(applied));
  const rank = value.shape.length;
  const given = setting(layer, 'axis') ?? identity(rank);
  const axes = (Array.isArray(given) ? given : [given]).map((axis) => axisOf(layer, 'axis', axis, rank));
  const keepsAxes = flagSetting(layer, 'keepdims', false);
  const counts = builder.cast(truth(builder, value), 'float32');
  const name = builder.emit('ReduceMax', [counts.name, builder.integers('axes', axes)], {
    keepdims: int(keepsAxes ? 1 : 0),
  });
  const shape = value.shape.flatMap((size, axis) => (!axes.includes(axis) ? [size] : keepsAxes ? [1] : []));
  return truth(builder, { name, dtype: 'float32', shape, order: identity(shape.length) });
};

const logical =
  (op: 'And' | 'Or'): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    const values = inputsOf(applied, 2).map((value) => truth(builder, builder.plain(value)));
    if (values.length > 2) throw layerError(layer, `is called with ${values.length} values, expected 2`);
    const [a, b] = together(builder, sameRank(builder, values, 0)) as [KerasValue, KerasValue];
    const shape = broadcastShape(layer, a.shape, b.shape);
    return { name: builder.emit(op, [a.name, b.name]), dtype: 'bool', shape, order: a.order };
  };

const zerosLike: Rule = (applied) => {
  const { layer, builder } = applied;
  const { name, shape } = builder.plain(inputOf(applied));
  if (setting(layer, 'dtype') !== 'bool') throw unsupportedLayer(layer, 'zeros that are no mask');
  const value = { type: 'tensor', value: numericTensor('bool', [1], Uint8Array.of(0)) } as const;
  const zeros = builder.emit('ConstantOfShape', [builder.emit('Shape', [name])], { value });
  return { name: zeros, dtype: 'bool', shape, order: identity(shape.length) };
};

export const MASK_OPERATIONS: LayerRows = {
  NotEqual: { rule: notEqual, note: 'from a number' },
  Any: { rule: any },
  LogicalAnd: { rule: logical('And') },
  LogicalOr: { rule: logical('Or') },
  ZerosLike: { rule: zerosLike, note: 'in masks' },
};
