/**
 * The fused layer of the frequency domain: an invocation takes a few pixels through all channels, which only ever are numbers in its registers.
 */
import * as word from '../../kernels/opcodes.ts';
import { type Binding, bufferOf, type Lowering, numberOf, tableOf } from '../dispatch.ts';
import { areQuads, inQuads, LANES, repeat, sharedReader } from '../quads.ts';
import { interleavedColumns } from '../window.ts';

/** Numbers of one invocation that stay in registers: maps of its pixels, or outputs. SwiftShader's registers are in the first-level cache. */
const MOST_NUMBERS = 32;
const MOST_NUMBERS_OF_QUADS = 64;
/** Where the maps of one pixel are more than that, they are read again for each channel. */
const MOST_MAPS = 64;

/** Vectors of outputs that are computed in one go. More of them are the work of further invocations, which expand the channels again. */
const MOST_VECTORS = 8;

/** Invocations that keep a device busy. */
const ENOUGH = 16384;

const vectors = (count: number) => Math.ceil(count / word.EXPAND_LANES);

export const expandProject: Lowering<'expandProject'> = (facts, geometry, maps, matrix, projection, y, low, high) => {
  const table = tableOf(geometry);
  const size = (index: number) => table[index]!;
  const [rank, channels, outputs] = [size(word.EXPAND_RANK), size(word.EXPAND_CHANNELS), size(word.EXPAND_OUTPUTS)];
  const [height, width] = [size(word.EXPAND_HEIGHT), size(word.EXPAND_WIDTH)];
  const pool = 1 + size(word.EXPAND_POOLED);
  const [rows, columns] = [Math.floor(height / pool), Math.floor(width / pool)];
  const batch = size(word.EXPAND_BATCH);
  if (batch * rows * columns * outputs === 0) return [];

  const isProjected = projection !== 0;
  const matrixRow = vectors(rank) + 1;
  const width4 = Math.min(vectors(outputs), MOST_VECTORS);
  const blocks = isProjected ? Math.ceil(vectors(outputs) / width4) : 1;
  const corners = pool * pool;
  const isHeld = rank * corners <= MOST_MAPS;
  const enough = areQuads(facts) ? 32 : ENOUGH;
  let pixels = 1;
  const most = areQuads(facts) ? MOST_NUMBERS_OF_QUADS : MOST_NUMBERS;
  for (const more of [2, 4, 8, 16]) {
    const fits = more * rank * corners <= most && (!isProjected || more * width4 * LANES <= most);
    if (fits && batch * blocks * rows * Math.ceil(columns / more) >= enough) pixels = more;
  }
  const tiles = interleavedColumns(facts, columns, pixels);
  const across = Math.ceil((rows * tiles.count) / LANES) * LANES;
  const shared = sharedReader(facts);
  const plane = height * width;

  const pixelText = (pixel: number, corner: number) =>
    `at + ${pixel * tiles.step * pool + (corner >> 1) * width + (corner & 1)}u`;
  const each = (piece: (pixel: number, corner: number) => string, separator?: string) =>
    repeat(pixels, (pixel) => repeat(corners, (corner) => piece(pixel, corner), separator), separator);
  const held = isHeld
    ? repeat(rank, (map) =>
        each(
          (pixel, corner) => `let x${map}_${pixel}_${corner} = maps[${pixelText(pixel, corner)} + ${map * plane}u];\n`,
        ),
      )
    : '';
  // With few maps everything is one expression; else they are read again for every channel.
  const expand = isHeld
    ? `${repeat(matrixRow, (run) => shared.read(`m${run}`, 'factors', `first + c * ${matrixRow}u + ${run}u`))}${each(
        (pixel, corner) =>
          `let v${pixel}_${corner} = m${matrixRow - 1}[0]${repeat(rank, (map) => ` + m${map >> 2}[${map & 3}] * x${map}_${pixel}_${corner}`)};\n`,
      )}`
    : `${shared.read('shift', 'factors', `first + c * ${matrixRow}u + ${matrixRow - 1}u`)}${each(
        (pixel, corner) => `var v${pixel}_${corner} = shift[0];\n`,
      )}for (var a = 0u; a < ${rank}u; a++) {
let source = at + a * ${plane}u;
${shared.read('m', 'factors', `first + c * ${matrixRow}u + a / 4u`)}let factor = m[a & 3];
${each((pixel, corner) => `v${pixel}_${corner} += factor * maps[source${pixelText(pixel, corner).slice(2)}];\n`)}}
`;
  const clamped = (value: string) => {
    const above = Number.isFinite(numberOf(low)) ? `max(${value}, ${numberOf(low)})` : value;
    return Number.isFinite(numberOf(high)) ? `min(${above}, ${numberOf(high)})` : above;
  };
  const pooled = (pixel: number) =>
    pool === 1 ? `v${pixel}_0` : `max(max(v${pixel}_0, v${pixel}_1), max(v${pixel}_2, v${pixel}_3))`;
  const values = repeat(pixels, (pixel) => `let u${pixel} = ${clamped(pooled(pixel))};\n`);
  const isAdding = size(word.EXPAND_ACCUMULATE) !== 0;
  const store = (pixel: number, output: string, value: string) => {
    const place = `origin + ${output} * ${size(word.EXPAND_Y_PLANE)}u + ${pixel * tiles.step}u`;
    return `if (column + ${pixel * tiles.step}u < ${columns}u) { y[${place}] ${isAdding ? '+' : ''}= ${value}; }\n`;
  };
  const project = isProjected
    ? `${repeat(width4, (run) => shared.read(`p${run}`, 'projection', `c * ${vectors(outputs)}u + block + ${run}u`))}${repeat(
        width4,
        (run) => repeat(pixels, (pixel) => `s${run}_${pixel} += p${run} * u${pixel};\n`),
      )}`
    : `if (isInside) {\n${repeat(pixels, (pixel) => store(pixel, 'c', `u${pixel}`))}}\n`;
  const results = repeat(width4, (run) =>
    repeat(LANES, (lane) => {
      const output = `(block * 4u + ${run * LANES + lane}u)`;
      return `if (${output} < ${outputs}u) {\n${repeat(pixels, (pixel) => store(pixel, output, `s${run}_${pixel}[${lane}]`))}}\n`;
    }),
  );
  const count = batch * blocks * across;
  const code = `let tile = i % ${across}u;
let block = i / ${across}u % ${blocks}u * ${width4}u;
let sample = i / ${across * blocks}u;
let row = tile / ${tiles.count}u;
let column = ${tiles.first(`(tile % ${tiles.count}u)`)};
let isInside = i < ${count}u && row < ${rows}u;
let at = sample * ${rank * plane}u + row * ${pool * width}u + column * ${pool}u;
let first = sample * ${size(word.EXPAND_MATRIX_STRIDE) / LANES}u;
let origin = sample * ${size(word.EXPAND_Y_BATCH)}u + row * ${size(word.EXPAND_Y_ROW)}u + column + ${size(word.EXPAND_Y_START)}u;
${held}${isProjected ? repeat(width4, (run) => repeat(pixels, (pixel) => `var s${run}_${pixel} = vec4f();\n`)) : ''}for (var c = 0u; c < ${channels}u; c++) {
${expand}${values}${project}}
${isProjected ? `if (!isInside) { return; }\n${results}` : ''}`;
  const bindings: Binding[] = [
    { name: 'maps', buffer: bufferOf(maps)!, type: 'f32' },
    { name: 'factors', buffer: bufferOf(matrix)!, type: shared.type },
  ];
  if (isProjected) bindings.push({ name: 'projection', buffer: bufferOf(projection)!, type: shared.type });
  bindings.push({ name: 'y', buffer: bufferOf(y)!, type: 'f32', written: true });
  return [inQuads(facts, count, bindings, code)];
};
