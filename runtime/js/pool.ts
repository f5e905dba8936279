/** Pooling windows: MaxPool with its indices, AveragePool and LpPool over up to three axes. */
import * as opcodes from '../kernels/opcodes.ts';
import type { Reference } from './memory.ts';

export const pool: Reference<'pool'> = (memory, geometry, x, y, indices) => {
  const g = memory.words.subarray(geometry / 4);
  const [depth, height, width] = [g[opcodes.POOL_SIZE]!, g[opcodes.POOL_SIZE + 1]!, g[opcodes.POOL_SIZE + 2]!];
  const [outDepth, outHeight, outWidth] = [g[opcodes.POOL_OUT]!, g[opcodes.POOL_OUT + 1]!, g[opcodes.POOL_OUT + 2]!];
  const kind = g[opcodes.POOL_KIND]!;
  const p = g[opcodes.POOL_P]!;
  const isMax = kind === opcodes.POOL_MAX;
  let out = 0;
  for (let plane = 0; plane < g[opcodes.POOL_PLANES]!; plane++) {
    const start = plane * depth * height * width;
    for (let d = 0; d < outDepth; d++) {
      const planes = positions(g, 0, d);
      for (let h = 0; h < outHeight; h++) {
        const rows = positions(g, 1, h);
        for (let w = 0; w < outWidth; w++) {
          const columns = positions(g, 2, w);
          let value = isMax ? Number.NEGATIVE_INFINITY : 0;
          let index = 0;
          for (const z of planes) {
            for (const r of rows) {
              for (const c of columns) {
                const at = (z * height + r) * width + c;
                const element = memory.floats[x / 4 + start + at]!;
                if (!isMax) {
                  value += kind === opcodes.POOL_LP ? Math.abs(element) ** p : element;
                } else if (element > value || Number.isNaN(element)) {
                  value = element;
                  index = g[opcodes.POOL_COLUMN_MAJOR] ? z + depth * (r + height * c) : at;
                }
              }
            }
          }
          if (kind === opcodes.POOL_LP) value **= 1 / p;
          else if (!isMax) value /= counted(g, 0, d) * counted(g, 1, h) * counted(g, 2, w);
          memory.floats[y / 4 + out] = value;
          if (indices) memory.words[indices / 4 + out] = start + index;
          out++;
        }
      }
    }
  }
};

/** Where the taps of output `o`'s window stand along an axis, negative ones and those behind the end included. */
function tapsOf(g: Int32Array, axis: number, o: number): number[] {
  const first = o * g[opcodes.POOL_STRIDE + axis]! - g[opcodes.POOL_PAD_BEGIN + axis]!;
  const taps = g[opcodes.POOL_KERNEL + axis]!;
  return Array.from({ length: taps }, (_, tap) => first + tap * g[opcodes.POOL_DILATION + axis]!);
}

function positions(g: Int32Array, axis: number, o: number): number[] {
  return tapsOf(g, axis, o).filter((at) => at >= 0 && at < g[opcodes.POOL_SIZE + axis]!);
}

/** How many elements an average counts along an axis. What a window has behind the padding never counts. */
function counted(g: Int32Array, axis: number, o: number): number {
  if (g[opcodes.POOL_KIND] !== opcodes.POOL_AVERAGE_PADDED) return positions(g, axis, o).length;
  const end = g[opcodes.POOL_SIZE + axis]! + g[opcodes.POOL_PAD_END + axis]!;
  return tapsOf(g, axis, o).filter((at) => at < end).length;
}
