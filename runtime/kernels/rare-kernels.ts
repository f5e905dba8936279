/**
 * Kernels of operators that are seldom the bulk of a model's work: there is one implementation, in TypeScript, which
 * runs over the memory of every backend. Conventions as in kernels.ts.
 */
import type { Pointer } from './kernels.ts';

export interface RareKernels {
  /** Running sum along the middle axis of x (outer, count, inner); `exclusive` and `reverse` are 0 or 1, as ONNX's CumSum has them. */
  cumulativeSum(
    integers: number,
    x: Pointer,
    y: Pointer,
    outer: number,
    count: number,
    inner: number,
    exclusive: number,
    reverse: number,
  ): void;
}
