/**
 * Layers that change the shape (keras/src/layers/reshaping). What the graph keeps with the channels first stays so wherever
 * the new shape can be told in that order: a flattened image only notes how it lies, and a permutation is no node at all.
 */
import type { Dim } from '../../../src/graph/graph.ts';
import {
  channelsFirst,
  type FlatPart,
  type GraphBuilder,
  identity,
  type KerasValue,
  keptShape,
  sameOrder,
} from '../graph-builder.ts';
import { channelAxis, setting, sizeSetting } from '../layer-config.ts';
import {
  inputOf,
  type LayerRows,
  layerError,
  type Rule,
  takeWeights,
  unsupportedLayer,
  withoutMask,
} from '../layer-rule.ts';
import { productOf } from '../sizes.ts';

/** The value seen with Keras' axis i being its axis `axes[i]`, while the graph keeps it as it is. */
export function permutedAxes(value: KerasValue, axes: readonly number[]): KerasValue {
  const { flat: _, ...rest } = value;
  return {
    ...rest,
    shape: axes.map((axis) => value.shape[axis]!),
    order: value.order.map((axis) => axes.indexOf(axis)),
  };
}

/** The value as (N, features). */
function flattened(builder: GraphBuilder, value: KerasValue): KerasValue {
  const { shape, order } = value;
  if (shape.length === 2) return value;
  const sizes = shape.slice(1);
  const [batch = null] = shape;
  const result = { dtype: value.dtype, shape: [batch, productOf(sizes)], order: [0, 1] };
  // Axes of size 1 may lie anywhere.
  const moved = order.filter((axis) => axis === 0 || shape[axis] !== 1);
  if (moved[0] === 0 && moved.every((axis, index) => index === 0 || moved[index - 1]! < axis)) {
    return { ...result, name: builder.emit('Flatten', [value.name]) };
  }
  const isKnown = sizes.every((size): size is number => typeof size === 'number');
  if (order[0] !== 0 || !isKnown) return { ...result, name: builder.emit('Flatten', [builder.plain(value).name]) };
  const part: FlatPart = { shape: sizes, order: order.slice(1).map((axis) => axis - 1) };
  return { ...result, name: builder.emit('Flatten', [value.name]), flat: [part] };
}

const flatten: Rule = (applied) => {
  const { layer, builder } = applied;
  takeWeights(layer, []);
  const value = withoutMask(inputOf(applied));
  const rank = value.shape.length;
  if (rank === 1) return reshaped(builder, value, [value.shape[0]!, 1]);
  // Keras itself puts the channels last before it flattens.
  const isFirst = rank > 2 && channelAxis(layer, rank) === 1;
  return flattened(builder, isFirst ? permutedAxes(value, [0, ...identity(rank).slice(2), 1]) : value);
};

/** The value with another shape of as many elements. */
function reshaped(builder: GraphBuilder, value: KerasValue, shape: readonly Dim[]): KerasValue {
  const { shape: before, order, flat, dtype } = value;
  const rank = shape.length;
  if (sameSizes(before, shape)) return value;
  if (rank === 2 && before.length > 2 && before[0] === shape[0]) return flattened(builder, value);
  const [part, ...others] = flat ?? [];
  if (part && others.length === 0 && before[0] === shape[0] && sameSizes(part.shape, shape.slice(1))) {
    const whole = [0, ...part.order.map((axis) => axis + 1)];
    const kept = whole.map((axis) => shape[axis]!);
    return { dtype, shape, order: whole, name: builder.reshape(value.name, kept) };
  }
  const keepsChannels =
    rank > 2 && before.length > 2 && typeof shape.at(-1) === 'number' && shape.at(-1) === before.at(-1);
  if (keepsChannels && before[0] === shape[0] && sameOrder(order, channelsFirst(before.length))) {
    const turned = channelsFirst(rank);
    return {
      dtype,
      shape,
      order: turned,
      name: builder.reshape(value.name, keptShape({ ...value, shape, order: turned })),
    };
  }
  return { dtype, shape, order: identity(rank), name: builder.reshape(builder.plain(value).name, shape) };
}

const sameSizes = (a: readonly Dim[], b: readonly Dim[]) =>
  a.length === b.length && a.every((size, axis) => size !== null && size === b[axis]);

const reshape: Rule = (applied) => {
  const { layer, builder } = applied;
  takeWeights(layer, []);
  const value = withoutMask(inputOf(applied));
  // As an operation it names the batch too.
  const whole = setting(layer, 'newshape') ?? setting(layer, 'shape');
  const given = Array.isArray(whole) ? whole.slice(1) : setting(layer, 'target_shape');
  if (Array.isArray(whole) && whole[0] !== -1 && whole[0] !== null && whole[0] !== value.shape[0]) {
    throw unsupportedLayer(layer, `a reshape to ${JSON.stringify(whole)}, which joins samples or parts them`);
  }
  const target = Array.isArray(given) ? given.map((size) => size ?? -1) : given;
  const isSize = (size: unknown) => Number.isSafeInteger(size) && ((size as number) > 0 || size === -1);
  if (!Array.isArray(target) || !target.every(isSize) || target.filter((size) => size === -1).length > 1) {
    throw layerError(layer, `has target_shape ${JSON.stringify(given)}, expected sizes, of which one may be -1`);
  }
  const [batch = null, ...sizes] = value.shape;
  const total = productOf(sizes);
  const known = target.reduce((product: number, size: number) => (size === -1 ? product : product * size), 1);
  const isOpen = target.includes(-1);
  if (typeof total === 'number' && (isOpen ? total % known !== 0 : total !== known)) {
    throw layerError(layer, `makes [${target}] of [${sizes}], which has ${total} elements`);
  }
  const open: Dim = typeof total === 'number' ? total / known : null;
  return reshaped(builder, value, [batch, ...target.map((size: number) => (size === -1 ? open : size))]);
};

const permute: Rule = (applied) => {
  const { layer, builder } = applied;
  takeWeights(layer, []);
  const value = withoutMask(inputOf(applied));
  const rank = value.shape.length;
  const dims = setting(layer, 'dims');
  if (!Array.isArray(dims) || !sameOrder([0, ...[...dims].sort((a, b) => a - b)], identity(rank))) {
    throw layerError(layer, `has dims ${JSON.stringify(dims)}, expected the axes of a value with ${rank} axes`);
  }
  return permutedAxes(value.flat ? builder.plain(value) : value, [0, ...dims]);
};

const repeatVector: Rule = (applied) => {
  const { layer, builder } = applied;
  takeWeights(layer, []);
  const value = builder.plain(inputOf(applied, 2, 2));
  const count = sizeSetting(layer, 'n');
  const [batch = null, features = null] = value.shape;
  const row = builder.emit('Unsqueeze', [value.name, builder.integers('axes', [1])]);
  const name = builder.emit('Tile', [row, builder.integers('repeats', [1, count, 1])]);
  return { name, dtype: value.dtype, shape: [batch, count, features], order: [0, 1, 2] };
};

export const RESHAPE_LAYERS: LayerRows = {
  Flatten: { rule: flatten },
  Reshape: { rule: reshape },
  Permute: { rule: permute },
  RepeatVector: { rule: repeatVector },
};
