/** What kernels of products do to a finished run of results, in plain TypeScript. */
import type { Pointer } from '../kernels/kernels.ts';
import { applyChain } from './chain.ts';
import type { Memory } from './memory.ts';

/** The epilogue's own arguments, as the kernels take them. */
export interface Epilogue {
  readonly low: number;
  readonly high: number;
  readonly program: Pointer;
  readonly c1: Pointer;
  readonly c2: Pointer;
  readonly c3: Pointer;
}

/**
 * Stores `sums` at element `at` of memory, clamped and then put through the program, as the elements from (batch, row, column)
 * on of the program's three axes.
 */
export function finish(
  memory: Memory,
  { low, high, program, c1, c2, c3 }: Epilogue,
  batch: number,
  row: number,
  column: number,
  sums: ArrayLike<number>,
  at: number,
): void {
  for (let index = 0; index < sums.length; index++) {
    const sum = sums[index]!;
    memory.floats[at + index] = sum < low ? low : sum > high ? high : sum;
  }
  if (program) applyChain(memory, program, batch, row, column, sums.length, 4 * at, c1, c2, c3);
}
