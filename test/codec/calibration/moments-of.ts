import type { Hessian } from '../../../src/codec/calibration/hessian.ts';
import { normal } from '../../support/random.ts';

/** Second moments of `count` inputs whose neighbours are correlated by `correlation`: an autoregressive process. */
export function correlatedMoments(size: number, count: number, correlation: number, seed: number): Hessian {
  const next = normal(seed);
  const values = new Float64Array(size * size);
  const input = new Float64Array(size);
  for (let sample = 0; sample < count; sample++) {
    input[0] = next();
    for (let at = 1; at < size; at++) {
      input[at] = correlation * input[at - 1]! + Math.sqrt(1 - correlation ** 2) * next();
    }
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) values[i * size + j]! += input[i]! * input[j]!;
  }
  return { size, values };
}

/** tr(E H Eᵀ) by its definition. */
export function errorOf(
  difference: Float64Array,
  { size, values }: Hessian,
  outputs: Hessian = { size: 1, values: Float64Array.of(1) },
): number {
  const rows = difference.length / size;
  let error = 0;
  for (let r = 0; r < rows; r++) {
    for (let s = 0; s < rows; s++) {
      const output = outputs.size === 1 ? Number(r === s) : outputs.values[r * rows + s]!;
      if (output === 0) continue;
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          error += output * difference[r * size + i]! * values[i * size + j]! * difference[s * size + j]!;
        }
      }
    }
  }
  return error;
}
