/** Convolution of each channel by itself. */

import { madd } from './arithmetic';
import { bandRows, fillBand, planBand, rowStep, writeOffsets } from './band';
import { copyWords } from './block';
import { applyChain } from './chain';
import {
  batches,
  filters,
  groups,
  height,
  kernelHeight,
  kernelWidth,
  outHeight,
  outWidth,
  readGeometry,
  width,
} from './geometry';
import { clamp } from './micro-kernel';

/** Pixels that are computed at once. */
const RUN = 16;

export function depthwise(
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
  planBand(false);
  const taps = kernelHeight * kernelWidth;
  const edge = scratch;
  const offsets = edge + RUN * 4;
  const band = offsets + ((<usize>taps) << 2);
  writeOffsets(offsets);
  const outPlane = outHeight * outWidth;
  const planes = groups * filters;
  for (let batch = 0; batch < batches; batch++) {
    for (let plane = 0; plane < planes; plane++) {
      const first = bias ? load<f32>(bias + ((<usize>plane) << 2)) : 0;
      const weights = w + ((<usize>(plane * taps)) << 2);
      for (let top = 0; top < outHeight; top += bandRows) {
        const rows = min(bandRows, outHeight - top);
        // The filters of a group read the same band.
        if (bandRows < outHeight || plane % filters === 0) fillBand(x, top, rows, band);
        const target = y + ((<usize>(top * outWidth)) << 2);
        for (let row = 0; row < rows; row++) {
          filterRow(
            band + ((<usize>(row * rowStep)) << 2),
            offsets,
            weights,
            taps,
            first,
            low,
            high,
            target + ((<usize>(row * outWidth)) << 2),
            edge,
          );
        }
        if (program) applyChain(program, batch, plane, top * outWidth, rows * outWidth, target, c1, c2, c3);
      }
      y += outPlane << 2;
      if ((plane + 1) % filters === 0) x += (height * width) << 2;
    }
  }
}

/** One row of the output; reads up to RUN − 1 elements behind what it needs. */
function filterRow(
  source: usize,
  offsets: usize,
  weights: usize,
  taps: i32,
  first: f32,
  low: f32,
  high: f32,
  y: usize,
  edge: usize,
): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  for (let rest = outWidth; rest > 0; rest -= RUN) {
    let sum0 = f32x4.splat(first);
    let sum1 = sum0;
    let sum2 = sum0;
    let sum3 = sum0;
    for (let tap: usize = 0; tap < (<usize>taps) << 2; tap += 4) {
      const weight = v128.load32_splat(weights + tap);
      const from = source + load<u32>(offsets + tap);
      sum0 = madd(weight, v128.load(from), sum0);
      sum1 = madd(weight, v128.load(from, 16), sum1);
      sum2 = madd(weight, v128.load(from, 32), sum2);
      sum3 = madd(weight, v128.load(from, 48), sum3);
    }
    const target = rest >= RUN ? y : edge;
    v128.store(target, clamp(sum0, lows, highs));
    v128.store(target, clamp(sum1, lows, highs), 16);
    v128.store(target, clamp(sum2, lows, highs), 32);
    v128.store(target, clamp(sum3, lows, highs), 48);
    if (rest < RUN) copyWords(edge, y, rest);
    source += RUN << 2;
    y += RUN << 2;
  }
}
