/** Strided copies: Transpose, Slice, Concat, Split, Pad, Expand, Tile. */
import type { Reference } from './memory.ts';

export const copy: Reference<'copy'> = ({ words }, table, x, y) => {
  const [rank, sourceOffset, targetOffset] = words.subarray(table / 4, table / 4 + 3) as unknown as [
    number,
    number,
    number,
  ];
  const dims = words.subarray(table / 4 + 3);
  const walk = (axis: number, from: number, to: number): void => {
    if (axis === rank) {
      words[to] = words[from]!;
      return;
    }
    for (let i = 0; i < dims[axis]!; i++)
      walk(axis + 1, from + i * dims[rank + axis]!, to + i * dims[2 * rank + axis]!);
  };
  walk(0, x / 4 + sourceOffset, y / 4 + targetOffset);
};
