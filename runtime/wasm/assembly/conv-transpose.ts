/**
 * Transposed convolution: for some rows of the input and some filters, the product of weights and pixels, whose results
 * are then added up where they belong in the output (col2im).
 */
import { MOST_BLOCK_BYTES, SPREAD_BYTES, TILE_ROWS } from '../../kernels/opcodes';
import { fillNumbers } from './block';
import { applyChain } from './chain';
import {
  batches,
  channels,
  dilationHeight,
  dilationWidth,
  filters,
  groups,
  height,
  kernelHeight,
  kernelWidth,
  outHeight,
  outWidth,
  padLeft,
  padTop,
  readGeometry,
  strideHeight,
  strideWidth,
  width,
} from './geometry';
import { storeSome } from './instructions';
import { clamp } from './micro-kernel';
import { multiplyPixels, PIXEL_EDGE_BYTES } from './pixels';

export function convTranspose(
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
  const taps = kernelHeight * kernelWidth;
  const edge = scratch;
  const zeros = edge + PIXEL_EDGE_BYTES;
  const block = zeros + 16;
  const offsets = block + MOST_BLOCK_BYTES;
  const spread = offsets + ((<usize>channels) << 2);
  fillNumbers(zeros, TILE_ROWS, 0);
  for (let channel = 0; channel < channels; channel++) {
    store<i32>(offsets + ((<usize>channel) << 2), (channel * height * width) << 2);
  }
  // TILE_ROWS filters have whole panels of weights, however many taps there are.
  const fours = max(1, SPREAD_BYTES / max(1, TILE_ROWS * taps * width * 4));
  const some = min(filters, fours * TILE_ROWS);
  const bandRows = max(1, SPREAD_BYTES / max(1, some * taps * width * 4));
  const outPlane = outHeight * outWidth;
  const weightRows = ((filters * taps + TILE_ROWS - 1) / TILE_ROWS) * TILE_ROWS;
  for (let batch = 0; batch < batches; batch++) {
    for (let group = 0; group < groups; group++) {
      const panels = w + ((<usize>(group * weightRows * channels)) << 2);
      for (let filter = 0; filter < filters; filter++) {
        const value = bias ? load<f32>(bias + ((<usize>(group * filters + filter)) << 2)) : 0;
        fillNumbers(y + ((<usize>(filter * outPlane)) << 2), outPlane, value);
      }
      for (let top = 0; top < height; top += bandRows) {
        const rows = min(bandRows, height - top);
        const pixels = rows * width;
        for (let filter = 0; filter < filters; filter += some) {
          const count = min(some, filters - filter);
          multiplyPixels(
            count * taps,
            channels,
            pixels,
            panels + ((<usize>(filter * taps * channels)) << 2),
            x + ((<usize>(top * width)) << 2),
            pixels,
            pixels,
            offsets,
            spread,
            pixels,
            zeros,
            0,
            -Infinity,
            Infinity,
            edge,
            block,
          );
          for (let each = 0; each < count; each++) {
            gatherTaps(
              spread + ((<usize>(each * taps * pixels)) << 2),
              top,
              rows,
              y + ((<usize>((filter + each) * outPlane)) << 2),
            );
          }
        }
      }
      for (let filter = 0; filter < filters; filter++) {
        clampRun(y, outPlane, low, high);
        if (program) applyChain(program, batch, group * filters + filter, 0, outPlane, y, c1, c2, c3);
        y += outPlane << 2;
      }
      x += (channels * height * width) << 2;
    }
  }
}

/** Adds `spread` (KH, KW, rows, W), which came from rows `top`… of the input, to the plane `y`. */
function gatherTaps(spread: usize, top: i32, rows: i32, y: usize): void {
  for (let kernelRow = 0; kernelRow < kernelHeight; kernelRow++) {
    for (let kernelColumn = 0; kernelColumn < kernelWidth; kernelColumn++) {
      const offset = kernelColumn * dilationWidth - padLeft;
      // Columns of the input whose column in the output, at · strideWidth + offset, is one.
      const begin = min(width, max(0, strideWidth - 1 - offset) / strideWidth);
      const end = min(width, max(0, outWidth - 1 - offset + strideWidth) / strideWidth);
      for (let row = 0; row < rows; row++) {
        const outRow = (top + row) * strideHeight + kernelRow * dilationHeight - padTop;
        if (outRow >= 0 && outRow < outHeight) {
          addRun(
            spread + ((<usize>begin) << 2),
            y + ((<usize>(outRow * outWidth + begin * strideWidth + offset)) << 2),
            end - begin,
          );
        }
        spread += width << 2;
      }
    }
  }
}

function addRun(source: usize, target: usize, count: i32): void {
  const step = strideWidth << 2;
  for (; count > 0; count--) {
    store<f32>(target, load<f32>(target) + load<f32>(source));
    source += 4;
    target += step;
  }
}

function clampRun(y: usize, count: i32, low: f32, high: f32): void {
  for (; count > 0; count -= 4) {
    const value = clamp(v128.load(y), f32x4.splat(low), f32x4.splat(high));
    if (count > 3) v128.store(y, value);
    else storeSome(y, value, count);
    y += 16;
  }
}
