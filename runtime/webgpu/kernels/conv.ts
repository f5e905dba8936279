/**
 * Convolutions as products in registers: filters are rows, pixels of the output are columns, channels and taps are the depth.
 */
import { TILE_ROWS } from '../../kernels/opcodes.ts';
import { bufferOf, type Lowering } from '../dispatch.ts';
import { biasBinding, type Geometry, geometryOf, isPadded } from '../geometry.ts';
import { epilogueOf } from '../program.ts';
import { repeat, sharedReader } from '../quads.ts';
import {
  cheapestTile,
  invocationsOf,
  passOver,
  productDispatch,
  sumsOf,
  type Tile,
  type Tiling,
} from '../register-tile.ts';
import { adjacentColumns, interleavedColumns, windowReader } from '../window.ts';

/**
 * Taps in a row that stand in the text one by one. Several channels of a pointwise convolution in their place gain nothing on SwiftShader (two)
 * or take a fifth longer (four).
 */
const MOST_TAPS = 8;

/** Where each pixel has only itself as window, rows need not be told apart. */
function joinRows(g: Geometry): Geometry {
  const isPointwise = g.kernelHeight * g.kernelWidth * g.strideHeight * g.strideWidth === 1;
  if (!isPointwise || isPadded(g) || g.width !== g.outWidth) return g;
  const pixels = g.outHeight * g.outWidth;
  return { ...g, height: 1, width: g.height * g.width, outHeight: 1, outWidth: pixels };
}

export const conv: Lowering<'conv'> = (facts, geometry, x, w, bias, y, low, high, program, c1, c2, c3) => {
  const g = joinRows(geometryOf(geometry));
  const { groups, channels, height, width, filters, outHeight, outWidth, kernelHeight, kernelWidth } = g;
  const outer = g.batches * groups;
  const plane = outHeight * outWidth;
  if (outer * filters * plane === 0) return [];
  const depth = channels * kernelHeight * kernelWidth;
  const panels = Math.ceil(filters / TILE_ROWS);
  const taps = kernelWidth <= MOST_TAPS ? kernelWidth : 1;
  // Neighbouring windows overlap.
  const tilesOf = ({ columns }: Tile) =>
    kernelWidth > 1 ? adjacentColumns(outWidth, columns) : interleavedColumns(facts, outWidth, columns);
  const tilingOf = (tile: Tile): Tiling => ({ outer, rows: filters, across: outHeight * tilesOf(tile).count, tile });
  const readerOf = (tile: Tile) =>
    windowReader({
      width,
      columns: tile.columns,
      columnStep: tilesOf(tile).step * g.strideWidth,
      taps,
      tapStep: g.dilationWidth,
      isPadded: isPadded(g),
    });
  const tile = cheapestTile(
    facts,
    (tile) => invocationsOf(tilingOf(tile)),
    (tile) => ({ shared: tile.rows * taps, own: readerOf(tile).loads, steps: taps }),
  );
  const tiles = tilesOf(tile);
  const reader = readerOf(tile);
  const shared = sharedReader(facts);
  const weights = (tap: number) =>
    repeat(tile.rows, (row) => shared.read(`w${row}_${tap}`, 'w', `(panel + ${row}u) * ${depth}u + k + ${tap}u`));
  const products = (row: number, column: number) =>
    repeat(taps, (tap) => `w${row}_${tap} * ${reader.name(column, tap)}`, ' + ');
  const code = `let panel = outer % ${groups}u * ${panels}u + row / ${TILE_ROWS}u;
let outRow = across / ${tiles.count}u;
let first = ${tiles.first(`(across % ${tiles.count}u)`)};
let column = i32(first * ${g.strideWidth}u) - ${g.padLeft};
let top = i32(outRow * ${g.strideHeight}u) - ${g.padTop};
${passOver(
  'plane',
  `outer * ${channels * height * width}u`,
  height * width,
  [
    ['v', kernelHeight],
    ['h', kernelWidth / taps],
  ],
  `for (var k = 0u; k < ${depth}u; k += ${taps}u)`,
  `let line = top + v * ${g.dilationHeight};
let isRow = u32(line) < ${height}u;
let start = plane + u32(line * ${width});
${reader.read('x', 'start', taps < kernelWidth ? `column + h * ${g.dilationWidth}` : 'column')}${repeat(taps, weights)}${sumsOf(tile, (row, column) => `s${row}_${column} += ${products(row, column)};\n`)}`,
)}`;
  return [
    productDispatch(facts, {
      tiling: tilingOf(tile),
      bindings: [
        { name: 'x', buffer: bufferOf(x)!, type: 'f32' },
        { name: 'w', buffer: bufferOf(w)!, type: shared.type },
        ...biasBinding(bias),
      ],
      epilogue: epilogueOf(facts, low, high, program, c1, c2, c3),
      y: { name: 'y', buffer: bufferOf(y)!, type: 'f32', written: true },
      code,
      bias: bias === 0 ? undefined : 'line',
      column: `let place = outRow * ${outWidth}u + first + j * ${tiles.step}u;
let isInside = place < (outRow + 1) * ${outWidth}u;`,
      row: `let batch = outer / ${groups}u;
let line = outer % ${groups}u * ${filters}u + r;
let at = (outer * ${filters}u + r) * ${plane}u + place;`,
    }),
  ];
};
