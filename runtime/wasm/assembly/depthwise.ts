/** Convolution of each channel by itself. */

import { madd } from './arithmetic';
import { bandRows, fillBand, planBand, rowStep, writeOffsets } from './band';
import { copyShortRun } from './block';
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
  if (outHeight * outWidth === 0) return;
  planBand(false);
  const taps = kernelHeight * kernelWidth;
  const edge = scratch;
  const offsets = edge + RUN * 4;
  const band = offsets + ((<usize>taps) << 2);
  writeOffsets(offsets);
  const outPlane = outHeight * outWidth;
  const planes = groups * filters;
  const end = y + ((<usize>(batches * planes * outPlane)) << 2);
  for (let batch = 0; batch < batches; batch++) {
    for (let plane = 0; plane < planes; plane++) {
      const first = bias ? load<f32>(bias + ((<usize>plane) << 2)) : 0;
      const weights = w + ((<usize>(plane * taps)) << 2);
      for (let top = 0; top < outHeight; top += bandRows) {
        const rows = min(bandRows, outHeight - top);
        // The filters of a group read the same band.
        if (bandRows < outHeight || plane % filters === 0) fillBand(x, top, rows, band);
        const target = y + ((<usize>(top * outWidth)) << 2);
        filterRows(band, rows, offsets, weights, taps, first, low, high, target, end, edge);
        if (program) applyChain(program, batch, plane, top * outWidth, rows * outWidth, target, c1, c2, c3);
      }
      y += outPlane << 2;
      if ((plane + 1) % filters === 0) x += (height * width) << 2;
    }
  }
}

/**
 * `rows` rows of the output. Reads up to RUN − 1 elements behind what it needs, and may write as many behind each row, but not
 * beyond `end`: what comes there is computed later.
 */
function filterRows(
  band: usize,
  rows: i32,
  offsets: usize,
  weights: usize,
  taps: i32,
  first: f32,
  low: f32,
  high: f32,
  y: usize,
  end: usize,
  edge: usize,
): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const firsts = f32x4.splat(first);
  const stop = offsets + ((<usize>taps) << 2);
  for (; rows > 0; rows--) {
    let source = band;
    for (let rest = outWidth; rest > 0; rest -= RUN) {
      let sum0 = firsts;
      let sum1 = firsts;
      let sum2 = firsts;
      let sum3 = firsts;
      let weight = weights;
      for (let offset = offsets; offset < stop; offset += 4) {
        const factor = v128.load32_splat(weight);
        const from = source + load<u32>(offset);
        sum0 = madd(factor, v128.load(from), sum0);
        sum1 = madd(factor, v128.load(from, 16), sum1);
        sum2 = madd(factor, v128.load(from, 32), sum2);
        sum3 = madd(factor, v128.load(from, 48), sum3);
        weight += 4;
      }
      const target = y + RUN * 4 <= end ? y : edge;
      v128.store(target, clamp(sum0, lows, highs));
      v128.store(target, clamp(sum1, lows, highs), 16);
      v128.store(target, clamp(sum2, lows, highs), 32);
      v128.store(target, clamp(sum3, lows, highs), 48);
      const count = min(rest, RUN);
      if (target === edge) copyShortRun(edge, y, count);
      source += RUN << 2;
      y += (<usize>count) << 2;
    }
    band += (<usize>rowStep) << 2;
  }
}
