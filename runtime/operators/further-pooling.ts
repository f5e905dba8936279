/**
 * Pooling by p-norms, and MaxUnpool (ONNX operator documentation).
 */
import { intsAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { sameShape, sizeOf } from '../plan/value.ts';
import { move } from './moves.ts';
import type { Lower, Operators } from './operator.ts';
import { pool, windowed } from './pooling.ts';
import { rowMajor } from './strided-copy.ts';
import { UNIT, windowsOf } from './windows.ts';

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
    plan.step('fill', value, sizeOf(value), 0);
    return value;
  };
  const [source, places] = [plan.buffer(x!), plan.buffer(indices!)];
  const y = zeros(pooled);
  const size = sizeOf(y);
  plan.step('scatter', 0, 0, places, source, y, sizeOf(x!), 1, size);
  const wanted = outputShape ? plan.numbers(outputShape) : pooled;
  if (sameShape(wanted, pooled)) return [y];
  const larger = zeros(wanted);
  const dims = pooled.map((dim, axis) => Math.min(dim, wanted[axis]!));
  const walk = (sizes: readonly number[]) => ({ offset: 0, strides: rowMajor(sizes) });
  move(plan, plan.buffer(y), plan.buffer(larger), dims, walk(pooled), walk(wanted));
  return [larger];
};

export const FURTHER_POOLING_OPERATORS: Operators = {
  LpPool: windowed(() => Opcode.POOL_LP),
  GlobalLpPool: globalLpPool,
  MaxUnpool: maxUnpool,
};
