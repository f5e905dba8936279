/**
 * Values brought to the shape of others: with constants where shapes are known when the nodes are emitted, else by what Shape
 * finds when they run.
 */
import type { Dim } from '../../graph/graph.ts';
import type { Emitter, Operand } from '../emit.ts';

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

/** The shape of `value` as an operand: its sizes where all are known, else what Shape finds at run time. */
export function sizesOf(emit: Emitter, value: string): Operand {
  const shape = emit.shapeOf(value);
  return shape && isStatic(shape) ? shape : emit.Shape(value);
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
  const axes = from && to && broadcastAxes(from, to);
  if (!axes) return sumToUnknown(emit, value, like);
  return axes.length === 0 ? value : reshapeLike(emit, emit.ReduceSum(value, axes, { keepdims: 0 }), like);
}

/** The axes of `from` that are not in `to` or of size 1 there; `undefined` where one may turn out to be. */
function broadcastAxes(from: readonly Dim[], to: readonly Dim[]): number[] | undefined {
  const lead = from.length - to.length;
  const isCertain = (dim: Dim, axis: number) => typeof dim === 'number' || (dim !== null && dim === from[axis + lead]);
  if (lead < 0 || !to.every(isCertain)) return undefined;
  return from.flatMap((dim, axis) => (axis < lead || (to[axis - lead] === 1 && dim !== 1) ? [axis] : []));
}

function sumToUnknown(emit: Emitter, value: string, like: string): string {
  const { Concat, Equal, NonZero, Not, Pad, ReduceSum, Reshape, Shape, Size, Sub } = emit;
  const [whole, part] = [Shape(value), Shape(like)];
  const missing = Reshape(Sub(Size(whole), Size(part)), [1]);
  const aligned = Pad(part, Concat(missing, [0], { axis: 0 }), 1);
  const axes = Reshape(NonZero(Not(Equal(whole, aligned))), [-1]);
  return Reshape(ReduceSum(value, axes, { noop_with_empty_axes: 1 }), part);
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
  const ends = from?.map((dim, axis) => difference(to?.[axis] ?? null, dim));
  if (ends?.every((end) => end !== undefined)) return Pad(value, [...ends.map(() => 0), ...ends]);
  const missing = Sub(Shape(like), Shape(value));
  return Pad(value, Concat(Mul(missing, 0), missing, { axis: 0 }));
}

/** a − b where it is certain. */
function difference(a: Dim, b: Dim): number | undefined {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return a !== null && a === b ? 0 : undefined;
}
