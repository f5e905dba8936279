/** Seeded cases of the kernels of the frequency domain, the same for every backend. */
import type { AllKernels } from '../../../runtime/kernels/all-kernels.ts';
import { EXPAND_LANES } from '../../../runtime/kernels/opcodes.ts';
import { random } from '../../support/random.ts';
import type { KernelCase, Workbench } from './workbench.ts';

type Uniform = () => number;

const integerWithin = (uniform: Uniform, low: number, high: number) => low + Math.floor(uniform() * (high - low + 1));
const pick = <T>(uniform: Uniform, choices: readonly T[]): T => choices[integerWithin(uniform, 0, choices.length - 1)]!;
const padded = (count: number) => Math.ceil(count / EXPAND_LANES) * EXPAND_LANES;
const resultAt = (bench: Workbench, at: number, count: number) => bench.floats.slice(at / 4, at / 4 + count);

/** Room whose words are NaN, so that whatever is read before it is written shows. */
function unwritten(bench: Workbench, count: number): number {
  const at = bench.room(count);
  bench.floats.fill(Number.NaN, at / 4, at / 4 + count);
  return at;
}

/** `rows` rows of `count` numbers within ±scale, each with zeros up to `stride`. */
function padRows(uniform: Uniform, rows: number, count: number, stride: number, scale = 1): Float32Array {
  return Float32Array.from({ length: rows * stride }, (_, at) =>
    at % stride < count ? (uniform() * 2 - 1) * scale : 0,
  );
}

/** Factors and shifts of channels, as `Kernels.expandProject` has them. */
function matrixOf(uniform: Uniform, channels: number, rank: number): Float32Array {
  const row = padded(rank) + EXPAND_LANES;
  const words = padRows(uniform, channels, rank, row);
  for (let channel = 0; channel < channels; channel++) words[channel * row + padded(rank)] = uniform() - 0.5;
  return words;
}

interface Expansion {
  readonly batch: number;
  readonly rank: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly pooled: number;
  /** Whether samples have matrices of their own. */
  readonly isOwn: boolean;
  /** 0 for the channels themselves. */
  readonly outputs: number;
  /** Zeros around, and planes before and behind the outputs. */
  readonly pad: number;
  readonly planes: number;
  readonly accumulate: number;
  readonly low: number;
  readonly high: number;
}

const FIXED: readonly Partial<Expansion>[] = [
  { rank: 4, channels: 64, outputs: 4, height: 1, width: 4000, low: 0 },
  { rank: 70, channels: 9, outputs: 3 },
  { rank: 130, channels: 5, outputs: 0, pooled: 1, height: 6, width: 7 },
  { rank: 6, channels: 90, outputs: 45, batch: 2 },
  { rank: 3, channels: 8, outputs: 2, height: 1, width: 1, pooled: 1 },
];

function expandProjectCase(seed: number): KernelCase {
  const uniform = random(seed);
  const given: Expansion = {
    batch: integerWithin(uniform, 1, 3),
    rank: pick(uniform, [1, 2, 3, 4, 5, 8, 9, 17]),
    channels: pick(uniform, [1, 3, 16, 70]),
    height: integerWithin(uniform, 1, 9),
    width: integerWithin(uniform, 1, 30),
    pooled: integerWithin(uniform, 0, 1),
    isOwn: uniform() < 0.5,
    outputs: pick(uniform, [0, 0, 1, 3, 4, 5, 12]),
    pad: uniform() < 0.7 ? 0 : integerWithin(uniform, 1, 2),
    planes: integerWithin(uniform, 0, 2),
    accumulate: uniform() < 0.3 ? 1 : 0,
    low: pick(uniform, [Number.NEGATIVE_INFINITY, 0, -0.25]),
    high: pick(uniform, [Number.POSITIVE_INFINITY, 1.5]),
    ...FIXED[seed - 1],
  };
  const { batch, rank, channels, height, width, pooled, isOwn, pad, planes, accumulate, low, high } = given;
  const outputs = given.outputs || channels;
  const size = (length: number) => (pooled ? Math.floor(length / 2) : length) + 2 * pad;
  const [row, plane] = [size(width), size(height) * size(width)];
  const all = outputs + 2 * planes;
  const maps = padRows(uniform, batch * rank, height * width, height * width);
  const matrices = isOwn ? batch : 1;
  const matrix = matrixOf(uniform, matrices * channels, rank);
  const projection = padRows(uniform, channels, outputs, padded(outputs), 0.5);
  const before = padRows(uniform, 1, batch * all * plane, batch * all * plane);
  const geometry = [batch, rank, channels, height, width, pooled, isOwn ? matrix.length / batch : 0];
  geometry.push(outputs, all * plane, plane, row, planes * plane + pad * row + pad, accumulate);
  return {
    name: `expandProject ${seed}: ${JSON.stringify(given)}`,
    tolerance: 2e-5,
    run(bench) {
      const x = bench.ofFloats(maps);
      const factors = bench.ofFloats(matrix);
      const table = bench.ofIntegers(geometry);
      const projected = given.outputs ? bench.ofFloats(projection) : 0;
      const y = bench.ofFloats(before);
      bench.kernels.expandProject(table, x, factors, projected, y, low, high);
      return [resultAt(bench, y, before.length)];
    },
  };
}

