/** Packing of matrices into panels, in plain TypeScript. */
import { TILE_COLUMNS, TILE_ROWS } from '../kernels/opcodes.ts';
import type { Memory, Reference } from './memory.ts';

export const packRows: Reference<'packRows'> = (
  memory,
  x,
  batches,
  batchStride,
  rowStride,
  columnStride,
  rows,
  columns,
  y,
) => pack(memory, x, batches, batchStride, rows, rowStride, columns, columnStride, TILE_ROWS, y);

export const packColumns: Reference<'packColumns'> = (
  memory,
  x,
  batches,
  batchStride,
  rowStride,
  columnStride,
  rows,
  columns,
  y,
) => pack(memory, x, batches, batchStride, columns, columnStride, rows, rowStride, TILE_COLUMNS, y);

/** [batches][⌈across/tile⌉][depth][tile], zeros behind the last one across. */
function pack(
  { floats }: Memory,
  x: number,
  batches: number,
  batchStride: number,
  across: number,
  acrossStride: number,
  depth: number,
  depthStride: number,
  tile: number,
  y: number,
): void {
  let target = y >> 2;
  for (let batch = 0; batch < batches; batch++) {
    const source = (x >> 2) + batch * batchStride;
    for (let first = 0; first < across; first += tile) {
      for (let k = 0; k < depth; k++) {
        for (let at = first; at < first + tile; at++) {
          floats[target++] = at < across ? floats[source + at * acrossStride + k * depthStride]! : 0;
        }
      }
    }
  }
}
