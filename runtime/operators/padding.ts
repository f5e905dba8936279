/**
 * Pad (ONNX operator documentation). A negative padding crops.
 */
import { type Node, stringAttribute } from '../../src/graph/graph.ts';
import { operand } from '../plan/expression.ts';
import type { Value } from '../plan/value.ts';
import { move } from './moves.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { literal } from './pointwise.ts';
import { around, axisOf, countUp, withDim } from './shapes.ts';
import { rowMajor } from './strided-copy.ts';

/** Padding before and behind each axis. */
type Padding = readonly (readonly [begin: number, end: number])[];

/** Pads with `fill`, a scalar, or zeros. */
export function filled(plan: Lowering, x: Value, padding: Padding, fill?: Value): Value {
  const { dtype, shape } = x;
  const whole = shape.map((dim, axis) => Math.max(0, dim + padding[axis]![0] + padding[axis]![1]));
  const background = plan.elementwise(dtype, whole, fill ? operand(plan.view(fill, [])) : literal(dtype, 0));
  const result = plan.tensor(dtype, whole, plan.buffer(background));
  const cropped = padding.map(([begin, end]) => [Math.max(0, -begin), Math.max(0, -end)] as const);
  const dims = shape.map((dim, axis) => Math.max(0, dim - cropped[axis]![0] - cropped[axis]![1]));
  const walk = (sizes: readonly number[], starts: readonly number[]) => {
    const strides = rowMajor(sizes);
    return { offset: starts.reduce((sum, start, axis) => sum + start * strides[axis]!, 0), strides };
  };
  const from = walk(
    shape,
    cropped.map(([begin]) => begin),
  );
  const to = walk(
    whole,
    padding.map(([begin]) => Math.max(0, begin)),
  );
  move(plan, x, result, dims, from, to);
  return result;
}

/** Which element of an axis of size `size` stands at `place`, which may be outside of it. */
const MIRRORS: Readonly<Record<string, (place: number, size: number) => number>> = {
  edge: (place, size) => Math.min(Math.max(place, 0), size - 1),
  wrap: (place, size) => ((place % size) + size) % size,
  reflect: (place, size) => {
    const last = Math.max(size - 1, 1);
    return size === 1 ? 0 : last - Math.abs((((place % (2 * last)) + 2 * last) % (2 * last)) - last);
  },
};

/** Pads with elements of the value itself, axis by axis. */
function mirrored(plan: Lowering, x: Value, padding: Padding, mirror: (place: number, size: number) => number): Value {
  return padding.reduce((value, [begin, end], axis) => {
    if (begin === 0 && end === 0) return value;
    const [outer, size, inner] = around(value.shape, axis);
    const places = countUp(Math.max(0, size + begin + end)).map((place) => mirror(place - begin, size));
    const result = plan.tensor(value.dtype, withDim(value.shape, axis, places.length));
    plan.step('gather', value, plan.table(places), result, outer, size, inner, places.length);
    return result;
  }, x);
}

/** The entries of `pairs`, one for each of `axes`, at all axes. */
export function spread(
  node: Node,
  rank: number,
  axes: readonly number[],
  pairs: (at: number, axis: number) => readonly [number, number],
): Padding {
  const padding = countUp(rank).map((): readonly [number, number] => [0, 0]);
  axes.forEach((given, at) => {
    const axis = axisOf(node, given, rank);
    padding[axis] = pairs(at, axis);
  });
  return padding;
}

const pad: Lower = (plan, node, [x, given, fill, named]) => {
  const rank = x!.shape.length;
  const pads = plan.numbers(given!);
  const axes = named ? plan.numbers(named) : countUp(rank);
  const padding = spread(node, rank, axes, (at) => [pads[at]!, pads[at + axes.length]!]);
  const mirror = MIRRORS[stringAttribute(node, 'mode') ?? ''];
  return [mirror ? mirrored(plan, x!, padding, mirror) : filled(plan, x!, padding, fill)];
};

export const PADDING_OPERATORS: Operators = { Pad: pad };
