/**
 * Resize (ONNX operator documentation and its reference implementation): every axis that changes is one step, whose taps are
 * computed while planning.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { floatAttribute, intAttribute, intsAttribute, type Node, stringAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply, operand, select } from '../plan/expression.ts';
import { isIntegral, sizeOf, type Value } from '../plan/value.ts';
import type { Lower, Operators } from './operator.ts';
import { literal } from './pointwise.ts';
import { around, axisOf, countUp, withDim } from './shapes.ts';

/** An axis that is resized. */
interface Axis {
  readonly axis: number;
  readonly size: number;
  readonly out: number;
  readonly scale: number;
  /** Region of interest of `tf_crop_and_resize`, as a part of the size. */
  readonly start: number;
  readonly end: number;
}

/** More than this along one axis is taken for a mistake: taps are held in memory while planning. */
const MOST_ELEMENTS = 2 ** 22;

/** Where an element of the output lies in the input, by `coordinate_transformation_mode`. */
const COORDINATES: Readonly<Record<string, (axis: Axis, at: number) => number>> = {
  half_pixel: ({ scale }, at) => (at + 0.5) / scale - 0.5,
  half_pixel_symmetric: ({ size, out, scale }, at) => (size - out / scale) / 2 + (at + 0.5) / scale - 0.5,
  pytorch_half_pixel: ({ out, scale }, at) => (out > 1 ? (at + 0.5) / scale - 0.5 : 0),
  // The exact size counts, before it was rounded down to `out`.
  align_corners: ({ size, out, scale }, at) => (out > 1 ? (at * (size - 1)) / (size * scale - 1) : 0),
  asymmetric: ({ scale }, at) => at / scale,
  tf_crop_and_resize: ({ size, out, start, end }, at) =>
    (size - 1) * (out > 1 ? start + (at * (end - start)) / (out - 1) : (start + end) / 2),
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

/** The axes that change, from the inputs `roi`, `scales` and `sizes`. */
function axesOf(
  node: Node,
  shape: readonly number[],
  roi: readonly number[],
  scales: readonly number[],
  sizes?: readonly number[],
): Axis[] {
  const axes = (intsAttribute(node, 'axes') ?? [...shape.keys()]).map((axis) => axisOf(node, axis, shape.length));
  const policy = stringAttribute(node, 'keep_aspect_ratio_policy') ?? 'stretch';
  const ratios = axes.map((axis, at) => (sizes ? sizes[at]! / shape[axis]! : scales[at]!));
  const isKept = sizes && policy !== 'stretch';
  const common = (policy === 'not_larger' ? Math.min : Math.max)(...ratios);
  const all = axes.map((axis, at): Axis => {
    const size = shape[axis]!;
    const scale = isKept ? common : ratios[at]!;
    const [start = 0, end = 1] = [roi[at], roi[at + axes.length]];
    const cropped = stringAttribute(node, 'coordinate_transformation_mode') === 'tf_crop_and_resize' ? end - start : 1;
    const out = isKept
      ? Math.floor(size * scale + 0.5)
      : sizes
        ? sizes[at]!
        : Math.floor(Math.fround(size * cropped * scale));
    return { axis, size, out, scale, start, end };
  });
  if (all.some(({ out }) => !(out >= 0 && out <= MOST_ELEMENTS))) throw new RangeError(`Resize of [${shape}]`);
  return all.filter(({ size, out, scale, start, end }) => size !== out || scale !== 1 || start !== 0 || end !== 1);
}

const resize: Lower = (plan, node, [x, roi, scales, sizes]) => {
  const { dtype, shape } = x!;
  const numbers = (value?: Value) => (value && sizeOf(value) > 0 ? plan.numbers(value) : undefined);
  const axes = axesOf(node, shape, numbers(roi) ?? [], numbers(scales) ?? [], numbers(sizes));
  const coordinate = choose(COORDINATES, node, 'coordinate_transformation_mode', 'half_pixel');
  const isCast = isIntegral(dtype) && (stringAttribute(node, 'mode') ?? 'nearest') !== 'nearest';
  let y = isCast ? plan.elementwise('float32', shape, apply(Opcode.INT_TO_FLOAT, operand(x!))) : x!;
  const masks: Value[] = [];
  // The least work: outer axes first of those that shrink, then inner axes first of those that grow.
  const rank = ({ axis, size, out }: Axis) => (out < size ? axis - 2 * shape.length : -axis);
  for (const axis of axes.sort((a, b) => rank(a) - rank(b))) {
    const { size, out } = axis;
    const places = countUp(out).map((at) => coordinate(axis, at));
    const { indices, weights } = tapsOf(node, axis, places);
    const resized = withDim(y.shape, axis.axis, out);
    const [outer, , inner] = around(resized, axis.axis);
    const source = plan.buffer(y);
    y = plan.tensor(y.dtype, resized);
    const [target, from] = [plan.buffer(y), plan.table(indices)];
    if (weights.length === 0) plan.step('gather', source, from, target, outer, size, inner, out);
    else
      plan.step(
        'interpolate',
        source,
        target,
        outer,
        size,
        out,
        inner,
        indices.length / out,
        from,
        plan.floatTable(weights),
      );
    if (coordinate === COORDINATES.tf_crop_and_resize) {
      const isInside = places.map((at) => (at >= 0 && at <= size - 1 ? 1 : 0));
      if (isInside.includes(0))
        masks.push(
          plan.constant(
            'bool',
            resized.map((_, at) => (at === axis.axis ? out : 1)),
            isInside,
          ),
        );
    }
  }
  if (isCast || masks.length > 0) {
    const outside = literal(y.dtype, floatAttribute(node, 'extrapolation_value', 0));
    const inside = masks.reduce((value, mask) => select(operand(mask), value, outside), operand(y));
    y = plan.elementwise(dtype, y.shape, isCast ? apply(Opcode.FLOAT_TO_INT, inside) : inside);
  }
  return [y];
};

export const RESIZE_OPERATORS: Operators = { Resize: resize };
