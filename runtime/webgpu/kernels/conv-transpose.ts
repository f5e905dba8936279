/**
 * Transposed convolutions as products in registers. Outputs that are a multiple of the strides apart are one **phase**: windows that reach
 * them have the same taps, so that a phase is a convolution of its own.
 */
import { TILE_ROWS } from '../../kernels/opcodes.ts';
import { bufferOf, type Lowering } from '../dispatch.ts';
import { biasBinding, geometryOf } from '../geometry.ts';
import { epilogueOf } from '../program.ts';
import { LANES, repeat, sharedNumbers } from '../quads.ts';
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

/** Taps in a row of a phase that stand in the text one by one. */
const MOST_TAPS = 8;

/** The phases along one axis. */
interface Phases {
  /** Outputs of a phase, at most. */
  readonly count: number;
  /** The first tap of each phase, and the input that this tap takes to the phase's first output. */
  readonly taps: readonly number[];
  readonly inputs: readonly number[];
  /** From one tap of a phase to the next, and how far back the inputs go meanwhile. */
  readonly tapStep: number;
  readonly inputStep: number;
  /** Taps of a phase, at most. */
  readonly most: number;
}

/** Input i reaches output i · stride + tap · dilation − pad. */
function phasesOf(out: number, kernel: number, stride: number, dilation: number, pad: number): Phases {
  let tapStep = 1;
  while ((tapStep * dilation) % stride !== 0) tapStep++;
  const taps: number[] = [];
  const inputs: number[] = [];
  for (let phase = 0; phase < stride; phase++) {
    // Behind the last tap where no tap reaches the phase.
    let tap = 0;
    while (tap < tapStep && (phase + pad - tap * dilation) % stride !== 0) tap++;
    if (tap === tapStep) tap = kernel;
    taps.push(tap);
    inputs.push(Math.floor((phase + pad - tap * dilation) / stride));
  }
  return {
    count: Math.ceil(out / stride),
    taps,
    inputs,
    tapStep,
    inputStep: (tapStep * dilation) / stride,
    most: Math.ceil(kernel / tapStep),
  };
}

