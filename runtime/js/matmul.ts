/** Batched matrix product, in plain TypeScript. */
import * as word from '../kernels/opcodes.ts';
import { finish } from './epilogue.ts';
import type { Reference } from './memory.ts';

export const matmul: Reference<'matmul'> = (memory, geometry, a, b, bias, y, low, high, program, c1, c2, c3) => {
  const { floats, words } = memory;
  const epilogue = { low, high, program, c1, c2, c3 };
  const at = geometry >> 2;
  const size = (index: number) => words[at + index]!;
  const [rows, columns, depth] = [size(word.MATMUL_ROWS), size(word.MATMUL_COLUMNS), size(word.MATMUL_DEPTH)];
  const [aRow, aDepth] = [size(word.MATMUL_A_ROW_STRIDE), size(word.MATMUL_A_DEPTH_STRIDE)];
  const isPacked = size(word.MATMUL_B_PACKED) !== 0;
  const bDepth = isPacked ? word.TILE_COLUMNS : size(word.MATMUL_B_DEPTH_STRIDE);
  const bColumn = size(word.MATMUL_B_COLUMN_STRIDE);
  const starts = Array.from({ length: columns }, (_, column) => {
    if (!isPacked) return column * bColumn;
    const lane = column % word.TILE_COLUMNS;
    return (column - lane) * depth + lane;
  });
  const biasRow = size(word.MATMUL_BIAS_ROW_STRIDE);
  const biasColumn = size(word.MATMUL_BIAS_COLUMN_STRIDE);
  const sums = new Float64Array(columns);
  for (let batch = 0; batch < size(word.MATMUL_BATCHES); batch++) {
    const firstA = (a >> 2) + size(word.MATMUL_OFFSETS + 2 * batch);
    const firstB = (b >> 2) + size(word.MATMUL_OFFSETS + 2 * batch + 1);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        sums[column] = bias ? floats[(bias >> 2) + row * biasRow + column * biasColumn]! : 0;
      }
      for (let k = 0; k < depth; k++) {
        const factor = floats[firstA + row * aRow + k * aDepth]!;
        const from = firstB + k * bDepth;
        for (let column = 0; column < columns; column++) sums[column]! += factor * floats[from + starts[column]!]!;
      }
      finish(memory, epilogue, batch, row, 0, sums, (y >> 2) + (batch * rows + row) * columns);
    }
  }
};
