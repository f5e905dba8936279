/**
 * Layers that merge several values (keras/src/layers/merging): element by element, along an axis, or by products.
 */
import { broadcastShape, together } from '../broadcast.ts';
import { type FlatPart, type GraphBuilder, identity, int, type KerasValue, keptAxis } from '../graph-builder.ts';
import type { KerasLayer } from '../keras-model.ts';
import { axisOf, axisSetting, flagSetting, setting } from '../layer-config.ts';
import { floatInput, inputsOf, type LayerRows, layerError, type Rule, takeWeights, valuesOf } from '../layer-rule.ts';
import { type Operand, operandsOf } from '../operands.ts';
import { productOf } from '../sizes.ts';
import { mergedMask } from './merged-mask.ts';

/** Combines any number of values element by element; `combine` gets their names. */
const elementwise =
  (combine: (builder: GraphBuilder, names: readonly string[]) => string, most = Number.POSITIVE_INFINITY): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    takeWeights(layer, []);
    const operands = operandsOf(applied);
    if (operands.length > most) throw layerError(layer, `is called with ${operands.length} inputs, expected ${most}`);
    const shape = operands.map((operand) => operand.shape).reduce((a, b) => broadcastShape(layer, a, b));
    const name = combine(
      builder,
      operands.map((operand) => operand.name),
    );
    const [{ order, flat }] = operands as [Operand, ...Operand[]];
    // An operation, whose operands are arguments of their own, hands no mask on.
    const mask = applied.args.length === 1 ? mergedMask(applied, valuesOf(applied.args)) : {};
    return { name, dtype: 'float32', shape, order, ...(flat && { flat }), ...mask };
  };

/** A chain of one operator with two inputs. */
const chained = (op: string) => (builder: GraphBuilder, names: readonly string[]) =>
  names.reduce((result, name) => builder.emit(op, [result, name]));

/** One operator with any number of inputs. */
const variadic = (op: string) => (builder: GraphBuilder, names: readonly string[]) => builder.emit(op, names);

const concatenate: Rule = (applied) => {
  const { layer, builder } = applied;
  takeWeights(layer, []);
  const values = inputsOf(applied, 1);
  const [first] = values;
  const rank = first!.shape.length;
  const other = values.find(({ shape }) => shape.length !== rank);
  if (other) throw layerError(layer, `is given values of ${rank} and of ${other.shape.length} axes, expected as many`);
  const axis = axisSetting(layer, 'axis', rank, -1);
  return { ...concatenated(builder, layer, values, axis), ...mergedMask(applied, values, axis) };
};

/** The values one after another along Keras' axis `axis`. All have the same rank. */
function concatenated(
  builder: GraphBuilder,
  layer: KerasLayer,
  given: readonly KerasValue[],
  axis: number,
): KerasValue {
  const sameType = given.every(({ dtype }) => dtype === given[0]!.dtype);
  const values = sameType ? given : given.map((value) => floatInput(builder, value));
  const flat = axis === 1 ? joinedParts(values) : undefined;
  const aligned = flat ? values : together(builder, values);
  const [first] = aligned;
  const sizes = aligned.map(({ shape }) => shape[axis]!);
  const total = sizes.every((size): size is number => typeof size === 'number') ? sizes.reduce((a, b) => a + b) : null;
  const shape = aligned
    .map((value) => value.shape.with(axis, 1))
    .reduce((a, b) => broadcastShape(layer, a, b))
    .with(axis, total);
  const names = aligned.map(({ name }) => name);
  const name = builder.emit('Concat', names, { axis: int(flat ? 1 : keptAxis(first!, axis)) });
  return { name, dtype: first!.dtype, shape, order: first!.order, ...(flat && { flat }) };
}

/** Where more features than this are to be put in order, the values before them are. */
const MOST_FEATURES = 2 ** 20;

