import { intAttribute, intsAttribute, type Node, stringAttribute } from '../../src/graph/graph.ts';
import { sizeOf, type Value } from '../plan/value.ts';
import { move } from './moves.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { identity } from './pointwise.ts';
import { axisOf, broadcastShape, countUp, product, withDim } from './shapes.ts';
import { rowMajor, strided } from './strided-copy.ts';

/** `value`, seen as `dims`, with its axes in the order `perm`, as `shape`. */
export function permuted(
  plan: Lowering,
  value: Value,
  dims: readonly number[],
  perm: readonly number[],
  shape: readonly number[],
): Value {
  const moving = perm.filter((axis) => dims[axis] !== 1);
  if (moving.every((axis, at) => at === 0 || axis > moving[at - 1]!)) return plan.view(value, shape);
  const strides = rowMajor(dims);
  const at = (sizes: readonly number[]) => perm.map((axis) => sizes[axis]!);
  return strided(plan, value, shape, at(strides), 0, at(dims));
}

const reshape: Lower = (plan, node, [x, target]) => {
  const keepsZero = intAttribute(node, 'allowzero', 0) === 1;
  const dims = plan.numbers(target!).map((dim, axis) => (dim === 0 && !keepsZero ? x!.shape[axis]! : dim));
  const open = dims.indexOf(-1);
  if (open >= 0) dims[open] = sizeOf(x!) / Math.abs(product(dims)) || 0;
  return [plan.view(x!, dims)];
};

const flatten: Lower = (plan, node, [x]) => {
  const { shape } = x!;
  const axis = intAttribute(node, 'axis', 1);
  const front = axis < 0 ? axis + shape.length : axis;
  return [plan.view(x!, [product(shape.slice(0, front)), product(shape.slice(front))])];
};

const squeeze: Lower = (plan, node, [x, given]) => {
  const { shape } = x!;
  const axes = given && plan.numbers(given).map((axis) => axisOf(node, axis, shape.length));
  return [
    plan.view(
      x!,
      shape.filter((dim, axis) => dim !== 1 || (axes && !axes.includes(axis))),
    ),
  ];
};

const unsqueeze: Lower = (plan, node, [x, given]) => {
  const rank = x!.shape.length + sizeOf(given!);
  const axes = plan.numbers(given!).map((axis) => axisOf(node, axis, rank));
  const rest = x!.shape.values();
  return [
    plan.view(
      x!,
      countUp(rank).map((axis) => (axes.includes(axis) ? 1 : rest.next().value!)),
    ),
  ];
};

const transpose: Lower = (plan, node, [x]) => {
  const { shape } = x!;
  const perm = intsAttribute(node, 'perm') ?? shape.map((_, axis) => shape.length - 1 - axis);
  if (shape.some((_, axis) => !perm.includes(axis)) || perm.length !== shape.length)
    throw new RangeError(`${node.op}: [${perm}] of [${shape}]`);
  return [
    permuted(
      plan,
      x!,
      shape,
      perm,
      perm.map((axis) => shape[axis]!),
    ),
  ];
};

const depthToSpace: Lower = (plan, node, [x]) => {
  const [n, c, h, w] = x!.shape as [number, number, number, number];
  const b = intAttribute(node, 'blocksize', 1);
  const channels = c / (b * b);
  const [dims, perm] =
    stringAttribute(node, 'mode') === 'CRD'
      ? [
          [n, channels, b, b, h, w],
          [0, 1, 4, 2, 5, 3],
        ]
      : [
          [n, b, b, channels, h, w],
          [0, 3, 4, 1, 5, 2],
        ];
  return [permuted(plan, x!, dims, perm, [n, channels, h * b, w * b])];
};

const spaceToDepth: Lower = (plan, node, [x]) => {
  const [n, c, h, w] = x!.shape as [number, number, number, number];
  const b = intAttribute(node, 'blocksize', 1);
  const dims = [n, c, h / b, b, w / b, b];
  return [permuted(plan, x!, dims, [0, 3, 5, 1, 2, 4], [n, c * b * b, h / b, w / b])];
};

