/**
 * The fused layer of the frequency domain: an invocation takes a few pixels through all channels, which only ever are numbers in its registers.
 */
import * as word from '../../kernels/opcodes.ts';
import { type Binding, bufferOf, type DeviceFacts, type Lowering, numberOf, tableOf } from '../dispatch.ts';
import { areQuads, inQuads, LANES, repeat, type SharedReader, sharedReader } from '../quads.ts';
import { interleavedColumns } from '../window.ts';

/** Numbers of one invocation that stay in registers: maps of its pixels, or outputs. */
const MOST_NUMBERS = 32;
/** SwiftShader's registers are in the first-level cache. With 128 it takes a fifth longer. */
const MOST_NUMBERS_OF_QUADS = 64;
/** Where the maps of one pixel are more than that, they are read again for each channel. */
const MOST_MAPS = 64;
/** Vectors of outputs that are computed in one go. Further ones are the work of other invocations, which expand the channels again. */
const MOST_VECTORS = 8;
/** Invocations that keep a device busy. */
const ENOUGH = 16384;
const ENOUGH_OF_QUADS = 32;

const vectors = (count: number) => Math.ceil(count / word.EXPAND_LANES);

/** The words of a geometry by name, and what follows from them. */
function layerOf(table: Int32Array) {
  const size = (index: number) => table[index]!;
  const pool = 1 + size(word.EXPAND_POOLED);
  const [height, width] = [size(word.EXPAND_HEIGHT), size(word.EXPAND_WIDTH)];
  return {
    batch: size(word.EXPAND_BATCH),
    rank: size(word.EXPAND_RANK),
    channels: size(word.EXPAND_CHANNELS),
    outputs: size(word.EXPAND_OUTPUTS),
    width,
    plane: height * width,
    /** Pixels of the maps that become one of the outputs: so many by so many, and all of them. */
    pool,
    corners: pool * pool,
    rows: Math.floor(height / pool),
    columns: Math.floor(width / pool),
    matrixStride: size(word.EXPAND_MATRIX_STRIDE) / LANES,
    /** Vectors of a channel in the matrix. */
    matrixRow: vectors(size(word.EXPAND_RANK)) + 1,
    yBatch: size(word.EXPAND_Y_BATCH),
    yPlane: size(word.EXPAND_Y_PLANE),
    yRow: size(word.EXPAND_Y_ROW),
    yStart: size(word.EXPAND_Y_START),
    isAdding: size(word.EXPAND_ACCUMULATE) !== 0,
  };
}
type Layer = ReturnType<typeof layerOf>;

/** The pixels of one invocation. */
interface Pixels {
  readonly count: number;
  /** Columns of the outputs between two of them. */
  readonly step: number;
}

export const expandProject: Lowering<'expandProject'> = (facts, geometry, maps, matrix, projection, y, low, high) => {
  const layer = layerOf(tableOf(geometry));
  const { batch, outputs, rows, columns, channels } = layer;
  if (batch * rows * columns * outputs === 0) return [];
  const isProjected = projection !== 0;
  const inBlock = isProjected ? Math.min(vectors(outputs), MOST_VECTORS) : 0;
  const blocks = isProjected ? Math.ceil(vectors(outputs) / inBlock) : 1;
  const count = pixelsOf(facts, layer, blocks, inBlock);
  const tiles = interleavedColumns(facts, columns, count);
  const pixels = { count, step: tiles.step };
  const across = Math.ceil((rows * tiles.count) / LANES) * LANES;
  const invocations = batch * blocks * across;
  const shared = sharedReader(facts);

  const clamp = (value: string) => {
    const above = Number.isFinite(numberOf(low)) ? `max(${value}, ${numberOf(low)})` : value;
    return Number.isFinite(numberOf(high)) ? `min(${above}, ${numberOf(high)})` : above;
  };
  // Of the last vector only the outputs that there are, unless other invocations have other ones.
  const lanesOf = (run: number) => (blocks > 1 ? LANES : Math.min(LANES, outputs - run * LANES));
  const project = isProjected
    ? projectText(shared, `c * ${vectors(outputs)}u + block`, inBlock, count, lanesOf)
    : `if (isInside) {\n${repeat(count, (pixel) => storeText(layer, pixels, pixel, 'c', `u${pixel}`))}}\n`;
  const results = repeat(inBlock, (run) =>
    repeat(lanesOf(run), (lane) => {
      const output = `(block * ${LANES} + ${run * LANES + lane})`;
      const sum = (pixel: number) => `s${run}_${pixel}${lanesOf(run) > 1 ? `[${lane}]` : ''}`;
      const stores = repeat(count, (pixel) => storeText(layer, pixels, pixel, output, sum(pixel)));
      return blocks > 1 ? `if (${output} < ${outputs}u) {\n${stores}}\n` : stores;
    }),
  );
  const code = `let tile = i % ${across}u;
let block = i / ${across}u % ${blocks}u * ${inBlock}u;
let sample = i / ${across * blocks}u;
let row = tile / ${tiles.count}u;
let column = ${tiles.first(`(tile % ${tiles.count}u)`)};
let isInside = i < ${invocations}u && row < ${rows}u;
let at = sample * ${layer.rank * layer.plane}u + (row * ${layer.width}u + column) * ${layer.pool}u;
let first = sample * ${layer.matrixStride}u;
let origin = sample * ${layer.yBatch}u + row * ${layer.yRow}u + column + ${layer.yStart}u;
${isHeld(layer) ? holdText(layer, pixels) : ''}${repeat(inBlock, (run) =>
  repeat(count, (pixel) => `var s${run}_${pixel} = ${vectorType(lanesOf(run))}();\n`),
)}for (var c = 0u; c < ${channels}u; c++) {
${isHeld(layer) ? expandHeld(layer, pixels, shared) : expandAny(layer, pixels, shared)}${repeat(
  count,
  (pixel) => `let u${pixel} = ${clamp(poolText(layer, pixel))};\n`,
)}${project}}
if (!isInside) { return; }
${results}`;
  const bindings: Binding[] = [
    { name: 'maps', buffer: bufferOf(maps)!, type: 'f32' },
    { name: 'factors', buffer: bufferOf(matrix)!, type: shared.type },
  ];
  if (isProjected) bindings.push({ name: 'projection', buffer: bufferOf(projection)!, type: shared.type });
  bindings.push({ name: 'y', buffer: bufferOf(y)!, type: 'f32', written: true });
  return [inQuads(facts, invocations, bindings, code)];
};

