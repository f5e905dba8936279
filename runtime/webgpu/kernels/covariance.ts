/**
 * Means and covariances of maps, and the norms that follow from them. Every invocation of a first dispatch sums up some of the pixels, around the first
 * of them; a second one joins the sums (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance", eq. 2.1).
 */
import { EXPAND_LANES } from '../../kernels/opcodes.ts';
import type { Buffer } from '../../plan/buffer.ts';
import { bufferOf, type Lowering, numberOf } from '../dispatch.ts';
import { areQuads, LANES, repeat } from '../quads.ts';
import { forEach } from '../wgsl.ts';

/** Words of the sums over two runs of four maps: of the first, of the second, and of the products. */
const SUMS = 2 * LANES + LANES * LANES;

export const covariance: Lowering<'covariance'> = (facts, x, y, batch, rank, count) => {
  const [samples, maps, pixels] = [numberOf(batch), numberOf(rank), numberOf(count)];
  if (samples * maps === 0) return [];
  const runs = Math.ceil(maps / LANES);
  const parts = Math.max(1, Math.min(areQuads(facts) ? 128 : 512, Math.floor(pixels / 16)));
  const partial: Buffer = { kind: 'temporary', words: samples * runs * runs * parts * SUMS };
  const sums = { name: 'sums', buffer: partial, type: 'f32' } as const;
  const load = (map: string, pixel: string) =>
    `vec4f(${repeat(LANES, (lane) => `x[(sample * ${maps}u + ${map} + ${lane}u) * ${pixels}u + ${pixel}]`, ', ')})`;
  const collect = `let part = i % ${parts}u;
let a = i / ${parts}u % ${runs}u * 4u;
let b = i / ${parts * runs}u % ${runs}u * 4u;
let sample = i / ${parts * runs * runs}u;
if (b > a) { return; }
let firstA = ${load('a', 'part')};
let firstB = ${runs > 1 ? load('b', 'part') : 'firstA'};
var sumA = vec4f();
var sumB = vec4f();
${repeat(LANES, (lane) => `var p${lane} = vec4f();\n`)}for (var at = part; at < ${pixels}u; at += ${parts}u) {
let u = ${load('a', 'at')} - firstA;
let v = ${runs > 1 ? `${load('b', 'at')} - firstB` : 'u'};
sumA += u;
sumB += v;
${repeat(LANES, (lane) => `p${lane} += u[${lane}] * v;\n`)}}
let share = 1 / f32(${sharesOf(pixels, parts)});
var place = i / ${parts}u * ${SUMS * parts}u + part;
let all = array(firstA + sumA * share, firstB + sumB * share, ${repeat(LANES, (lane) => `p${lane} - sumA[${lane}] * share * sumB`, ', ')});
for (var j = 0; j < ${SUMS}; j++) {
sums[place] = all[j / 4][j % 4];
place += ${parts}u;
}`;
  const join = `let sample = i / ${maps * (1 + maps)}u;
let entry = i % ${maps * (1 + maps)}u;
let isMean = entry < ${maps}u;
let one = select((entry - ${maps}u) / ${maps}u, entry, isMean);
let other = select((entry - ${maps}u) % ${maps}u, entry, isMean);
let a = max(one, other);
let b = min(one, other);
let at = ((sample * ${runs}u + b / 4u) * ${runs}u + a / 4u) * ${SUMS * parts}u;
let atA = at + a % 4u * ${parts}u;
let atB = at + (4u + b % 4u) * ${parts}u;
let atProduct = at + (8u + a % 4u * 4u + b % 4u) * ${parts}u;
var meanA = 0f;
var meanB = 0f;
for (var part = 0u; part < ${parts}u; part++) {
let share = f32(${sharesOf(pixels, parts)}) / ${pixels};
meanA += share * sums[atA + part];
meanB += share * sums[atB + part];
}
var sum = 0f;
for (var part = 0u; !isMean && part < ${parts}u; part++) {
sum += sums[atProduct + part] + f32(${sharesOf(pixels, parts)}) * (sums[atA + part] - meanA) * (sums[atB + part] - meanB);
}
y[i] = select(sum / ${pixels}, meanA, isMean);`;
  return [
    forEach(
      facts,
      samples * runs * runs * parts,
      [
        { name: 'x', buffer: bufferOf(x)!, type: 'f32' },
        { ...sums, written: true },
      ],
      collect,
    ),
    forEach(
      facts,
      samples * maps * (1 + maps),
      [sums, { name: 'y', buffer: bufferOf(y)!, type: 'f32', written: true }],
      join,
    ),
  ];
};

/** How many of the pixels number `part` of the parts has, as a WGSL expression. */
const sharesOf = (pixels: number, parts: number) => `(${pixels + parts - 1}u - part) / ${parts}u`;

/** As ../../js/rare/normalize-expansion.ts: an invocation for each channel of each sample. */
export const normalizeExpansion: Lowering<'normalizeExpansion'> = (
  facts,
  matrix,
  statistics,
  scale,
  bias,
  y,
  epsilon,
  batch,
  channels,
  rank,
) => {
  const [maps, planes] = [numberOf(rank), numberOf(channels)];
  const count = numberOf(batch) * planes;
  if (count === 0) return [];
  const shiftAt = Math.ceil(maps / EXPAND_LANES) * EXPAND_LANES;
  const row = shiftAt + EXPAND_LANES;
  const body = `let channel = i % ${planes}u;
let source = channel * ${row}u;
let means = i / ${planes}u * ${maps * (1 + maps)}u;
var mean = 0f;
var variance = 0f;
for (var a = 0u; a < ${maps}u; a++) {
let factor = factors[source + a];
mean += factor * statistics[means + a];
var sum = 0f;
for (var b = 0u; b < ${maps}u; b++) { sum += statistics[means + ${maps}u + a * ${maps}u + b] * factors[source + b]; }
variance += factor * sum;
}
let gain = scale[channel] / sqrt(max(0, variance) + ${numberOf(epsilon)});
for (var a = 0u; a < ${shiftAt}u; a++) { y[i * ${row}u + a] = gain * factors[source + a]; }
y[i * ${row}u + ${shiftAt}u] = bias[channel] - gain * mean;`;
  // Not as an object: the bundle shortens the names of properties.
  const read = [
    ['factors', matrix],
    ['statistics', statistics],
    ['scale', scale],
    ['bias', bias],
  ] as const;
  const bindings = read.map(([name, argument]) => ({ name, buffer: bufferOf(argument)!, type: 'f32' }) as const);
  return [forEach(facts, count, [...bindings, { name: 'y', buffer: bufferOf(y)!, type: 'f32', written: true }], body)];
};
