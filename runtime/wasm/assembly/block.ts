/**
 * A block of a matrix product, tile by tile: what convolution and matrix product have in common once their factors are
 * in cache.
 */
import { TILE_COLUMNS, TILE_ROWS } from '../../kernels/opcodes';
import { multiplyRow, multiplyTile } from './micro-kernel';
import { packPanels } from './pack';

/** Bytes of scratch that `multiplyBlock` needs for a tile that sticks out of the result. */
export const EDGE_BYTES = TILE_ROWS * TILE_COLUMNS * 4;

/** Copies `count` words; the two runs do not overlap. */
export function copyWords(source: usize, target: usize, count: i32): void {
  copyShortRun(source, target, count);
}

/** The same without a call, which would take longer than the few words of a row. */
// @inline
export function copyShortRun(source: usize, target: usize, count: i32): void {
  for (; count > 3; count -= 4) {
    v128.store(target, v128.load(source));
    source += 16;
    target += 16;
  }
  for (; count > 0; count--) {
    store<i32>(target, load<i32>(source));
    source += 4;
    target += 4;
  }
}

/** Writes the number `value` `count` times. */
export function fillNumbers(target: usize, count: i32, value: f32): void {
  for (; count > 0; count--) {
    store<f32>(target, value);
    target += 4;
  }
}

/**
 * y (rows × columns) = a · b + bias, clamped; or y += a · b, clamped, where `bias` is 0. Strides are bytes.
 *
 * @param aPanel between panels of TILE_ROWS rows of `a`; `aRow` and `aDepth` are within a panel
 * @param panel scratch for TILE_ROWS · depth numbers, or 0 where the rows of `a` are packed
 * @param b packed columns, `bTile` between tiles of TILE_COLUMNS; the last is whole, whatever `columns` is
 * @param biasRow between the numbers of `bias`: 4, or 0 where `bias` points to TILE_ROWS equal ones
 * @param edge scratch of EDGE_BYTES
 */
export function multiplyBlock(
  rows: i32,
  columns: i32,
  depth: i32,
  a: usize,
  aPanel: usize,
  aRow: usize,
  aDepth: usize,
  panel: usize,
  b: usize,
  bTile: usize,
  y: usize,
  yRow: usize,
  bias: usize,
  biasRow: usize,
  low: f32,
  high: f32,
  edge: usize,
): void {
  for (; rows > 0; rows -= TILE_ROWS) {
    const tileRows = min(rows, TILE_ROWS);
    let tileA = a;
    if (panel && tileRows === TILE_ROWS) {
      packPanels(a, TILE_ROWS, aRow, depth, aDepth, TILE_ROWS, panel);
      tileA = panel;
    }
    let tileB = b;
    let tileY = y;
    for (let rest = columns; rest > 0; rest -= TILE_COLUMNS) {
      const isWhole = rest >= TILE_COLUMNS;
      const target = isWhole ? tileY : edge;
      const targetRow = isWhole ? yRow : TILE_COLUMNS << 2;
      if (!isWhole && !bias) {
        for (let row = 0; row < tileRows; row++) copyWords(tileY + yRow * row, edge + targetRow * row, rest);
      }
      if (tileRows === TILE_ROWS) {
        multiplyTile(tileA, tileB, 0, 0, depth, target, targetRow, bias, low, high);
      } else {
        for (let row = 0; row < tileRows; row++) {
          const rowBias = bias ? bias + biasRow * row : 0;
          multiplyRow(a + aRow * row, aDepth, tileB, depth, target + targetRow * row, rowBias, low, high);
        }
      }
      if (!isWhole) {
        for (let row = 0; row < tileRows; row++) copyWords(edge + targetRow * row, tileY + yRow * row, rest);
      }
      tileB += bTile;
      tileY += TILE_COLUMNS << 2;
    }
    a += aPanel;
    y += yRow * TILE_ROWS;
    if (bias) bias += biasRow * TILE_ROWS;
  }
}
