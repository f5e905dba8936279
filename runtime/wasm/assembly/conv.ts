/** Convolution as an implicit matrix product: weights · pixels. */
import { MOST_BLOCK_BYTES, MOST_DEPTH, TILE_COLUMNS, TILE_ROWS } from '../../kernels/opcodes';
import { bandRows, fillBand, isDirect, planBand, rowStep, writeOffsets } from './band';
import { EDGE_BYTES, fillNumbers, multiplyBlock } from './block';
import { applyChain } from './chain';
import {
  batches,
  channels,
  filters,
  groups,
  height,
  kernelHeight,
  kernelWidth,
  outHeight,
  outWidth,
  readGeometry,
  strideHeight,
  width,
} from './geometry';
import { packPixels } from './pixels';

export function conv(
  geometry: usize,
  x: usize,
  w: usize,
  bias: usize,
  y: usize,
  low: f32,
  high: f32,
  program: usize,
  c1: usize,
  c2: usize,
  c3: usize,
  scratch: usize,
): void {
  readGeometry(geometry);
  planBand(true);
  const depth = channels * kernelHeight * kernelWidth;
  const edge = scratch;
  const zeros = edge + EDGE_BYTES;
  const block = zeros + 16;
  const offsets = block + MOST_BLOCK_BYTES;
  const band = offsets + ((<usize>depth) << 2);
  fillNumbers(zeros, TILE_ROWS, 0);
  writeOffsets(offsets);
  const outPlane = outHeight * outWidth;
  for (let batch = 0; batch < batches; batch++) {
    let panels = w;
    for (let group = 0; group < groups; group++) {
      const firstBias = bias ? bias + ((<usize>(group * filters)) << 2) : zeros;
      for (let top = 0; top < outHeight; top += bandRows) {
        const rows = min(bandRows, outHeight - top);
        let source = x + ((<usize>(top * strideHeight * width)) << 2);
        if (!isDirect) {
          source = band;
          fillBand(x, top, rows, band);
        }
        const target = y + ((<usize>(top * outWidth)) << 2);
        multiplyPixels(
          filters,
          depth,
          rows * outWidth,
          panels,
          source,
          outWidth,
          rowStep,
          offsets,
          target,
          outPlane,
          firstBias,
          bias ? 4 : 0,
          low,
          high,
          edge,
          block,
        );
        if (program) {
          for (let filter = 0; filter < filters; filter++) {
            const run = target + ((<usize>(filter * outPlane)) << 2);
            applyChain(program, batch, group * filters + filter, top * outWidth, rows * outWidth, run, c1, c2, c3);
          }
        }
      }
      x += (channels * height * width) << 2;
      y += (filters * outPlane) << 2;
      panels += (((filters + TILE_ROWS - 1) / TILE_ROWS) * TILE_ROWS * depth) << 2;
    }
  }
}

/**
 * y (rows, pixels) = panels (rows, depth) · source (depth, pixels) + bias, clamped, block by block.
 *
 * @param panels packed by `packRows`
 * @param source,rowLength,rowStep,offsets as in `packPixels`
 * @param yRow elements between rows of y
 * @param biasRow as in `multiplyBlock`
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
  for (let pixel = 0; pixel < pixels; pixel += across) {
    const count = min(across, pixels - pixel);
    for (let begin = 0; begin < depth; begin += most) {
      const part = min(most, depth - begin);
      const isLast = begin + part === depth;
      const tileBytes = (<usize>part * TILE_COLUMNS) << 2;
      packPixels(source, rowLength, rowStep, offsets + ((<usize>begin) << 2), part, pixel, count, tileBytes, block);
      multiplyBlock(
        rows,
        count,
        part,
        panels + ((<usize>begin * TILE_ROWS) << 2),
        (<usize>depth * TILE_ROWS) << 2,
        4,
        TILE_ROWS << 2,
        0,
        block,
        tileBytes,
        y + ((<usize>pixel) << 2),
        (<usize>yRow) << 2,
        begin ? 0 : bias,
        biasRow,
        isLast ? low : -Infinity,
        isLast ? high : Infinity,
        edge,
      );
    }
  }
}
