/** Elements put at places that are computed. */
import type { Reference } from '../memory.ts';

/** What becomes of an element `old` and its update, in the order of `SCATTER_REDUCTIONS`. */
const JOIN: readonly ((old: number, update: number) => number)[] = [
  (_, update) => update,
  (old, update) => old + update,
  (old, update) => old * update,
  Math.max,
  Math.min,
];

export const scatter: Reference<'scatter'> = (memory, reduction, integers, places, updates, y, count, inner, size) => {
  const array = integers ? memory.words : memory.floats;
  const join = JOIN[reduction]!;
  for (let at = 0; at < count; at++) {
    const place = memory.words[places / 4 + at]!;
    if (!(place >= 0 && place < size)) continue;
    for (let i = 0; i < inner; i++) {
      const target = y / 4 + place * inner + i;
      array[target] = join(array[target]!, array[updates / 4 + at * inner + i]!);
    }
  }
};
