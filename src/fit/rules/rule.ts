/**
 * What a gradient rule sees of a node and what it answers, and the steps that many rules share.
 */
import { UnsupportedError } from '../../errors.ts';
import type { Dim, Node } from '../../graph/graph.ts';
import { toNumbers } from '../../graph/numbers.ts';
import { quotient } from '../../graph/shapes/dims.ts';
import type { Emitter, Operand } from '../emit.ts';

/** The names of a node's inputs; those that it does not have are empty strings, and there are always enough of them. */
export type Inputs = readonly [string, string, string, string, string, ...string[]];

/** A node and the gradient of the loss by its outputs. */
export interface Application {
  readonly node: Node;
  readonly inputs: Inputs;
  /** The first input. */
  readonly x: string;
  /** The first output. */
  readonly y: string;
  /** The cotangent of the first output: the gradient of the loss by it, of the output's shape. */
  readonly dy: string;
  /** The cotangents of all outputs in order, `undefined` where the loss does not depend on one. */
  readonly cotangents: readonly (string | undefined)[];
  /** Whether the gradient by input `index` is wanted; rules need not ask, since what nobody wants is removed. */
  wants(index: number): boolean;
}

/**
 * Emits nodes for the gradients by a node's inputs, in their order, each of the input's shape; `undefined` or missing for an
 * input by which there is none.
 */
export type GradientRule = (emit: Emitter, at: Application) => readonly (string | undefined)[];

/** Rules by operator of the default domain. */
export type GradientRules = Readonly<Record<string, GradientRule>>;

/** The error for what a rule cannot do: `problem` says what and why. */
export function unsupported({ op, name, outputs }: Node, problem: string): UnsupportedError {
  return new UnsupportedError(`${op} (node ${JSON.stringify(name || outputs[0])}): ${problem}`);
}

/** The rule of an operator on one value whose derivative at each element is what `derivative` emits. */
export const slope =
  (derivative: (emit: Emitter, at: Application) => Operand): GradientRule =>
  (emit, at) => [emit.Mul(at.dy, derivative(emit, at))];

/** A rule whose gradients have the shape of the output, to which the inputs were broadcast. */
export const broadcasting =
  (rule: GradientRule): GradientRule =>
  (emit, at) =>
    rule(emit, at).map((gradient, index) => gradient && sumTo(emit, gradient, at.inputs[index]!));

/** The shape of `value` as an operand: its sizes where all are known, else what Shape finds at run time. */
export function sizesOf(emit: Emitter, value: string): Operand {
  const shape = emit.shapeOf(value);
  return shape && isStatic(shape) ? shape : emit.Shape(value);
}

/** Whether all dimensions are known as numbers. */
export function isStatic(shape: readonly Dim[]): shape is readonly number[] {
  return shape.every((dim) => typeof dim === 'number');
}

/** Whether two values certainly have the same shape. */
export function sameShape(emit: Emitter, a: string, b: string): boolean {
  const [left, right] = [emit.shapeOf(a), emit.shapeOf(b)];
  return (
    left !== undefined &&
    left.length === right?.length &&
    left.every((dim, axis) => dim !== null && dim === right[axis])
  );
}

/** `value` with the shape of `like`, which has as many elements. */
export function reshapeLike(emit: Emitter, value: string, like: string): string {
  if (sameShape(emit, value, like)) return value;
  const shape = emit.shapeOf(like);
  const open = shape?.filter((dim) => typeof dim !== 'number').length;
  if (shape && open === 1 && !shape.includes(0)) {
    return emit.Reshape(
      value,
      shape.map((dim) => (typeof dim === 'number' ? dim : -1)),
    );
  }
  return emit.Reshape(value, sizesOf(emit, like));
}

/** `value` repeated to the shape of `like`. */
export function expandLike(emit: Emitter, value: string, like: string): string {
  return sameShape(emit, value, like) ? value : emit.Expand(value, sizesOf(emit, like));
}

/** Zeros of the shape and type of `like`. */
export function zerosLike(emit: Emitter, like: string): string {
  return emit.Expand(emit.CastLike(0, like), sizesOf(emit, like));
}