/** The parts of all values behind each other, where any is flat; `undefined` where none is, or a size is not known. */
function joinedParts(values: readonly KerasValue[]): FlatPart[] | undefined {
  if (!values.some(({ flat }) => flat)) return undefined;
  const parts: FlatPart[] = [];
  for (const { flat, shape, order } of values) {
    const [, features] = shape;
    if (flat) parts.push(...flat);
    else if (typeof features === 'number' && order[0] === 0) parts.push({ shape: [features], order: [0] });
    else return undefined;
  }
  const count = parts.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
  return count <= MOST_FEATURES ? parts : undefined;
}

/** The scalar product along one axis of each value, for all their other axes. */
const dot: Rule = (applied) => {
  const { layer, builder } = applied;
  takeWeights(layer, []);
  const [a, b, ...others] = inputsOf(applied, 2).map((value) => builder.plain(floatInput(builder, value)));
  if (others.length > 0) throw layerError(layer, `is called with ${others.length + 2} inputs, expected 2`);
  const given = setting(layer, 'axes') ?? -1;
  const [first, second] = Array.isArray(given) ? given : [given, given];
  const sides = [
    { value: a!, axis: axisOf(layer, 'axes', first, a!.shape.length) },
    { value: b!, axis: axisOf(layer, 'axes', second, b!.shape.length) },
  ] as const;
  if (sides.some(({ axis }) => axis === 0))
    throw layerError(layer, 'multiplies along the batch, expected another axis');
  const [sizeA, sizeB] = sides.map(({ value, axis }) => value.shape[axis]);
  if (typeof sizeA === 'number' && typeof sizeB === 'number' && sizeA !== sizeB) {
    throw layerError(layer, `multiplies along axes of ${sizeA} and ${sizeB}, expected the same size`);
  }
  const isUnit = flagSetting(layer, 'normalize', false);
  const [left, right] = sides.map(({ value, axis }, side) => {
    const scaled = isUnit ? unitLength(builder, value, axis) : value;
    const rest = identity(value.shape.length)
      .slice(1)
      .filter((other) => other !== axis);
    const order = side === 0 ? [0, ...rest, axis] : [0, axis, ...rest];
    const { name } = builder.ordered(scaled, order);
    const sizes = rest.map((other) => value.shape[other]!);
    const length = value.shape[axis]!;
    if (rest.length === 1) return { name, sizes };
    const all = productOf(sizes);
    const [batch = null] = value.shape;
    return { name: builder.reshape(name, side === 0 ? [batch, all, length] : [batch, length, all]), sizes };
  });
  const product = builder.emit('MatMul', [left!.name, right!.name]);
  const sizes = [...left!.sizes, ...right!.sizes];
  const shape = [a!.shape[0]!, ...(sizes.length === 0 ? [1] : sizes)];
  const isMatrix = left!.sizes.length === 1 && right!.sizes.length === 1;
  const name = isMatrix ? product : builder.reshape(product, shape);
  return { name, dtype: 'float32', shape, order: identity(shape.length) };
};

/** Divided by the length along `axis`, whose square Keras bounds by 1e-12 from below. */
function unitLength(builder: GraphBuilder, value: KerasValue, axis: number): KerasValue {
  const length = builder.emit('ReduceL2', [value.name, builder.integers('axes', [keptAxis(value, axis)])]);
  const bounded = builder.emit('Max', [length, builder.scalar('least', 1e-6)]);
  return { ...value, name: builder.emit('Div', [value.name, bounded]) };
}

export const MERGE_LAYERS: LayerRows = {
  Add: { rule: elementwise(chained('Add')) },
  Subtract: { rule: elementwise(chained('Sub'), 2) },
  Multiply: { rule: elementwise(chained('Mul')) },
  Average: { rule: elementwise(variadic('Mean')) },
  Maximum: { rule: elementwise(variadic('Max')) },
  Minimum: { rule: elementwise(variadic('Min')) },
  Concatenate: { rule: concatenate },
  Dot: { rule: dot },
};
