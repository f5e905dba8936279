/** Resampling of the middle axis by a table of taps: along contiguous rows where there are any, else word by word. */
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
    for (let j = 0; j < outSize; j++) {
      if (inner === 1) {
        let sum: f32 = 0;
        for (const end = at + tableRow; at < end; at += 4) {
          sum += load<f32>(weights + at) * load<f32>(x + ((<usize>load<i32>(indices + at)) << 2));
        }
        store<f32>(y, sum);
      } else {
        rows(x, y, row, inner, taps, indices + at, weights + at);
        at += tableRow;
      }
      y += row;
    }
    x += row * inSize;
  }
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
