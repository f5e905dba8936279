/** The k largest or smallest elements along the middle axis. */
import type { Reference } from '../memory.ts';

export const topK: Reference<'topK'> = (memory, integers, largest, k, x, values, indices, outer, count, inner) => {
  const array = integers ? memory.words : memory.floats;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const element = (j: number) => array[x / 4 + (o * count + j) * inner + i]!;
      const order = Array.from({ length: count }, (_, j) => j);
      order.sort((a, b) => (largest ? element(b) - element(a) : element(a) - element(b)) || a - b);
      for (let j = 0; j < k; j++) {
        const at = (o * k + j) * inner + i;
        array[values / 4 + at] = element(order[j]!);
        memory.words[indices / 4 + at] = order[j]!;
      }
    }
  }
};