/** How many pixels an invocation takes: as many as registers hold, as long as all of the device has work. */
function pixelsOf(facts: DeviceFacts, layer: Layer, blocks: number, inBlock: number): number {
  const { batch, rank, corners, rows, columns } = layer;
  const [most, enough] = areQuads(facts) ? [MOST_NUMBERS_OF_QUADS, ENOUGH_OF_QUADS] : [MOST_NUMBERS, ENOUGH];
  const numbers = Math.max(rank * corners, inBlock * LANES);
  const fits = (count: number) =>
    count * numbers <= most && batch * blocks * rows * Math.ceil(columns / count) >= enough;
  return [16, 8, 4, 2].find(fits) ?? 1;
}

const isHeld = ({ rank, corners }: Layer) => rank * corners <= MOST_MAPS;
const vectorType = (lanes: number) => (lanes > 1 ? `vec${lanes}f` : 'f32');

/** Where a corner of a pixel's window is in a map. */
const placeText = ({ pool, width }: Layer, { step }: Pixels, pixel: number, corner: number) =>
  `${pixel * step * pool + (corner >> 1) * width + (corner & 1)}u`;

/** A piece of text for each corner of each pixel. */
const eachCorner = ({ corners }: Layer, { count }: Pixels, piece: (pixel: number, corner: number) => string) =>
  repeat(count, (pixel) => repeat(corners, (corner) => piece(pixel, corner)));

/** Reads the pixels of all maps. */
function holdText(layer: Layer, pixels: Pixels): string {
  return repeat(layer.rank, (map) =>
    eachCorner(layer, pixels, (pixel, corner) => {
      const place = placeText(layer, pixels, pixel, corner);
      return `let x${map}_${pixel}_${corner} = maps[at + ${map * layer.plane}u + ${place}];\n`;
    }),
  );
}

/** Expands channel c from maps in registers. */
function expandHeld(layer: Layer, pixels: Pixels, shared: SharedReader): string {
  const { rank, matrixRow } = layer;
  const vector = (run: number) => shared.read(`m${run}`, 'factors', `first + c * ${matrixRow}u + ${run}u`);
  const channel = (pixel: number, corner: number) => {
    const products = repeat(rank, (map) => ` + m${map >> 2}[${map & 3}] * x${map}_${pixel}_${corner}`);
    return `let v${pixel}_${corner} = m${matrixRow - 1}[0]${products};\n`;
  };
  return repeat(matrixRow, vector) + eachCorner(layer, pixels, channel);
}

/** Expands channel c from maps in memory. */
function expandAny(layer: Layer, pixels: Pixels, shared: SharedReader): string {
  const { rank, matrixRow, plane } = layer;
  const vector = (name: string, run: string) => shared.read(name, 'factors', `first + c * ${matrixRow}u + ${run}`);
  const add = (pixel: number, corner: number) =>
    `v${pixel}_${corner} += factor * maps[map + ${placeText(layer, pixels, pixel, corner)}];\n`;
  return `${vector('shift', `${matrixRow - 1}u`)}${eachCorner(
    layer,
    pixels,
    (pixel, corner) => `var v${pixel}_${corner} = shift[0];\n`,
  )}for (var a = 0u; a < ${rank}u; a++) {
let map = at + a * ${plane}u;
${vector('m', 'a / 4u')}let factor = m[a % 4];
${eachCorner(layer, pixels, add)}}
`;
}

/** The largest of a pixel's corners. */
const poolText = ({ corners }: Layer, pixel: number) =>
  corners === 1 ? `v${pixel}_0` : `max(max(v${pixel}_0, v${pixel}_1), max(v${pixel}_2, v${pixel}_3))`;

/** Adds channel c to the outputs. */
function projectText(
  shared: SharedReader,
  at: string,
  inBlock: number,
  pixels: number,
  lanesOf: (run: number) => number,
): string {
  return repeat(inBlock, (run) => {
    const weights = `p${run}.${'xyzw'.slice(0, lanesOf(run))}`;
    const sums = repeat(pixels, (pixel) => `s${run}_${pixel} += ${weights} * u${pixel};\n`);
    return shared.read(`p${run}`, 'projection', `${at} + ${run}u`) + sums;
  });
}

/** Writes, or adds, a pixel of an output. */
function storeText(layer: Layer, { step }: Pixels, pixel: number, output: string, value: string): string {
  const place = `origin + ${output} * ${layer.yPlane}u + ${pixel * step}u`;
  return `if (column + ${pixel * step}u < ${layer.columns}u) { y[${place}] ${layer.isAdding ? '+' : ''}= ${value}; }\n`;
}
