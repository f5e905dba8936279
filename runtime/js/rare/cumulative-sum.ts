/** Running sums along the middle axis. */
import type { Reference } from '../memory.ts';

export const cumulativeSum: Reference<'cumulativeSum'> = (
  memory,
  integers,
  x,
  y,
  outer,
  count,
  inner,
  exclusive,
  reverse,
) => {
  const array = integers ? memory.words : memory.floats;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let sum = 0;
      for (let j = 0; j < count; j++) {
        const at = (o * count + (reverse ? count - 1 - j : j)) * inner + i;
        const next = sum + array[x / 4 + at]!;
        array[y / 4 + at] = exclusive ? sum : next;
        sum = next;
      }
    }
  }
};
