/** Reductions of the middle axis. Sums of floats are taken in double precision, those of integers wrap. */
import * as opcodes from '../kernels/opcodes.ts';
import type { Reference } from './memory.ts';

interface Reduction {
  readonly start: number;
  readonly join: (all: number, element: number) => number;
}

const FLOATS: Readonly<Record<number, Reduction>> = {
  [opcodes.REDUCE_SUM]: { start: 0, join: (all, element) => all + element },
  [opcodes.REDUCE_MEAN]: { start: 0, join: (all, element) => all + element },
  [opcodes.REDUCE_MAX]: { start: Number.NEGATIVE_INFINITY, join: Math.max },
  [opcodes.REDUCE_MIN]: { start: Number.POSITIVE_INFINITY, join: Math.min },
  [opcodes.REDUCE_PROD]: { start: 1, join: (all, element) => Math.fround(all * element) },
  [opcodes.REDUCE_SUM_SQUARE]: { start: 0, join: (all, element) => all + element * element },
};

const INTEGERS: Readonly<Record<number, Reduction>> = {
  ...FLOATS,
  [opcodes.REDUCE_SUM]: { start: 0, join: (all, element) => (all + element) | 0 },
  [opcodes.REDUCE_MEAN]: { start: 0, join: (all, element) => (all + element) | 0 },
  [opcodes.REDUCE_MAX]: { start: -(2 ** 31), join: Math.max },
  [opcodes.REDUCE_MIN]: { start: 2 ** 31 - 1, join: Math.min },
  [opcodes.REDUCE_PROD]: { start: 1, join: Math.imul },
  [opcodes.REDUCE_SUM_SQUARE]: { start: 0, join: (all, element) => (all + Math.imul(element, element)) | 0 },
};

export const reduce: Reference<'reduce'> = (memory, kind, integers, x, y, outer, count, inner) => {
  const array = integers ? memory.words : memory.floats;
  const { start, join } = (integers ? INTEGERS : FLOATS)[kind]!;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let all = start;
      for (let j = 0; j < count; j++) all = join(all, array[x / 4 + (o * count + j) * inner + i]!);
      array[y / 4 + o * inner + i] = kind === opcodes.REDUCE_MEAN ? all / count : all;
    }
  }
};
