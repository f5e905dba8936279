/**
 * Pooling over windows and over whole planes (ONNX operator documentation).
 */
import { intAttribute, intsAttribute, type Node } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply } from '../plan/expression.ts';
import { isIntegral, sizeOf, type Value } from '../plan/value.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { atRank, type Window, windowsOf, windowWords } from './windows.ts';

/** The value pooled with windows by a `POOL_…` and, where the node names a second output, the places of its elements in `x`. */
export function pool(plan: Lowering, node: Node, x: Value, windows: readonly Window[], kind: number): Value[] {
  const { dtype, shape } = x;
  const pooled = [...shape.slice(0, 2), ...windows.map(({ out }) => out)];
  const isFloat = !isIntegral(dtype);
  const source = isFloat ? x : plan.elementwise('float32', shape, apply(Opcode.INT_TO_FLOAT, x));
  const y = plan.tensor(isFloat ? dtype : 'float32', pooled);
  const indices = node.outputs[1] ? plan.tensor('int64', pooled) : undefined;
  const geometry = plan.table([
    shape[0]! * shape[1]!,
    ...windowWords(atRank(node, windows, 3), ['size', 'out', 'kernel', 'stride', 'dilation', 'begin', 'end']),
    kind,
    intAttribute(node, 'p', 2),
    intAttribute(node, 'storage_order', 0),
  ]);
  plan.step('pool', geometry, source, y, indices);
  const result = isFloat ? y : plan.elementwise(dtype, pooled, apply(Opcode.FLOAT_TO_INT, y));
  return indices ? [result, indices] : [result];
}

/** Pools with windows; `kind` is a `POOL_…`. */
export const windowed =
  (kind: (node: Node) => number): Lower =>
  (plan, node, [x]) =>
    pool(plan, node, x!, windowsOf(node, x!.shape.slice(2), intsAttribute(node, 'kernel_shape') ?? []), kind(node));

/** Reduces the spatial axes to size 1 with a `REDUCE_…`. */
const whole =
  (kind: number): Lower =>
  (plan, _, [x]) => {
    const { dtype, shape } = x!;
    const y = plan.tensor(dtype, [...shape.slice(0, 2), ...shape.slice(2).fill(1)]);
    plan.step('reduce', kind, 0, x, y, sizeOf(y), sizeOf(x!) / Math.max(1, sizeOf(y)), 1);
    return [y];
  };

const averageKind = (node: Node) =>
  intAttribute(node, 'count_include_pad', 0) ? Opcode.POOL_AVERAGE_PADDED : Opcode.POOL_AVERAGE;

export const POOLING_OPERATORS: Operators = {
  MaxPool: windowed(() => Opcode.POOL_MAX),
  AveragePool: windowed(averageKind),
  GlobalMaxPool: whole(Opcode.REDUCE_MAX),
  GlobalAveragePool: whole(Opcode.REDUCE_MEAN),
};
