/**
 * Normalisation of rows: InstanceNormalization, LayerNormalization, GroupNormalization and their like. Mean and variance
 * come from blocks that stay in the cache, joined as Chan, Golub and LeVeque (1983) do, which loses no accuracy on long rows.
 */
import {
  NORMALIZE_LENGTH,
  NORMALIZE_RMS,
  NORMALIZE_ROW_PERIOD,
  NORMALIZE_ROW_STEP,
  NORMALIZE_ROWS,
  NORMALIZE_RUN,
} from '../../kernels/opcodes';
import { madd } from './arithmetic';
import { registers, word } from './chain';
import { storeSome } from './instructions';
import { Distance, moment, Square } from './reduce';
import { clamp, splat } from './vector-math';

const STATISTICS_BLOCK: i32 = 2048;

const scaleVector: usize = registers;
const biasVector: usize = registers + 16;

/** See `Kernels.normalize`. */
export function normalize(
  geometry: usize,
  x: usize,
  scale: usize,
  bias: usize,
  y: usize,
  epsilon: f32,
  low: f32,
  high: f32,
  mean: usize,
  inverse: usize,
): void {
  const rows = word(geometry, NORMALIZE_ROWS);
  const length = word(geometry, NORMALIZE_LENGTH);
  const run = word(geometry, NORMALIZE_RUN);
  const each = run === 1;
  for (let row = 0; row < rows; row++) {
    const first = (row % word(geometry, NORMALIZE_ROW_PERIOD)) * word(geometry, NORMALIZE_ROW_STEP);
    let centre: f64 = 0;
    let deviation: f64 = 0;
    if (word(geometry, NORMALIZE_RMS)) {
      deviation = moment<Square>(x, length, 0);
    } else {
      let pivot = length ? load<f32>(x) : 0;
      for (let i = 0; i < length; i += STATISTICS_BLOCK) {
        const n = min(length - i, STATISTICS_BLOCK);
        const block = x + ((<usize>i) << 2);
        const blockCentre = <f64>pivot + moment<Distance>(block, n, pivot) / n;
        pivot = <f32>blockCentre;
        // The sum about the true mean is smaller than that about another by n times their squared distance.
        const error = blockCentre - pivot;
        const distance = blockCentre - centre;
        deviation += moment<Square>(block, n, pivot) - error * error * n + (distance * distance * i * n) / (i + n);
        centre += (distance * n) / (i + n);
      }
    }
    const factor = <f32>(1 / sqrt(deviation / length + <f64>epsilon));
    if (mean) store<f32>(mean + ((<usize>row) << 2), <f32>centre);
    if (inverse) store<f32>(inverse + ((<usize>row) << 2), factor);
    // The mean in two parts: where rows lie far from 0, rounding it would shift them.
    const about = <f32>centre;
    const beyond = <f32>(centre - about);
    const step = each ? length : run;
    for (let i = 0; i < length; i += step) {
      const index = (<usize>(first + (each ? i : i / run))) << 2;
      const n = min(length - i, step);
      v128.store(scaleVector, scale && !each ? v128.load32_splat(scale + index) : splat(1));
      v128.store(biasVector, bias && !each ? v128.load32_splat(bias + index) : splat(0));
      affine(
        y,
        x,
        n,
        splat(about),
        splat(beyond),
        splat(factor),
        scale && each ? scale + index : scaleVector,
        scale && each ? 16 : 0,
        bias && each ? bias + index : biasVector,
        bias && each ? 16 : 0,
        splat(low),
        splat(high),
      );
      x += (<usize>n) << 2;
      y += (<usize>n) << 2;
    }
  }
}

/** y = (x − centre − beyond) · factor · scale + bias, clamped. */
function affine(
  y: usize,
  x: usize,
  count: i32,
  centre: v128,
  beyond: v128,
  factor: v128,
  scale: usize,
  scaleStep: usize,
  bias: usize,
  biasStep: usize,
  low: v128,
  high: v128,
): void {
  for (; count > 0; count -= 4) {
    const slope = f32x4.mul(factor, v128.load(scale));
    const value = madd(f32x4.sub(f32x4.sub(v128.load(x), centre), beyond), slope, v128.load(bias));
    const result = clamp(value, low, high);
    if (count >= 4) v128.store(y, result);
    else storeSome(y, result, count);
    x += 16;
    y += 16;
    scale += scaleStep;
    bias += biasStep;
  }
}
