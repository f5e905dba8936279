/**
 * Pooling over windows and over whole planes (ONNX operator documentation).
 */
import { intAttribute, intsAttribute, type Node } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply, operand } from '../plan/expression.ts';
import { isIntegral, sameShape, sizeOf, type Value } from '../plan/value.ts';
import { move } from './moves.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { rowMajor } from './strided-copy.ts';
import { atRank, UNIT, type Window, windowsOf, windowWords } from './windows.ts';

/** The pooled value and, where the node names a second output, the places of its elements in `x`. */
function pool(plan: Lowering, node: Node, x: Value, windows: readonly Window[], kind: number): Value[] {
  const { dtype, shape } = x;
  const pooled = [...shape.slice(0, 2), ...windows.map(({ out }) => out)];
  const isFloat = !isIntegral(dtype);
  const source = plan.buffer(isFloat ? x : plan.elementwise('float32', shape, apply(Opcode.INT_TO_FLOAT, operand(x))));
  const y = plan.tensor(isFloat ? dtype : 'float32', pooled);
  const indices = node.outputs[1] ? plan.tensor('int64', pooled) : undefined;
  const geometry = plan.table([
    shape[0]! * shape[1]!,
    ...windowWords(atRank(node, windows, 3), ['size', 'out', 'kernel', 'stride', 'dilation', 'begin', 'end']),
    kind,
    intAttribute(node, 'p', 2),
    intAttribute(node, 'storage_order', 0),
  ]);
  plan.step('pool', geometry, source, plan.buffer(y), indices ? plan.buffer(indices) : 0);
  const result = isFloat ? y : plan.elementwise(dtype, pooled, apply(Opcode.FLOAT_TO_INT, operand(y)));
  return indices ? [result, indices] : [result];
}

/** Pools with windows; `kind` is a `POOL_…`. */
const windowed =
  (kind: (node: Node) => number): Lower =>
  (plan, node, [x]) =>
    pool(plan, node, x!, windowsOf(node, x!.shape.slice(2), intsAttribute(node, 'kernel_shape') ?? []), kind(node));

/** Reduces the spatial axes to size 1 with a `REDUCE_…`. */
const whole =
  (kind: number): Lower =>
  (plan, _, [x]) => {
    const { dtype, shape } = x!;
    const source = plan.buffer(x!);
    const y = plan.tensor(dtype, [...shape.slice(0, 2), ...shape.slice(2).fill(1)]);
    plan.step('reduce', kind, 0, source, plan.buffer(y), sizeOf(y), sizeOf(x!) / Math.max(1, sizeOf(y)), 1);
    return [y];
  };

const globalLpPool: Lower = (plan, node, [x]) => {
  const windows = x!.shape.slice(2).map((size) => ({ ...UNIT, size, kernel: size }));
  return pool(plan, node, x!, windows, Opcode.POOL_LP);
};

/** Puts each element back where MaxPool found it. */
const maxUnpool: Lower = (plan, node, [x, indices, outputShape]) => {
  const { dtype, shape } = x!;
  const front = shape.slice(0, 2);
  const windows = windowsOf(node, shape.slice(2), intsAttribute(node, 'kernel_shape') ?? [], (window) => ({
    out: (window.size - 1) * window.stride + window.kernel - window.begin - window.end,
  }));
  // The indices count within this shape, whichever is asked for.
  const pooled = [...front, ...windows.map(({ out }) => out)];
  const zeros = (dims: readonly number[]) => {
    const value = plan.tensor(dtype, dims);
    plan.step('fill', plan.buffer(value), sizeOf(value), 0);
    return value;
  };
  const [source, places] = [plan.buffer(x!), plan.buffer(indices!)];
  const y = zeros(pooled);
  const size = sizeOf(y);
  plan.step('scatter', 0, 0, places, source, plan.buffer(y), sizeOf(x!), 1, size);
  const wanted = outputShape ? plan.numbers(outputShape) : pooled;
  if (sameShape(wanted, pooled)) return [y];
  const larger = zeros(wanted);
  const dims = pooled.map((dim, axis) => Math.min(dim, wanted[axis]!));
  const walk = (sizes: readonly number[]) => ({ offset: 0, strides: rowMajor(sizes) });
  move(plan, plan.buffer(y), plan.buffer(larger), dims, walk(pooled), walk(wanted));
  return [larger];
};

const averageKind = (node: Node) =>
  intAttribute(node, 'count_include_pad', 0) ? Opcode.POOL_AVERAGE_PADDED : Opcode.POOL_AVERAGE;

export const POOLING_OPERATORS: Operators = {
  MaxPool: windowed(() => Opcode.POOL_MAX),
  AveragePool: windowed(averageKind),
  LpPool: windowed(() => Opcode.POOL_LP),
  MaxUnpool: maxUnpool,
  GlobalMaxPool: whole(Opcode.REDUCE_MAX),
  GlobalAveragePool: whole(Opcode.REDUCE_MEAN),
  GlobalLpPool: globalLpPool,
};