function covarianceCase(seed: number): KernelCase {
  const uniform = random(seed);
  const batch = integerWithin(uniform, 1, 2);
  const rank = integerWithin(uniform, 1, 10);
  const count = pick(uniform, [1, 2, 5, 16, 33, 100, 1000, 20_000]);
  const means = Array.from({ length: batch * rank }, () => (uniform() - 0.5) * 8);
  const x = padRows(uniform, batch * rank, count, count).map((value, at) => value + means[Math.floor(at / count)]!);
  return {
    name: `covariance ${seed}: ${batch}×${rank}×${count}`,
    tolerance: 2e-6,
    run(bench) {
      const source = bench.ofFloats(x);
      const y = unwritten(bench, batch * rank * (1 + rank));
      bench.kernels.covariance(source, y, batch, rank, count);
      return [resultAt(bench, y, batch * rank * (1 + rank))];
    },
  };
}

function normalizeExpansionCase(seed: number): KernelCase {
  const uniform = random(seed);
  const batch = integerWithin(uniform, 1, 3);
  const rank = integerWithin(uniform, 1, 10);
  const channels = integerWithin(uniform, 1, 80);
  const matrix = matrixOf(uniform, channels, rank);
  const spread = padRows(uniform, batch * rank, rank, rank);
  // Covariances are the products of a matrix with itself.
  const statistics = Array.from({ length: batch }, (_, sample) => {
    const at = (a: number, b: number) => spread[(sample * rank + a) * rank + b]!;
    const sum = (a: number, b: number) => spread.subarray(0, rank).reduce((all, _, c) => all + at(a, c) * at(b, c), 0);
    const products = Array.from({ length: rank * rank }, (_, i) => sum(Math.floor(i / rank), i % rank));
    return [...padRows(uniform, 1, rank, rank), ...products];
  }).flat();
  const [scale, bias] = [padRows(uniform, 1, channels, channels), padRows(uniform, 1, channels, channels)];
  const words = (batch * channels * matrix.length) / channels;
  return {
    name: `normalizeExpansion ${seed}: ${batch}×${channels}×${rank}`,
    tolerance: 2e-5,
    run(bench) {
      const operands = [matrix, statistics, scale, bias].map((values) => bench.ofFloats(values));
      const y = bench.room(words);
      const kernels = bench.kernels as unknown as Pick<AllKernels, 'normalizeExpansion'>;
      const [a, b, c, d] = operands as [number, number, number, number];
      kernels.normalizeExpansion(a, b, c, d, y, 1e-5, batch, channels, rank);
      return [resultAt(bench, y, words)];
    },
  };
}

const seeds = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** Cases by kernel. */
export const FREQUENCY_CASES: Readonly<Record<'expandProject' | 'covariance', readonly KernelCase[]>> = {
  expandProject: seeds(120).map(expandProjectCase),
  covariance: seeds(40).map(covarianceCase),
};

/** Those of kernels that have one implementation for processors. */
export const RARE_FREQUENCY_CASES: Readonly<Record<string, readonly KernelCase[]>> = {
  normalizeExpansion: seeds(20).map(normalizeExpansionCase),
};
