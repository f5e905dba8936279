/**
 * Convolutions of each channel by itself: every invocation computes a few pixels side by side of one channel.
 */
import { bufferOf, type Lowering } from '../dispatch.ts';
import { biasBinding, geometryOf, isPadded } from '../geometry.ts';
import { epilogueOf } from '../program.ts';
import { inQuads, LANES, repeat, sharedNumbers } from '../quads.ts';
import { cheapestTile } from '../register-tile.ts';
import { windowReader } from '../window.ts';

/** Taps in a row that stand in the text one by one. */
const MOST_TAPS = 8;

export const depthwise: Lowering<'depthwise'> = (facts, geometry, x, w, bias, y, low, high, program, c1, c2, c3) => {
  const g = geometryOf(geometry);
  const { groups, height, width, filters, outHeight, outWidth, kernelHeight, kernelWidth } = g;
  const planes = g.batches * groups * filters;
  if (planes * outHeight * outWidth === 0) return [];
  const isLoop = kernelWidth > MOST_TAPS;
  const taps = isLoop ? 1 : kernelWidth;
  const readerOf = (columns: number) =>
    windowReader({
      width,
      columns,
      columnStep: g.strideWidth,
      taps,
      tapStep: g.dilationWidth,
      isPadded: isPadded(g),
    });
  // Those of a quad share their weights.
  const acrossOf = (columns: number) => Math.ceil((outHeight * Math.ceil(outWidth / columns)) / LANES) * LANES;
  const runs = Math.ceil(taps / LANES);
  const { columns: pixels } = cheapestTile(
    facts,
    ({ columns }) => planes * acrossOf(columns),
    ({ columns }) => ({ shared: runs, own: readerOf(columns).loads, steps: taps / LANES }),
    [1],
  );
  const tiles = Math.ceil(outWidth / pixels);
  const across = acrossOf(pixels);
  const reader = readerOf(pixels);
  const weights = repeat(runs, (run) => sharedNumbers(facts, `w${run}`, (lane) => `w[k + ${run * LANES} + ${lane}]`));
  const products = (pixel: number) =>
    repeat(taps, (tap) => `w${tap >> 2}[${tap & 3}] * ${reader.name(pixel, tap)}`, ' + ');
  const epilogue = epilogueOf(facts, low, high, program, c1, c2, c3);
  const code = `let plane = i / ${across}u;
let channel = plane % ${groups * filters}u;
let outRow = i % ${across}u / ${tiles}u;
let first = i % ${across}u % ${tiles}u * ${pixels}u;
let column = i32(first * ${g.strideWidth}u) - ${g.padLeft};
let added = ${bias === 0 ? '0f' : 'bias[channel]'};
${repeat(pixels, (pixel) => `var s${pixel} = added;\n`)}for (var v = 0u; v < ${kernelHeight}u; v++) {
let line = i32(outRow * ${g.strideHeight}u + v * ${g.dilationHeight}u) - ${g.padTop};
let isRow = u32(line) < ${height}u;
let start = plane / ${filters}u * ${height * width}u + u32(line * ${width});
${isLoop ? `for (var h = 0u; h < ${kernelWidth}u; h++) {` : 'let h = 0u;'}
let k = (channel * ${kernelHeight}u + v) * ${kernelWidth}u + h;
${weights}${reader.read('x', 'start', isLoop ? `column + i32(h * ${g.dilationWidth}u)` : 'column')}${repeat(pixels, (pixel) => `s${pixel} += ${products(pixel)};\n`)}}${isLoop ? '\n}' : ''}
if (i >= ${planes * across}u || outRow >= ${outHeight}u) { return; }
let sums = array(${repeat(pixels, (pixel) => `s${pixel}`, ', ')});
for (var j = 0u; j < ${pixels}u && first + j < ${outWidth}u; j++) {
let place = outRow * ${outWidth}u + first + j;
y[plane * ${outHeight * outWidth}u + place] = epilogue(sums[j], plane / ${groups * filters}u, channel, place);
}`;
  const bindings = [
    { name: 'x', buffer: bufferOf(x)!, type: 'f32' },
    { name: 'w', buffer: bufferOf(w)!, type: 'f32' },
    ...biasBinding(bias),
    ...epilogue.bindings,
    { name: 'y', buffer: bufferOf(y)!, type: 'f32', written: true },
  ] as const;
  return [inQuads(facts, planes * across, bindings, code, epilogue.code)];
};