export const convTranspose: Lowering<'convTranspose'> = (
  facts,
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
  const g = geometryOf(geometry);
  const { groups, channels, height, width, filters, outHeight, outWidth, kernelHeight, kernelWidth } = g;
  const { strideHeight, strideWidth } = g;
  const planes = g.batches * groups;
  const plane = outHeight * outWidth;
  if (planes * filters * plane === 0) return [];
  const rows = phasesOf(outHeight, kernelHeight, strideHeight, g.dilationHeight, g.padTop);
  const columns = phasesOf(outWidth, kernelWidth, strideWidth, g.dilationWidth, g.padLeft);
  const outer = planes * strideHeight * strideWidth;
  const kernel = kernelHeight * kernelWidth;
  const panels = Math.ceil((filters * kernel) / TILE_ROWS) * TILE_ROWS * channels;
  const isLoop = columns.most > MOST_TAPS;
  const taps = isLoop ? 1 : columns.most;
  const tilesOf = (tile: Tile) =>
    columns.most > 1
      ? adjacentColumns(columns.count, tile.columns)
      : interleavedColumns(facts, columns.count, tile.columns);
  const tilingOf = (tile: Tile): Tiling => ({ outer, rows: filters, across: rows.count * tilesOf(tile).count, tile });
  const readerOf = (tile: Tile) =>
    windowReader({
      width,
      columns: tile.columns,
      columnStep: tilesOf(tile).step,
      taps,
      tapStep: -columns.inputStep,
      isPadded: true,
    });
  const tile = cheapestTile(
    facts,
    (tile) => invocationsOf(tilingOf(tile)),
    (tile) => ({ shared: tile.rows * taps, own: readerOf(tile).loads, steps: taps }),
  );
  const tiles = tilesOf(tile);
  const reader = readerOf(tile);
  const isMissing = kernelWidth % columns.tapStep > 0 || columns.taps.includes(kernelWidth);
  const weight = (row: number, tap: number) => {
    const place = (lane: string) => {
      const at = `((row + ${row * LANES} + ${lane}) * ${kernel}u + kernelRow * ${kernelWidth}u + h${tap})`;
      return `w[panel + (${at} / ${TILE_ROWS} * ${channels}u + c) * ${TILE_ROWS} + ${at} % ${TILE_ROWS}]`;
    };
    return sharedNumbers(facts, `w${row}_${tap}`, place);
  };
  // Taps that a phase does not have count as zeros, and so does what is not in the image.
  const element = (column: number, tap: number) => {
    const name = reader.name(column, tap);
    return isMissing ? `select(0, ${name}, h${tap} < ${kernelWidth})` : name;
  };
  const products = (row: number, column: number) =>
    repeat(taps, (tap) => `w${row}_${tap} * ${element(column, tap)}`, ' + ');
  const list = (numbers: readonly number[]) => `array<i32, ${numbers.length}>(${numbers})`;
  const code = `let group = outer / ${strideHeight * strideWidth}u;
let panel = group % ${groups}u * ${panels}u;
let phase = vec2u(outer / ${strideWidth}u % ${strideHeight}u, outer % ${strideWidth}u);
let outRow = across / ${tiles.count}u;
let first = ${tiles.first(`(across % ${tiles.count}u)`)};
let firstTap = vec2i(${list(rows.taps)}[phase.x], ${list(columns.taps)}[phase.y]);
let firstInput = vec2i(${list(rows.inputs)}[phase.x], ${list(columns.inputs)}[phase.y]);
let column = i32(first) + firstInput.y;
${passOver(
  'c',
  '0u',
  1,
  [
    ['v', rows.most],
    ['l', columns.most / taps],
  ],
  `for (var k = 0u; k < ${channels * rows.most * (columns.most / taps)}u; k++)`,
  `let kernelRow = u32(firstTap.x + v * ${rows.tapStep});
let inputRow = i32(outRow) + firstInput.x - v * ${rows.inputStep};
let isRow = (u32(inputRow) < ${height}u) & (kernelRow < ${kernelHeight}u);
let start = (group * ${channels}u + c) * ${height * width}u + u32(inputRow * ${width});
${repeat(taps, (tap) => `let h${tap} = u32(firstTap.y + (l + ${tap}) * ${columns.tapStep});\n`)}${reader.read('x', 'start', isLoop ? `column - l * ${columns.inputStep}` : 'column')}${repeat(tile.rows, (row) => repeat(taps, (tap) => weight(row, tap)))}${sumsOf(tile, (row, column) => `s${row}_${column} += ${products(row, column)};\n`)}`,
)}`;
  return [
    productDispatch(facts, {
      tiling: tilingOf(tile),
      bindings: [
        { name: 'x', buffer: bufferOf(x)!, type: 'f32' },
        { name: 'w', buffer: bufferOf(w)!, type: 'f32' },
        ...biasBinding(bias),
      ],
      epilogue: epilogueOf(facts, low, high, program, c1, c2, c3),
      y: { name: 'y', buffer: bufferOf(y)!, type: 'f32', written: true },
      code,
      bias: bias === 0 ? undefined : 'line',
      column: `let inPhase = first + j * ${tiles.step}u;
let pixel = vec2u(outRow, inPhase) * vec2u(${strideHeight}, ${strideWidth}) + phase;
let isInside = pixel.x < ${outHeight}u && pixel.y < ${outWidth}u && inPhase < ${columns.count}u;
let place = pixel.x * ${outWidth}u + pixel.y;`,
      row: `let batch = group / ${groups}u;
let line = group % ${groups}u * ${filters}u + r;
let at = (group * ${filters}u + r) * ${plane}u + place;`,
    }),
  ];
};
