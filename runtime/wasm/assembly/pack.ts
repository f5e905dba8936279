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
    let lane = 0;
    if (depthStride === 4 && depth >= 4) {
      for (; lane + 4 <= whole; lane += 4) {
        transpose(x + acrossStride * lane, acrossStride, depth, y + ((<usize>lane) << 2), tile << 2);
      }
    }
    if (acrossStride === 4) {
      for (; lane + 4 <= whole; lane += 4)
        copyColumn(x + ((<usize>lane) << 2), depthStride, depth, y + ((<usize>lane) << 2), tile << 2);
    }
    for (; lane < tile; lane++) {
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

/** Four rows of `depth` numbers as `depth` runs of four, `yStep` bytes apart. */
function transpose(x: usize, xStep: usize, depth: i32, y: usize, yStep: usize): void {
  for (; depth > 0; depth -= 4) {
    // The last round goes over some numbers again, so as not to read behind them.
    if (depth < 4) {
      x -= (4 - depth) << 2;
      y -= yStep * (4 - depth);
    }
    const a = v128.load(x);
    const b = v128.load(x + xStep);
    const c = v128.load(x + 2 * xStep);
    const d = v128.load(x + 3 * xStep);
    const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const ab2 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    const cd2 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    v128.store(y, v128.shuffle<f64>(ab0, cd0, 0, 2));
    v128.store(y + yStep, v128.shuffle<f64>(ab0, cd0, 1, 3));
    v128.store(y + 2 * yStep, v128.shuffle<f64>(ab2, cd2, 0, 2));
    v128.store(y + 3 * yStep, v128.shuffle<f64>(ab2, cd2, 1, 3));
    x += 16;
    y += 4 * yStep;
  }
}

/** `depth` runs of four. */
function copyColumn(x: usize, xStep: usize, depth: i32, y: usize, yStep: usize): void {
  for (; depth > 0; depth--) {
    v128.store(y, v128.load(x));
    x += xStep;
    y += yStep;
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