/** Sums `value` over the axes that broadcasting `like` to its shape has added or widened. */
export function sumTo(emit: Emitter, value: string, like: string): string {
  if (sameShape(emit, value, like)) return value;
  const [from, to] = [emit.shapeOf(value), emit.shapeOf(like)];
  const lead = from && to ? from.length - to.length : -1;
  // An axis of unknown size may turn out to be one that is broadcast.
  const isCertain = to?.every(
    (dim, axis) => dim === 1 || (dim !== null && dim === from?.[axis + lead]) || Number(dim) > 1,
  );
  if (!from || !to || lead < 0 || !isCertain) {
    const [whole, part] = [emit.Shape(value), emit.Shape(like)];
    const missing = emit.Sub(emit.Size(whole), emit.Size(part));
    const aligned = emit.Pad(part, emit.Concat(emit.Reshape(missing, [1]), [0], { axis: 0 }), 1);
    const axes = emit.Reshape(emit.NonZero(emit.Not(emit.Equal(whole, aligned))), [-1]);
    return emit.Reshape(emit.ReduceSum(value, axes, { keepdims: 1, noop_with_empty_axes: 1 }), part);
  }
  const axes = from.flatMap((dim, axis) => (axis < lead || (to[axis - lead] === 1 && dim !== 1) ? [axis] : []));
  return axes.length === 0 ? value : reshapeLike(emit, emit.ReduceSum(value, axes, { keepdims: 0 }), like);
}

/** The known value of a scalar float constant. */
export function scalarOf(emit: Emitter, value: string): number | undefined {
  const tensor = emit.constantOf(value);
  if (!tensor || tensor.dtype === 'string' || tensor.shape.some((dim) => dim !== 1)) return undefined;
  return toNumbers(tensor)[0];
}

/** Sums over every axis but the second: (N, C, …) → (C). */
export function channelSums(emit: Emitter, value: string): string {
  const axes = (emit.shapeOf(value) ?? [null]).map((_, axis) => axis).filter((axis) => axis !== 1);
  return emit.ReduceSum(value, axes, { keepdims: 0 });
}

/** `value` without the last `ends[i]` of spatial axis i. */
export function cropEnds(emit: Emitter, value: string, ends: readonly number[]): string {
  if (ends.every((end) => end === 0)) return value;
  const axes = ends.map((_, axis) => axis + 2);
  return emit.Pad(value, [...ends.map(() => 0), ...ends.map((end) => 0 - end)], '', axes);
}

/** `value` cut or filled up with zeros at the end of each axis, so that it has the shape of `like`. */
export function fitEnds(emit: Emitter, value: string, like: string): string {
  if (sameShape(emit, value, like)) return value;
  const { Concat, Mul, Pad, Shape, Sub } = emit;
  const [from, to] = [emit.shapeOf(value), emit.shapeOf(like)];
  if (
    from?.every(
      (dim, axis) => dim !== null && (typeof to?.[axis] === 'number' ? typeof dim === 'number' : dim === to?.[axis]),
    )
  ) {
    const ends = from.map((dim, axis) => (typeof dim === 'number' ? Number(to?.[axis]) - dim : 0));
    return Pad(value, [...ends.map(() => 0), ...ends]);
  }
  const missing = Sub(Shape(like), Shape(value));
  return Pad(value, Concat(Mul(missing, 0), missing, { axis: 0 }));
}

/** How many elements of `x` go into each of its mean, in the type of `like`. */
export function meanCount(emit: Emitter, x: string, mean: string, like: string): Operand {
  const [from, to] = [emit.shapeOf(x), emit.shapeOf(mean)];
  const count = from && to ? quotient(from, to) : null;
  return typeof count === 'number' ? count : emit.CastLike(emit.Div(emit.Size(x), emit.Size(mean)), like);
}

/**
 * Adds each element of `dy` to the element of zeros like `x` whose number `origins` tells, counted through all of x. Where no
 * number comes twice, MaxUnpool does it in a tenth of the time.
 */
export function scatterBack(emit: Emitter, origins: string, dy: string, x: string, isDistinct: boolean): string {
  const { Concat, MaxUnpool, Reshape, ScatterElements, Size } = emit;
  if (isDistinct && emit.typeOf(x)?.dtype === 'float32') {
    const [values, places] = [dy, origins].map((value) => Reshape(value, [1, 1, -1]));
    const shape = Concat([1, 1], Reshape(Size(x), [1]), { axis: 0 });
    return reshapeLike(emit, MaxUnpool(values!, places!, shape, { kernel_shape: [1] }), x);
  }
  const zeros = Reshape(zerosLike(emit, x), [-1]);
  const summed = ScatterElements(zeros, Reshape(origins, [-1]), Reshape(dy, [-1]), { axis: 0, reduction: 'add' });
  return reshapeLike(emit, summed, x);
}

/** `value` where `condition` holds, else zero; quicker than Where. */
export const masked = ({ CastLike, Mul }: Emitter, condition: string, value: string): string =>
  Mul(value, CastLike(condition, value));
