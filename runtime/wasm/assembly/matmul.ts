/** Batched matrix product with strides. */
import * as word from '../../kernels/opcodes';
import { MOST_DEPTH, MOST_FACTOR_BYTES, TILE_COLUMNS, TILE_ROWS } from '../../kernels/opcodes';
import { EDGE_BYTES, fillNumbers, multiplyBlock } from './block';
import { applyChain } from './chain';
import { packPanels } from './pack';

export function matmul(
  geometry: usize,
  a: usize,
  b: usize,
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
  const rows = load<i32>(geometry, word.MATMUL_ROWS << 2);
  const columns = load<i32>(geometry, word.MATMUL_COLUMNS << 2);
  const depth = load<i32>(geometry, word.MATMUL_DEPTH << 2);
  const batches = load<i32>(geometry, word.MATMUL_BATCHES << 2);
  const aRow = (<usize>load<i32>(geometry, word.MATMUL_A_ROW_STRIDE << 2)) << 2;
  const aDepth = (<usize>load<i32>(geometry, word.MATMUL_A_DEPTH_STRIDE << 2)) << 2;
  const bDepth = (<usize>load<i32>(geometry, word.MATMUL_B_DEPTH_STRIDE << 2)) << 2;
  const bColumn = (<usize>load<i32>(geometry, word.MATMUL_B_COLUMN_STRIDE << 2)) << 2;
  const isPacked = load<i32>(geometry, word.MATMUL_B_PACKED << 2);
  const biasRow = (<usize>load<i32>(geometry, word.MATMUL_BIAS_ROW_STRIDE << 2)) << 2;
  const biasColumn = (<usize>load<i32>(geometry, word.MATMUL_BIAS_COLUMN_STRIDE << 2)) << 2;
  const edge = scratch;
  const zeros = edge + EDGE_BYTES;
  const panel = zeros + 16;
  fillNumbers(zeros, TILE_ROWS, 0);
  const parts = max(1, (depth + MOST_DEPTH - 1) / MOST_DEPTH);
  const most = (depth + parts - 1) / parts;
  const block = panel + ((<usize>most * TILE_ROWS) << 2);
  const across = (MOST_FACTOR_BYTES / (max(1, most) * TILE_COLUMNS * 4)) * TILE_COLUMNS;
  for (let batch = 0; batch < batches; batch++) {
    const offsets = geometry + ((<usize>(word.MATMUL_OFFSETS + 2 * batch)) << 2);
    const firstA = a + ((<usize>load<i32>(offsets)) << 2);
    const firstB = b + ((<usize>load<i32>(offsets, 4)) << 2);
    if (bias) spreadBias(bias, biasRow, biasColumn, rows, columns, y);
    for (let column = 0; column < columns; column += across) {
      const count = min(across, columns - column);
      const target = y + ((<usize>column) << 2);
      let begin = 0;
      do {
        const part = min(most, depth - begin);
        const isLast = begin + part === depth;
        let tiles = block;
        let tileBytes = (<usize>part * TILE_COLUMNS) << 2;
        if (isPacked) {
          tiles = firstB + ((<usize>(column * depth + begin * TILE_COLUMNS)) << 2);
          tileBytes = (<usize>depth * TILE_COLUMNS) << 2;
        } else {
          packPanels(firstB + bDepth * begin + bColumn * column, count, bColumn, part, bDepth, TILE_COLUMNS, block);
        }
        multiplyBlock(
          rows,
          count,
          part,
          firstA + aDepth * begin,
          aRow * TILE_ROWS,
          aRow,
          aDepth,
          panel,
          tiles,
          tileBytes,
          target,
          (<usize>columns) << 2,
          begin || bias ? 0 : zeros,
          0,
          isLast ? low : -Infinity,
          isLast ? high : Infinity,
          edge,
        );
        begin += most;
      } while (begin < depth);
      if (program) {
        for (let row = 0; row < rows; row++) {
          applyChain(program, batch, row, column, count, target + ((<usize>(row * columns)) << 2), c1, c2, c3);
        }
      }
    }
    y += (<usize>rows * columns) << 2;
  }
}

function spreadBias(bias: usize, biasRow: usize, biasColumn: usize, rows: i32, columns: i32, y: usize): void {
  for (let row = 0; row < rows; row++) {
    let from = bias + biasRow * row;
    for (let column = 0; column < columns; column++) {
      store<i32>(y, load<i32>(from));
      from += biasColumn;
      y += 4;
    }
  }
}
