/**
 * Reference of the fused layers of the frequency domain (see `Kernels.expandProject`): instead of a wide layer's
 * channels, the few maps that they are expanded from are kept in memory.
 */
import * as Word from '../kernels/opcodes.ts';
import type { Reference } from './memory.ts';

const padded = (count: number) => Math.ceil(count / Word.EXPAND_LANES) * Word.EXPAND_LANES;

export const expandProject: Reference<'expandProject'> = (
  { floats, words },
  geometry,
  maps,
  matrix,
  projection,
  y,
  low,
  high,
) => {
  const word = (index: number) => words[geometry / 4 + index]!;
  const [rank, channels, outputs] = [word(Word.EXPAND_RANK), word(Word.EXPAND_CHANNELS), word(Word.EXPAND_OUTPUTS)];
  const [height, width, pool] = [word(Word.EXPAND_HEIGHT), word(Word.EXPAND_WIDTH), 1 + word(Word.EXPAND_POOLED)];
  const accumulate = word(Word.EXPAND_ACCUMULATE);
  const matrixRow = padded(rank) + Word.EXPAND_LANES;
  const plane = height * width;
  const sums = new Float64Array(outputs);

  /** The channel at one pixel of the maps. */
  const expand = (pixel: number, row: number): number => {
    let value = floats[row + padded(rank)]!;
    for (let a = 0; a < rank; a++) value += floats[row + a]! * floats[pixel + a * plane]!;
    return Math.min(Math.max(value, low), high);
  };
  const pooled = (pixel: number, row: number): number =>
    pool === 1
      ? expand(pixel, row)
      : Math.max(
          expand(pixel, row),
          expand(pixel + 1, row),
          expand(pixel + width, row),
          expand(pixel + width + 1, row),
        );

  for (let sample = 0; sample < word(Word.EXPAND_BATCH); sample++) {
    const source = maps / 4 + sample * rank * plane;
    const factors = matrix / 4 + sample * word(Word.EXPAND_MATRIX_STRIDE);
    const target = y / 4 + sample * word(Word.EXPAND_Y_BATCH) + word(Word.EXPAND_Y_START);
    for (let row = 0; row < Math.floor(height / pool); row++) {
      for (let column = 0; column < Math.floor(width / pool); column++) {
        const pixel = source + pool * (row * width + column);
        sums.fill(0);
        for (let channel = 0; channel < channels; channel++) {
          const value = pooled(pixel, factors + channel * matrixRow);
          if (projection === 0) sums[channel] = value;
          else {
            const weights = projection / 4 + channel * padded(outputs);
            for (let output = 0; output < outputs; output++) sums[output]! += floats[weights + output]! * value;
          }
        }
        const place = target + row * word(Word.EXPAND_Y_ROW) + column;
        for (let output = 0; output < outputs; output++) {
          const at = place + output * word(Word.EXPAND_Y_PLANE);
          floats[at] = sums[output]! + (accumulate ? floats[at]! : 0);
        }
      }
    }
  }
};

export const covariance: Reference<'covariance'> = ({ floats }, x, y, batch, rank, count) => {
  const size = rank * (1 + rank);
  for (let sample = 0; sample < batch; sample++) {
    const source = x / 4 + sample * rank * count;
    const target = y / 4 + sample * size;
    const means = Array.from({ length: rank }, (_, a) => {
      let sum = 0;
      for (let at = 0; at < count; at++) sum += floats[source + a * count + at]!;
      return sum / count;
    });
    floats.set(means, target);
    for (let a = 0; a < rank; a++) {
      for (let b = 0; b < rank; b++) {
        let sum = 0;
        for (let at = 0; at < count; at++) {
          sum += (floats[source + a * count + at]! - means[a]!) * (floats[source + b * count + at]! - means[b]!);
        }
        floats[target + rank + a * rank + b] = sum / count;
      }
    }
  }
};
