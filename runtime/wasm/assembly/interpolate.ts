/** Resampling of the middle axis by a table of taps: along contiguous rows where there are any, else four outputs at a time. */
import { madd } from './arithmetic';
import { storeSome } from './instructions';

/** See `Kernels.interpolate`. */
export function interpolate(
  x: usize,
  y: usize,
  outer: i32,
  inSize: i32,
  outSize: i32,
  inner: i32,
  taps: i32,
  indices: usize,
  weights: usize,
): void {
  const row = (<usize>inner) << 2;
  const tableRow = (<usize>taps) << 2;
  for (let o = 0; o < outer; o++) {
    let at: usize = 0;
    for (let j = 0; j < outSize; j += inner === 1 ? 4 : 1) {
      if (inner === 1) {
        // Each word of the tables is read where the last output has it, lest four outputs reach behind their end.
        const n = min(outSize - j, 4);
        const value = four(x, taps, indices + at, weights + at, n);
        if (n === 4) v128.store(y, value);
        else storeSome(y, value, n);
        at += tableRow * 4;
        y += 16;
      } else {
        rows(x, y, row, inner, taps, indices + at, weights + at);
        at += tableRow;
        y += row;
      }
    }
    if (inner === 1) y -= (<usize>(-outSize & 3)) << 2;
    x += row * inSize;
  }
}

/** Four outputs, of which `n` count, where they have single words. */
function four(x: usize, taps: i32, indices: usize, weights: usize, n: i32): v128 {
  const step = (<usize>taps) << 2;
  const second = n > 1 ? step : 0;
  const third = n > 2 ? second + step : 0;
  const fourth = n > 3 ? third + step : 0;
  let sum = f32x4.splat(0);
  for (let t = 0; t < taps; t++) {
    let value = v128.load32_zero(x + ((<usize>load<i32>(indices)) << 2));
    value = v128.load32_lane(x + ((<usize>load<i32>(indices + second)) << 2), value, 1);
    value = v128.load32_lane(x + ((<usize>load<i32>(indices + third)) << 2), value, 2);
    value = v128.load32_lane(x + ((<usize>load<i32>(indices + fourth)) << 2), value, 3);
    let weight = v128.load32_zero(weights);
    weight = v128.load32_lane(weights + second, weight, 1);
    weight = v128.load32_lane(weights + third, weight, 2);
    weight = v128.load32_lane(weights + fourth, weight, 3);
    sum = madd(weight, value, sum);
    indices += 4;
    weights += 4;
  }
  return sum;
}

/** A row of `n` words for one output. */
function rows(x: usize, y: usize, row: usize, n: i32, taps: i32, indices: usize, weights: usize): void {
  for (; n > 0; n -= 4) {
    let sum = f32x4.splat(0);
    for (let t = 0; t < taps; t++) {
      const offset = (<usize>t) << 2;
      sum = madd(v128.load32_splat(weights + offset), v128.load(x + row * load<i32>(indices + offset)), sum);
    }
    if (n >= 4) v128.store(y, sum);
    else storeSome(y, sum, n);
    x += 16;
    y += 16;
  }
}