/** Values one after another along an axis. */
export function joined(plan: Lowering, node: Node, values: readonly Value[], axis: number): Value {
  const { dtype, shape } = values[0]!;
  const whole = withDim(
    shape,
    axis,
    values.reduce((sum, value) => sum + value.shape[axis]!, 0),
  );
  const result = plan.tensor(dtype, whole);
  const strides = rowMajor(whole);
  let offset = 0;
  for (const value of values) {
    if (value.shape.some((dim, at) => at !== axis && dim !== shape[at])) {
      throw new RangeError(`${node.op}: [${value.shape}] beside [${shape}]`);
    }
    const from = { offset: 0, strides: rowMajor(value.shape) };
    move(plan, value, result, value.shape, from, { offset, strides });
    offset += value.shape[axis]! * strides[axis]!;
  }
  return result;
}

const concat: Lower = (plan, node, inputs) => {
  const rank = inputs[0]!.shape.length;
  return [joined(plan, node, inputs as Value[], axisOf(node, intAttribute(node, 'axis', 0), rank))];
};

const split: Lower = (plan, node, [x, given]) => {
  const { shape } = x!;
  const axis = axisOf(node, intAttribute(node, 'axis', 0), shape.length);
  const size = shape[axis]!;
  const part = Math.ceil(size / node.outputs.length);
  const sizes = given ? plan.numbers(given) : node.outputs.map((_, at) => Math.min(part, size - at * part));
  if (sizes.reduce((sum, each) => sum + each, 0) !== size) throw new RangeError(`${node.op}: ${size} in ${sizes}`);
  const strides = rowMajor(shape);
  let offset = 0;
  return sizes.map((dim) => {
    const result = strided(plan, x!, withDim(shape, axis, dim), strides, offset);
    offset += dim * strides[axis]!;
    return result;
  });
};

const slice: Lower = (plan, node, inputs) => {
  const x = inputs[0]!;
  const [starts, ends, axes, steps] = inputs.slice(1).map((value) => value && plan.numbers(value));
  const dims = [...x.shape];
  const strides = rowMajor(x.shape);
  let offset = 0;
  starts!.forEach((start, at) => {
    const axis = axisOf(node, axes?.[at] ?? at, dims.length);
    const [size, step] = [dims[axis]!, steps?.[at] ?? 1];
    const clamp = (place: number, low: number, high: number) =>
      Math.min(Math.max(place < 0 ? place + size : place, low), high);
    const back = step < 0 ? -1 : 0;
    const from = clamp(start, 0, size + back);
    dims[axis] = Math.max(0, Math.ceil((clamp(ends![at]!, back, size + back) - from) / step));
    offset += from * strides[axis]!;
    strides[axis]! *= step;
  });
  const isWhole = dims.every((dim, axis) => dim === x.shape[axis]) && offset === 0;
  return isWhole ? identity(plan, node, [x]) : [strided(plan, x, dims, strides, offset)];
};

const expand: Lower = (plan, node, [x, target]) => [
  plan.elementwise(x!.dtype, broadcastShape(node, x!.shape, plan.numbers(target!)), x!),
];

const tile: Lower = (plan, _node, [x, given]) => {
  const { shape } = x!;
  const repeats = plan.numbers(given!);
  const strides = rowMajor(shape).flatMap((stride) => [0, stride]);
  const dims = shape.flatMap((dim, axis) => [repeats[axis]!, dim]);
  const tiled = shape.map((dim, axis) => dim * repeats[axis]!);
  return [strided(plan, x!, tiled, strides, 0, dims)];
};

export const LAYOUT_OPERATORS: Operators = {
  Identity: identity,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Concat: concat,
  Split: split,
  Slice: slice,
  Expand: expand,
  Tile: tile,
};
