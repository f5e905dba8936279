/** Transposed convolution, in plain TypeScript: each element of the input adds its window to the output. */
import { TILE_ROWS } from '../kernels/opcodes.ts';
import { finish } from './epilogue.ts';
import { inside, readGeometry } from './geometry.ts';
import type { Reference } from './memory.ts';

export const convTranspose: Reference<'convTranspose'> = (
  memory,
  geometry,
  x,
  w,
  bias,
  y,
  low,
  high,
  program,
  c1,
  c2,
  c3,
) => {
  const { floats } = memory;
  const size = readGeometry(memory, geometry);
  const { groups, channels, height, width, filters, outHeight, outWidth, kernelHeight, kernelWidth } = size;
  const { strideHeight, strideWidth, dilationHeight, dilationWidth, padTop, padLeft } = size;
  const epilogue = { low, high, program, c1, c2, c3 };
  const taps = kernelHeight * kernelWidth;
  const groupWeights = Math.ceil((filters * taps) / TILE_ROWS) * TILE_ROWS * channels;
  const sums = new Float64Array(outHeight * outWidth);
  for (let plane = 0; plane < size.batches * groups * filters; plane++) {
    const [outer, filter] = [Math.floor(plane / filters), plane % filters];
    const [batch, group] = [Math.floor(outer / groups), outer % groups];
    sums.fill(bias ? floats[(bias >> 2) + group * filters + filter]! : 0);
    for (let tap = 0; tap < taps; tap++) {
      const [kernelRow, kernelColumn] = [Math.floor(tap / kernelWidth), tap % kernelWidth];
      const offset = kernelColumn * dilationWidth - padLeft;
      const [begin, end] = inside(width, strideWidth, offset, outWidth);
      const lane = (filter * taps + tap) % TILE_ROWS;
      const weights = (w >> 2) + group * groupWeights + (filter * taps + tap - lane) * channels + lane;
      for (let channel = 0; channel < channels; channel++) {
        const factor = floats[weights + channel * TILE_ROWS]!;
        for (let row = 0; row < height; row++) {
          const outRow = row * strideHeight + kernelRow * dilationHeight - padTop;
          if (outRow < 0 || outRow >= outHeight) continue;
          const source = (x >> 2) + ((outer * channels + channel) * height + row) * width;
          const target = outRow * outWidth + offset;
          for (let at = begin; at < end; at++) sums[target + at * strideWidth]! += factor * floats[source + at]!;
        }
      }
    }
    finish(memory, epilogue, batch, group * filters + filter, 0, sums, (y >> 2) + plane * sums.length);
  }
};
