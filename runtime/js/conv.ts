/** Convolution, in plain TypeScript: row by row of the output, tap by tap. */
import type { Pointer } from '../kernels/kernels.ts';
import { TILE_ROWS } from '../kernels/opcodes.ts';
import { type Epilogue, finish } from './epilogue.ts';
import { inside, readGeometry } from './geometry.ts';
import type { Memory, Reference } from './memory.ts';

export const conv: Reference<'conv'> = (memory, geometry, x, w, bias, y, low, high, program, c1, c2, c3) => {
  convolve(memory, geometry, x, w, bias, y, { low, high, program, c1, c2, c3 }, true);
};

export const depthwise: Reference<'depthwise'> = (memory, geometry, x, w, bias, y, low, high, program, c1, c2, c3) => {
  convolve(memory, geometry, x, w, bias, y, { low, high, program, c1, c2, c3 }, false);
};

function convolve(
  memory: Memory,
  geometry: Pointer,
  x: Pointer,
  w: Pointer,
  bias: Pointer,
  y: Pointer,
  epilogue: Epilogue,
  isPacked: boolean,
): void {
  const { floats } = memory;
  const size = readGeometry(memory, geometry);
  const { groups, channels, height, width, filters, outHeight, outWidth, kernelHeight, kernelWidth } = size;
  const { strideHeight, strideWidth, dilationHeight, dilationWidth, padTop, padLeft } = size;
  const depth = channels * kernelHeight * kernelWidth;
  const groupWeights = isPacked ? Math.ceil(filters / TILE_ROWS) * TILE_ROWS * depth : filters * depth;
  const weightStep = isPacked ? TILE_ROWS : 1;
  const columns = Array.from({ length: kernelWidth }, (_, column) => {
    const offset = column * dilationWidth - padLeft;
    return [offset, ...inside(outWidth, strideWidth, offset, width)] as const;
  });
  const sums = new Float64Array(outWidth);
  for (let plane = 0; plane < size.batches * groups * filters; plane++) {
    const [outer, filter] = [Math.floor(plane / filters), plane % filters];
    const [batch, group] = [Math.floor(outer / groups), outer % groups];
    const lane = isPacked ? filter % TILE_ROWS : 0;
    const weights = (w >> 2) + group * groupWeights + (filter - lane) * depth + lane;
    const first = bias ? floats[(bias >> 2) + group * filters + filter]! : 0;
    for (let outRow = 0; outRow < outHeight; outRow++) {
      sums.fill(first);
      for (let k = 0, weight = weights; k < depth; k += kernelWidth, weight += kernelWidth * weightStep) {
        const channel = Math.floor(k / (kernelHeight * kernelWidth));
        const row = outRow * strideHeight - padTop + ((k / kernelWidth) % kernelHeight) * dilationHeight;
        if (row < 0 || row >= height) continue;
        const source = (x >> 2) + ((outer * channels + channel) * height + row) * width;
        for (let column = 0; column < kernelWidth; column++) {
          const [offset, begin, end] = columns[column]!;
          const factor = floats[weight + column * weightStep]!;
          for (let at = begin, from = source + begin * strideWidth + offset; at < end; at++, from += strideWidth) {
            sums[at]! += factor * floats[from]!;
          }
        }
      }
      const target = (y >> 2) + (plane * outHeight + outRow) * outWidth;
      finish(memory, epilogue, batch, group * filters + filter, outRow * outWidth, sums, target);
    }
  }
}
