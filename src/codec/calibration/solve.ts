/**
 * Linear systems of a factored matrix of second moments.
 */
import type { FactoredHessian } from './hessian.ts';

/** Replaces each row b of `matrix` (rows, size) by the x with x H = b, in place. */
export function solveRows({ size, upper, weights }: FactoredHessian, matrix: Float64Array): void {
  for (let base = 0; base < matrix.length; base += size) {
    // H = U D Uᵀ: first with U, from the end, …
    for (let j = size - 1; j >= 0; j--) {
      const own = j * size;
      let sum = matrix[base + j]!;
      for (let k = j + 1; k < size; k++) sum -= upper[own + k]! * matrix[base + k]!;
      matrix[base + j] = sum;
    }
    // … then with D and Uᵀ, from the start.
    for (let j = 0; j < size; j++) matrix[base + j]! /= weights[j]!;
    for (let k = 0; k < size; k++) {
      const own = k * size;
      const known = matrix[base + k]!;
      for (let j = k + 1; j < size; j++) matrix[base + j]! -= upper[own + j]! * known;
    }
  }
}
