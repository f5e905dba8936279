/**
 * Implicit im2col: the product of weights and the pixels of a band, whose tiles are packed while the first of the weights
 * are multiplied with them.
 */
import { MOST_BLOCK_BYTES, MOST_DEPTH, TILE_COLUMNS, TILE_ROWS } from '../../kernels/opcodes';
import { copyWords, EDGE_BYTES, multiplyBlock } from './block';
import { multiplyTile } from './micro-kernel';

/** Bytes between rows of a tile in scratch. */
const EDGE_ROW: usize = TILE_COLUMNS << 2;

/** Bytes of scratch that `multiplyPixels` needs beside its block. */
export const PIXEL_EDGE_BYTES = EDGE_BYTES + TILE_ROWS * 4;

/**
 * y (rows, pixels) = panels (rows, depth) · source (depth, pixels) + bias, clamped, block by block.
 *
 * @param panels packed by `packRows`
 * @param rowLength pixels in a row of the source
 * @param rowStep elements from one row of pixels to the next
 * @param offsets for each depth, the bytes from `source` to its first pixel
 * @param yRow elements between rows of y
 * @param biasRow as in `multiplyBlock`
 * @param edge scratch of PIXEL_EDGE_BYTES
 * @param block scratch of MOST_BLOCK_BYTES
 */
export function multiplyPixels(
  rows: i32,
  depth: i32,
  pixels: i32,
  panels: usize,
  source: usize,
  rowLength: i32,
  rowStep: i32,
  offsets: usize,
  y: usize,
  yRow: i32,
  bias: usize,
  biasRow: usize,
  low: f32,
  high: f32,
  edge: usize,
  block: usize,
): void {
  const parts = (depth + MOST_DEPTH - 1) / MOST_DEPTH;
  const most = (depth + parts - 1) / parts;
  const across = (MOST_BLOCK_BYTES / (most * TILE_COLUMNS * 4)) * TILE_COLUMNS;
  const panelBytes = (<usize>(depth * TILE_ROWS)) << 2;
  const yBytes = (<usize>yRow) << 2;
  const firstRows = min(rows, TILE_ROWS);
  for (let pixel = 0; pixel < pixels; pixel += across) {
    const count = min(across, pixels - pixel);
    for (let begin = 0; begin < depth; begin += most) {
      const part = min(most, depth - begin);
      const isLast = begin + part === depth;
      const partLow = isLast ? low : -Infinity;
      const partHigh = isLast ? high : Infinity;
      const partBias = begin ? 0 : bias;
      const partOffsets = offsets + ((<usize>begin) << 2);
      const panel = panels + ((<usize>(begin * TILE_ROWS)) << 2);
      const tileBytes = (<usize>(part * TILE_COLUMNS)) << 2;
      const target = y + ((<usize>pixel) << 2);
      let tile = block;
      for (let at = pixel; at < pixel + count; at += TILE_COLUMNS) {
        const row = at / rowLength;
        const column = at - row * rowLength;
        const rest = min(TILE_COLUMNS, pixel + count - at);
        const tileTarget = y + ((<usize>at) << 2);
        if (rest === TILE_COLUMNS && (column + TILE_COLUMNS <= rowLength || rowStep === rowLength)) {
          const from = source + ((<usize>(row * rowStep + column)) << 2);
          multiplyRun(
            firstRows,
            part,
            panel,
            tile,
            from,
            partOffsets,
            tileTarget,
            yBytes,
            partBias,
            biasRow,
            partLow,
            partHigh,
            edge,
          );
        } else {
          packApart(source, rowLength, rowStep, partOffsets, part, row, column, rest, tile);
          multiplyBlock(
            firstRows,
            rest,
            part,
            panel,
            0,
            4,
            TILE_ROWS << 2,
            0,
            tile,
            0,
            tileTarget,
            yBytes,
            partBias,
            biasRow,
            partLow,
            partHigh,
            edge,
          );
        }
        tile += tileBytes;
      }
      multiplyBlock(
        rows - TILE_ROWS,
        count,
        part,
        panel + panelBytes,
        panelBytes,
        4,
        TILE_ROWS << 2,
        0,
        block,
        tileBytes,
        target + yBytes * TILE_ROWS,
        yBytes,
        partBias ? partBias + biasRow * TILE_ROWS : 0,
        biasRow,
        partLow,
        partHigh,
        edge,
      );
    }
  }
}

/** A panel of weights times a tile of eight neighbours, which is packed on the way; fewer rows than a panel has go through `edge`. */
function multiplyRun(
  rows: i32,
  depth: i32,
  panel: usize,
  tile: usize,
  source: usize,
  offsets: usize,
  y: usize,
  yRow: usize,
  bias: usize,
  biasRow: usize,
  low: f32,
  high: f32,
  edge: usize,
): void {
  if (rows === TILE_ROWS) {
    multiplyTile(panel, tile, source, offsets, depth, y, yRow, bias, low, high);
    return;
  }
  if (bias && biasRow) {
    copyWords(bias, edge + EDGE_BYTES, rows);
    bias = edge + EDGE_BYTES;
  }
  if (!bias) {
    for (let row = 0; row < rows; row++) copyWords(y + yRow * row, edge + EDGE_ROW * row, TILE_COLUMNS);
  }
  multiplyTile(panel, tile, source, offsets, depth, edge, EDGE_ROW, bias, low, high);
  for (let row = 0; row < rows; row++) copyWords(edge + EDGE_ROW * row, y + yRow * row, TILE_COLUMNS);
}

/**
 * Packs `count` pixels that are no run, from the one at `row` and `column` on, as a tile of `depth` rows. The last pixel is
 * repeated behind itself.
 */
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
