/**
 * Batched matrix products in registers.
 */
import * as word from '../../kernels/opcodes.ts';
import { type Binding, bufferOf, type Lowering, tableOf } from '../dispatch.ts';
import { biasBinding } from '../geometry.ts';
import { epilogueOf } from '../program.ts';
import { LANES, repeat, sharedNumbers } from '../quads.ts';
import { cheapestTile, invocationsOf, productDispatch, sumsOf, type Tile, type Tiling } from '../register-tile.ts';
import { interleavedColumns } from '../window.ts';

export const matmul: Lowering<'matmul'> = (facts, geometry, a, b, bias, y, low, high, program, c1, c2, c3) => {
  const table = tableOf(geometry);
  const size = (index: number) => table[index]!;
  const [rows, columns, depth] = [size(word.MATMUL_ROWS), size(word.MATMUL_COLUMNS), size(word.MATMUL_DEPTH)];
  const outer = size(word.MATMUL_BATCHES);
  if (outer * rows * columns === 0) return [];
  const isPacked = size(word.MATMUL_B_PACKED) !== 0;
  const bDepth = isPacked ? word.TILE_COLUMNS : size(word.MATMUL_B_DEPTH_STRIDE);
  const tilesOf = (tile: Tile) => interleavedColumns(facts, columns, tile.columns);
  const tilingOf = (tile: Tile): Tiling => ({ outer, rows, across: tilesOf(tile).count, tile });
  const tile = cheapestTile(
    facts,
    (tile) => invocationsOf(tilingOf(tile)),
    (tile) => ({ shared: tile.rows, own: tile.columns, steps: 1 }),
  );
  const tiles = tilesOf(tile);
  const begin = (side: number) => offsetText(table, side, outer);
  const columnText = (column: string) =>
    isPacked
      ? `${column} / ${word.TILE_COLUMNS}u * ${word.TILE_COLUMNS * depth}u + ${column} % ${word.TILE_COLUMNS}u`
      : `${column} * ${size(word.MATMUL_B_COLUMN_STRIDE)}u`;
  const aRow = size(word.MATMUL_A_ROW_STRIDE);
  const left = (at: number) =>
    sharedNumbers(facts, `a${at}`, (lane) => `a[fromA + (${at * LANES} + ${lane}) * ${aRow}u]`);
  const code = `let first = ${tiles.first('across')};
var fromA = ${begin(0)} + row * ${aRow}u;
${repeat(tile.columns, (at) => `var b${at} = ${begin(1)} + ${columnText(`(first + ${at * tiles.step}u)`)};\n`)}for (var k = 0u; k < ${depth}u; k++) {
${repeat(tile.rows, left)}${repeat(tile.columns, (at) => `let x${at} = b[b${at}];\nb${at} += ${bDepth}u;\n`)}${sumsOf(tile, (row, column) => `s${row}_${column} += a${row} * x${column};\n`)}fromA += ${size(word.MATMUL_A_DEPTH_STRIDE)}u;
}`;
  const bindings: Binding[] = [
    { name: 'a', buffer: bufferOf(a)!, type: 'f32' },
    { name: 'b', buffer: bufferOf(b)!, type: 'f32' },
    ...biasBinding(bias),
  ];
  if (`${begin(0)}${begin(1)}`.includes('['))
    bindings.push({ name: 'offsets', buffer: bufferOf(geometry)!, type: 'u32' });
  const [biasRow, biasColumn] = [size(word.MATMUL_BIAS_ROW_STRIDE), size(word.MATMUL_BIAS_COLUMN_STRIDE)];
  return [
    productDispatch(facts, {
      tiling: tilingOf(tile),
      bindings,
      epilogue: epilogueOf(facts, low, high, program, c1, c2, c3),
      y: { name: 'y', buffer: bufferOf(y)!, type: 'f32', written: true },
      code,
      bias: bias === 0 ? undefined : `r * ${biasRow}u + place * ${biasColumn}u`,
      column: `let place = first + j * ${tiles.step}u;
let isInside = place < ${columns}u;`,
      row: `let batch = outer;
let line = r;
let at = (outer * ${rows}u + r) * ${columns}u + place;`,
    }),
  ];
};

/** Where the factor of a batch begins: side 0 or 1 of the offsets. They are mostly multiples of the first. */
function offsetText(table: Int32Array, side: number, batches: number): string {
  const offset = (batch: number) => table[word.MATMUL_OFFSETS + 2 * batch + side]!;
  const step = batches > 1 ? offset(1) - offset(0) : 0;
  for (let batch = 2; batch < batches; batch++) {
    if (offset(batch) !== offset(0) + batch * step) return `offsets[2 * outer + ${word.MATMUL_OFFSETS + side}u]`;
  }
  return step < 0 ? `${offset(0)}u - outer * ${-step}u` : `${offset(0)}u + outer * ${step}u`;
}
