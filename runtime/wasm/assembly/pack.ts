/** Packing of matrices into the panels that the tiles of a product stream through. */
import { TILE_COLUMNS, TILE_ROWS } from '../../kernels/opcodes';

/**
 * [⌈across/tile⌉][depth][tile] from the element at `x + across·acrossStride + depth·depthStride`, zeros behind the last
 * one across. Strides are bytes.
 */
export function packPanels(
  x: usize,
  across: i32,
  acrossStride: usize,
  depth: i32,
  depthStride: usize,
  tile: i32,
  y: usize,
): void {
  for (; across > 0; across -= tile) {
    const whole = min(across, tile);
    for (let lane = 0; lane < tile; lane++) {
      let source = x + acrossStride * lane;
      let target = y + ((<usize>lane) << 2);
      for (let k = 0; k < depth; k++) {
        store<f32>(target, lane < whole ? load<f32>(source) : 0);
        source += depthStride;
        target += tile << 2;
      }
    }
    x += acrossStride * tile;
    y += (<usize>depth * tile) << 2;
  }
}

function packAll(
  x: usize,
  batches: i32,
  batchStride: i32,
  across: i32,
  acrossStride: i32,
  depth: i32,
  depthStride: i32,
  tile: i32,
  y: usize,
): void {
  for (let batch = 0; batch < batches; batch++) {
    packPanels(x, across, acrossStride << 2, depth, depthStride << 2, tile, y);
    x += batchStride << 2;
    y += (((across + tile - 1) / tile) * tile * depth) << 2;
  }
}

export function packRows(
  x: usize,
  batches: i32,
  batchStride: i32,
  rowStride: i32,
  columnStride: i32,
  rows: i32,
  columns: i32,
  y: usize,
): void {
  packAll(x, batches, batchStride, rows, rowStride, columns, columnStride, TILE_ROWS, y);
}

export function packColumns(
  x: usize,
  batches: i32,
  batchStride: i32,
  rowStride: i32,
  columnStride: i32,
  rows: i32,
  columns: i32,
  y: usize,
): void {
  packAll(x, batches, batchStride, columns, columnStride, rows, rowStride, TILE_COLUMNS, y);
}
