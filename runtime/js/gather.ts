/** Slices of the middle axis, picked by index. */
import type { Reference } from './memory.ts';

export const gather: Reference<'gather'> = ({ words }, x, indices, y, outer, size, inner, count) => {
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < count; j++) {
      const given = words[indices / 4 + j]!;
      const index = Math.max(0, Math.min(size - 1, given < 0 ? given + size : given));
      const from = x / 4 + (o * size + index) * inner;
      words.copyWithin(y / 4 + (o * count + j) * inner, from, from + inner);
    }
  }
};
