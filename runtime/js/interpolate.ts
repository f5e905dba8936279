/** Resampling of the middle axis by a table of taps. */
import type { Reference } from './memory.ts';

export const interpolate: Reference<'interpolate'> = (
  { floats, words },
  x,
  y,
  outer,
  inSize,
  outSize,
  inner,
  taps,
  indices,
  weights,
) => {
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < outSize; j++) {
      for (let i = 0; i < inner; i++) {
        let sum = 0;
        for (let tap = j * taps; tap < (j + 1) * taps; tap++) {
          const at = (o * inSize + words[indices / 4 + tap]!) * inner + i;
          sum += floats[weights / 4 + tap]! * floats[x / 4 + at]!;
        }
        floats[y / 4 + (o * outSize + j) * inner + i] = sum;
      }
    }
  }
};
