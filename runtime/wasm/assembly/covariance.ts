/** Means and covariances of a few maps, from which the statistics of all channels that are expanded from them follow. */
import { madd } from './arithmetic';

/** Pixels whose products are summed in single precision, before the sum goes to double precision. */
const BLOCK = 512;

function sumOf(value: v128): f64 {
  return (
    <f64>f32x4.extract_lane(value, 0) +
    <f64>f32x4.extract_lane(value, 1) +
    (<f64>f32x4.extract_lane(value, 2) + <f64>f32x4.extract_lane(value, 3))
  );
}

/** Σ (a − meanA) over `count` numbers where `b` is 0, else Σ (a − meanA)(b − meanB). */
function sumProducts(a: usize, meanA: f32, b: usize, meanB: f32, count: i32): f64 {
  const fromA = f32x4.splat(meanA);
  const fromB = f32x4.splat(meanB);
  let total: f64 = 0;
  while (count > 3) {
    let sum = f32x4.splat(0);
    let other = sum;
    let block = min(count, BLOCK) & -4;
    count -= block;
    for (; block > 7; block -= 8) {
      const left = f32x4.sub(v128.load(a), fromA);
      const right = f32x4.sub(v128.load(a, 16), fromA);
      if (b) {
        sum = madd(left, f32x4.sub(v128.load(b), fromB), sum);
        other = madd(right, f32x4.sub(v128.load(b, 16), fromB), other);
        b += 32;
      } else {
        sum = f32x4.add(sum, left);
        other = f32x4.add(other, right);
      }
      a += 32;
    }
    if (block) {
      const left = f32x4.sub(v128.load(a), fromA);
      if (b) {
        sum = madd(left, f32x4.sub(v128.load(b), fromB), sum);
        b += 16;
      } else sum = f32x4.add(sum, left);
      a += 16;
    }
    total += sumOf(f32x4.add(sum, other));
  }
  for (; count > 0; count--) {
    const left = load<f32>(a) - meanA;
    total += <f64>(b ? left * (load<f32>(b) - meanB) : left);
    a += 4;
    if (b) b += 4;
  }
  return total;
}

export function covariance(x: usize, y: usize, batch: i32, rank: i32, count: i32): void {
  const row = (<usize>count) << 2;
  for (; batch > 0; batch--) {
    for (let a: usize = 0; a < <usize>rank; a++) {
      store<f32>(y + (a << 2), <f32>(sumProducts(x + row * a, 0, 0, 0, count) / <f64>count));
    }
    const products = y + ((<usize>rank) << 2);
    for (let a: usize = 0; a < <usize>rank; a++) {
      for (let b: usize = 0; b <= a; b++) {
        const mean = load<f32>(y + (a << 2));
        const sum = sumProducts(x + row * a, mean, x + row * b, load<f32>(y + (b << 2)), count) / <f64>count;
        store<f32>(products + ((a * rank + b) << 2), <f32>sum);
        store<f32>(products + ((b * rank + a) << 2), <f32>sum);
      }
    }
    x += row * rank;
    y = products + ((<usize>(rank * rank)) << 2);
  }
}
