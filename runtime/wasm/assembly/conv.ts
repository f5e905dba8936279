/** Convolution as an implicit matrix product: weights · pixels. */
import { MOST_BLOCK_BYTES, TILE_ROWS } from '../../kernels/opcodes';
import { bandRows, fillBand, isDirect, planBand, rowStep, writeOffsets } from './band';
import { fillNumbers } from './block';
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
import { multiplyPixels, PIXEL_EDGE_BYTES } from './pixels';

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
  if (outHeight * outWidth * filters === 0) return;
  planBand(true);
  const depth = channels * kernelHeight * kernelWidth;
  const edge = scratch;
  const zeros = edge + PIXEL_EDGE_BYTES;
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
