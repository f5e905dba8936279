/**
 * Resize but for `tf_crop_and_resize` (ONNX operator documentation and its reference implementation): every axis that changes is one step, whose taps are
 * computed while planning.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { floatAttribute, intAttribute, intsAttribute, type Node, stringAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply } from '../plan/expression.ts';
import { isIntegral, sizeOf, type Value } from '../plan/value.ts';
import type { Inputs, Lower, Lowering, Operators } from './operator.ts';
import { around, axisOf, countUp, withDim } from './shapes.ts';

/** An axis that is resized. */
export interface Axis {
  readonly axis: number;
  readonly size: number;
  readonly out: number;
  readonly scale: number;
}

/** Where element `at` of the output lies in the input. */
type Coordinate = (axis: Axis, at: number) => number;

/** More than this along one axis is taken for a mistake: taps are held in memory while planning. */
const MOST_ELEMENTS = 2 ** 22;

/** By `coordinate_transformation_mode`. */
const COORDINATES: Readonly<Record<string, Coordinate>> = {
  half_pixel: ({ scale }, at) => (at + 0.5) / scale - 0.5,
  half_pixel_symmetric: ({ size, out, scale }, at) => (size - out / scale) / 2 + (at + 0.5) / scale - 0.5,
  pytorch_half_pixel: ({ out, scale }, at) => (out > 1 ? (at + 0.5) / scale - 0.5 : 0),
  // The exact size counts, before it was rounded down to `out`.
  align_corners: ({ size, out, scale }, at) => (out > 1 ? (at * (size - 1)) / (size * scale - 1) : 0),
  asymmetric: ({ scale }, at) => at / scale,
};

/** The element that stands for a place between elements, by `nearest_mode`. */
const NEAREST: Readonly<Record<string, (at: number) => number>> = {
  round_prefer_floor: (at) => Math.ceil(at - 0.5),
  round_prefer_ceil: (at) => Math.floor(at + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Keys' cubic kernel with its coefficient `a`. */
function cubic(a: number, distance: number): number {
  const t = Math.abs(distance);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? a * (((t - 5) * t + 8) * t - 4) : 0;
}

function choose<T>(table: Readonly<Record<string, T>>, node: Node, name: string, fallback: string): T {
  const given = stringAttribute(node, name) ?? fallback;
  const found = table[given];
  if (found === undefined) throw new UnsupportedError(`Resize with ${name} ${given}`);
  return found;
}

/** Taps of every output element: indices, and their weights (none where the mode is `nearest`). */
function tapsOf(node: Node, axis: Axis, places: readonly number[]): { indices: number[]; weights: number[] } {
  const { size, scale } = axis;
  const clamp = (index: number) => Math.min(size - 1, Math.max(0, index));
  const mode = stringAttribute(node, 'mode') ?? 'nearest';
  if (mode === 'nearest') {
    const round = choose(NEAREST, node, 'nearest_mode', 'round_prefer_floor');
    return { indices: places.map((at) => clamp(round(at))), weights: [] };
  }
  const a = floatAttribute(node, 'cubic_coeff_a', -0.75);
  const isCubic = mode === 'cubic';
  const stretch = intAttribute(node, 'antialias', 0) ? Math.min(1, scale) : 1;
  const radius = Math.ceil((isCubic ? 2 : 1) / stretch);
  const leavesOut = intAttribute(node, 'exclude_outside', 0) === 1;
  const indices: number[] = [];
  const weights: number[] = [];
  for (const at of places) {
    const taps = Array.from({ length: 2 * radius }, (_, tap) => Math.floor(at) + 1 - radius + tap);
    const own = taps.map((index) => {
      if (leavesOut && index !== clamp(index)) return 0;
      const distance = (index - at) * stretch;
      return isCubic ? cubic(a, distance) : Math.max(0, 1 - Math.abs(distance));
    });
    const sum = own.reduce((total, weight) => total + weight, 0);
    indices.push(...taps.map(clamp));
    weights.push(...own.map((weight) => weight / sum));
  }
  return { indices, weights };
}

/**
 * The axes that a node names, from its inputs `scales` or `sizes`; of an axis, only the `part` may be taken. Throws
 * `RangeError` for sizes that are none, or too many.
 */
export function axesOf(
  plan: Lowering,
  node: Node,
  [x, , scales, sizes]: Inputs,
  part: (at: number, count: number) => number = () => 1,
): Axis[] {
  const { shape } = x!;
  const axes = (intsAttribute(node, 'axes') ?? [...shape.keys()]).map((axis) => axisOf(node, axis, shape.length));
  const policy = stringAttribute(node, 'keep_aspect_ratio_policy') ?? 'stretch';
  const wanted = sizes && sizeOf(sizes) > 0 ? plan.numbers(sizes) : undefined;
  const ratios = wanted ? axes.map((axis, at) => wanted[at]! / shape[axis]!) : plan.numbers(scales!);
  const isKept = wanted && policy !== 'stretch';
  const common = (policy === 'not_larger' ? Math.min : Math.max)(...ratios);
  return axes.map((axis, at): Axis => {
    const size = shape[axis]!;
    const scale = isKept ? common : ratios[at]!;
    const scaled = Math.floor(Math.fround(size * part(at, axes.length) * scale));
    const out = isKept ? Math.floor(size * scale + 0.5) : (wanted?.[at] ?? scaled);
    if (!(out >= 0 && out <= MOST_ELEMENTS)) throw new RangeError(`${node.op} of [${shape}]`);
    return { axis, size, out, scale };
  });
}

/** `x` with each of `axes` resampled at the places that `coordinate` gives. */
export function resized(plan: Lowering, node: Node, x: Value, axes: readonly Axis[], coordinate: Coordinate): Value {
  const { dtype, shape } = x;
  const isCast = isIntegral(dtype) && (stringAttribute(node, 'mode') ?? 'nearest') !== 'nearest';
  let y = isCast ? plan.elementwise('float32', shape, apply(Opcode.INT_TO_FLOAT, x)) : x;
  // The least work: outer axes first of those that shrink, then inner axes first of those that grow.
  const rank = ({ axis, size, out }: Axis) => (out < size ? axis - 2 * shape.length : -axis);
  for (const own of [...axes].sort((a, b) => rank(a) - rank(b))) {
    const { axis, size, out } = own;
    const { indices, weights } = tapsOf(
      node,
      own,
      countUp(out).map((at) => coordinate(own, at)),
    );
    const dims = withDim(y.shape, axis, out);
    const [outer, , inner] = around(dims, axis);
    const source = y;
    y = plan.tensor(y.dtype, dims);
    const from = plan.table(indices);
    if (weights.length === 0) plan.step('gather', source, from, y, outer, size, inner, out);
    else {
      const taps = indices.length / out;
      plan.step('interpolate', source, y, outer, size, out, inner, taps, from, plan.floatTable(weights));
    }
  }
  return isCast ? plan.elementwise(dtype, y.shape, apply(Opcode.FLOAT_TO_INT, y)) : y;
}

const resize: Lower = (plan, node, inputs) => {
  const axes = axesOf(plan, node, inputs).filter(({ size, out, scale }) => size !== out || scale !== 1);
  const coordinate = choose(COORDINATES, node, 'coordinate_transformation_mode', 'half_pixel');
  return [resized(plan, node, inputs[0]!, axes, coordinate)];
};

export const RESIZE_OPERATORS: Operators = { Resize: resize };
