/** Index of the largest or smallest element along the middle axis. */
import { REDUCE_MAX } from '../kernels/opcodes.ts';
import type { Reference } from './memory.ts';

export const arg: Reference<'arg'> = (memory, kind, last, integers, x, y, outer, count, inner) => {
  const array = integers ? memory.words : memory.floats;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const at = (j: number) => array[x / 4 + (o * count + j) * inner + i]!;
      let best = 0;
      for (let j = 1; j < count; j++) {
        const isBetter = kind === REDUCE_MAX ? at(j) > at(best) : at(j) < at(best);
        if (isBetter || (last && at(j) === at(best))) best = j;
      }
      memory.words[y / 4 + o * inner + i] = best;
    }
  }
};
