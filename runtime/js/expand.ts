/** Products of little depth, in plain TypeScript. */
import type { Reference } from './memory.ts';

export const expand: Reference<'expand'> = ({ floats }, a, aDepth, b, bDepth, depth, rows, columns, y, yRow) => {
  for (let row = 0; row < rows; row++) {
    const to = y / 4 + row * yRow;
    for (let k = 0; k < depth; k++) {
      const factor = floats[a / 4 + k * aDepth + row]!;
      const from = b / 4 + k * bDepth;
      for (let j = 0; j < columns; j++) {
        const term = factor * floats[from + j]!;
        floats[to + j] = k === 0 ? term : floats[to + j]! + term;
      }
    }
  }
};
