/** Implicit im2col: pixels of a band as the right factor of a product, packed tile by tile. */
import { TILE_COLUMNS } from '../../kernels/opcodes';

/**
 * Packs `count` pixels from pixel `first` on: for each tile of TILE_COLUMNS, `depth` rows. The last tile repeats its last
 * pixel.
 *
 * @param rowLength pixels a row
 * @param rowStep elements from one row of pixels to the next
 * @param offsets for each of the `depth` rows, bytes from `source`
 * @param step bytes between tiles of the target
 */
export function packPixels(
  source: usize,
  rowLength: i32,
  rowStep: i32,
  offsets: usize,
  depth: i32,
  first: i32,
  count: i32,
  step: usize,
  target: usize,
): void {
  for (; count > 0; count -= TILE_COLUMNS) {
    const row = first / rowLength;
    const column = first - row * rowLength;
    const isRun = count >= TILE_COLUMNS && (column + TILE_COLUMNS <= rowLength || rowStep === rowLength);
    if (isRun) packRun(source + ((<usize>(row * rowStep + column)) << 2), offsets, depth, target);
    else packApart(source, rowLength, rowStep, offsets, depth, row, column, min(count, TILE_COLUMNS), target);
    first += TILE_COLUMNS;
    target += step;
  }
}

function packRun(source: usize, offsets: usize, depth: i32, target: usize): void {
  for (; depth > 0; depth--) {
    const from = source + load<u32>(offsets);
    v128.store(target, v128.load(from));
    v128.store(target, v128.load(from, 16), 16);
    offsets += 4;
    target += TILE_COLUMNS << 2;
  }
}

/** Pixels that are no run: one after another. */
function packApart(
  source: usize,
  rowLength: i32,
  rowStep: i32,
  offsets: usize,
  depth: i32,
  row: i32,
  column: i32,
  count: i32,
  target: usize,
): void {
  for (let lane = 0; lane < TILE_COLUMNS; lane++) {
    const from = source + ((<usize>(row * rowStep + column)) << 2);
    let to = target + ((<usize>lane) << 2);
    for (let k = 0; k < depth; k++) {
      store<i32>(to, load<i32>(from + load<u32>(offsets + ((<usize>k) << 2))));
      to += TILE_COLUMNS << 2;
    }
    if (lane + 1 < count && ++column === rowLength) {
      column = 0;
      row++;
    }
  }
}
