/** Softmax and its logarithm over the middle axis: e to the distance from the largest element, over their sum. */
import { LOG_SOFTMAX } from '../kernels/opcodes.ts';
import type { Reference } from './memory.ts';

export const softmax: Reference<'softmax'> = ({ floats }, kind, x, y, outer, count, inner) => {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const at = (j: number) => (o * count + j) * inner + i;
      let largest = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < count; j++) largest = Math.max(largest, floats[x / 4 + at(j)]!);
      let sum = 0;
      for (let j = 0; j < count; j++) sum += Math.exp(floats[x / 4 + at(j)]! - largest);
      for (let j = 0; j < count; j++) {
        const distance = floats[x / 4 + at(j)]! - largest;
        floats[y / 4 + at(j)] = kind === LOG_SOFTMAX ? distance - Math.log(sum) : Math.exp(distance) / sum;
      }
    }
  }
};
