/** Seeded cases of packing, matrix products and convolutions, the same for every backend. */
import * as opcodes from '../../../runtime/kernels/opcodes.ts';
import {
  convScratch,
  convTransposeScratch,
  depthwiseScratch,
  matmulScratch,
} from '../../../runtime/kernels/scratch.ts';
import { random } from '../../support/random.ts';
import type { KernelCase, Workbench } from './workbench.ts';

type Uniform = () => number;

/** Sums of up to 1300 products of numbers within ±1, in another order. */
const TOLERANCE = 4e-5;

const product = (dims: readonly number[]) => dims.reduce((all, dim) => all * dim, 1);
const integerWithin = (uniform: Uniform, low: number, high: number) => low + Math.floor(uniform() * (high - low + 1));
const pick = <T>(uniform: Uniform, choices: readonly T[]): T => choices[integerWithin(uniform, 0, choices.length - 1)]!;
const floatsOf = (seed: number, count: number, scale = 1) => {
  const uniform = random(seed);
  return Float32Array.from({ length: count }, () => (uniform() * 2 - 1) * scale);
};
const resultAt = (bench: Workbench, at: number, count: number) => bench.floats.slice(at / 4, at / 4 + count);

/** Room whose words are NaN, so that whatever is read before it is written shows. */
function unwritten(bench: Workbench, bytes: number): number {
  const at = bench.room(bytes / 4);
  bench.floats.fill(Number.NaN, at / 4, (at + bytes) / 4);
  return at;
}

/** What a kernel does to its results. */
export interface Epilogue {
  readonly low: number;
  readonly high: number;
  readonly hasProgram: boolean;
}

/** Nothing. */
export const PLAIN: Epilogue = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, hasProgram: false };

function someEpilogue(uniform: Uniform): Epilogue {
  const choice = uniform();
  if (choice < 0.4) return PLAIN;
  if (choice < 0.6) return { ...PLAIN, low: 0 };
  if (choice < 0.8) return { low: 0, high: 0.5, hasProgram: false };
  return { low: 0, high: 0.5, hasProgram: true };
}

/** The last arguments of a kernel: the program is y · c1 + c2, where c1 is a number a row and c2 has the shape of y. */
function layEpilogue(bench: Workbench, { low, high, hasProgram }: Epilogue, dims: readonly number[]) {
  if (!hasProgram) return [low, high, 0, 0, 0, 0] as const;
  const [, rows, columns] = dims as [number, number, number];
  const strides = [rows * columns, columns, 1, 0, 1, 0, rows * columns, columns, 1];
  const instructions = [opcodes.MUL, 3, 0, 1, 0, opcodes.ADD, 3, 3, 2, 0];
  const program = bench.ofIntegers([3, 3, 0, 2, ...dims, ...strides, ...instructions]);
  return [
    low,
    high,
    program,
    bench.ofFloats(floatsOf(8, rows)),
    bench.ofFloats(floatsOf(9, product(dims))),
    0,
  ] as const;
}

/** A product of seeded matrices. */
export interface Product {
  readonly batches: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly isTransposedA: boolean;
  readonly isTransposedB: boolean;
  readonly isPacked: boolean;
  readonly bias: 'none' | 'row' | 'column' | 'both';
  readonly epilogue: Epilogue;
}

/** Seeded factors of a product, row-major. */
export function factorsOf({ batches, rows, columns, depth }: Product): [a: Float32Array, b: Float32Array] {
  return [floatsOf(1, batches * rows * depth), floatsOf(2, batches * depth * columns)];
}

/** Runs `matmul` on the factors. */
export function runProduct(bench: Workbench, given: Product): Float32Array[] {
  const { batches, rows, columns, depth, isTransposedA, isTransposedB, isPacked, bias, epilogue } = given;
  const factors = factorsOf(given);
  const a = bench.ofFloats(factors[0]);
  let b = bench.ofFloats(factors[1]);
  const aStrides = isTransposedA ? [1, rows] : [depth, 1];
  const bStrides = isTransposedB ? [1, depth] : [columns, 1];
  const panels = Math.ceil(columns / opcodes.TILE_COLUMNS) * opcodes.TILE_COLUMNS * depth;
  if (isPacked) {
    const y = unwritten(bench, 4 * batches * panels);
    bench.kernels.packColumns(b, batches, depth * columns, bStrides[0]!, bStrides[1]!, depth, columns, y);
    b = y;
  }
  const biasStrides = { none: [0, 0], row: [1, 0], column: [0, 1], both: [columns, 1] }[bias];
  const offsets = Array.from({ length: batches }, (_, batch) => [
    batch * rows * depth,
    batch * (isPacked ? panels : depth * columns),
  ]);
  const geometry = [rows, columns, depth, batches, ...aStrides, ...bStrides, Number(isPacked), ...biasStrides];
  geometry.push(...offsets.flat());
  const count = batches * rows * columns;
  const biasAt = bias === 'none' ? 0 : bench.ofFloats(floatsOf(3, rows * columns));
  const table = bench.ofIntegers(geometry);
  const last = layEpilogue(bench, epilogue, [batches, rows, columns]);
  const scratch = unwritten(bench, matmulScratch(geometry));
  const y = unwritten(bench, 4 * count);
  bench.kernels.matmul(table, a, b, biasAt, y, ...last, scratch);
  return [resultAt(bench, y, count)];
}

function productCases(): KernelCase[] {
  const uniform = random(11);
  const flag = () => uniform() < 0.5;
  const sizes = (largest: number) =>
    uniform() < 0.7 ? integerWithin(uniform, 1, 21) : integerWithin(uniform, 1, largest);
  const fixed: Partial<Product>[] = [
    { batches: 6, rows: 50, columns: 50, depth: 32 },
    { batches: 1, rows: 1, columns: 500, depth: 1300 },
    { batches: 1, rows: 33, columns: 300, depth: 1290 },
    { batches: 1, rows: 3, columns: 1, depth: 700 },
    { batches: 1, rows: 5, columns: 9, depth: 0 },
  ];
  return Array.from({ length: 150 }, (_, index) => {
    const given: Product = {
      batches: integerWithin(uniform, 1, 3),
      rows: sizes(70),
      columns: sizes(90),
      depth: sizes(800),
      isTransposedA: flag(),
      isTransposedB: flag(),
      isPacked: flag(),
      bias: pick(uniform, ['none', 'row', 'column', 'both'] as const),
      epilogue: someEpilogue(uniform),
      ...fixed[index],
    };
    return { name: JSON.stringify(given), tolerance: TOLERANCE, run: (bench) => runProduct(bench, given) };
  });
}

/** The `CONV_…` words by name. */
export interface Convolution {
  readonly batches: number;
  readonly groups: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
}

/** The table of a geometry. */
export const convolutionWords = (given: Convolution): number[] => [
  given.batches,
  given.groups,
  given.channels,
  given.height,
  given.width,
  given.filters,
  given.outHeight,
  given.outWidth,
  given.kernelHeight,
  given.kernelWidth,
  given.strideHeight,
  given.strideWidth,
  given.dilationHeight,
  given.dilationWidth,
  given.padTop,
  given.padLeft,
];

export type ConvolutionKernel = 'conv' | 'depthwise' | 'convTranspose';

const SCRATCH = { conv: convScratch, depthwise: depthwiseScratch, convTranspose: convTransposeScratch };

/** Weights in ONNX's order for the kernel, laid out as it wants them. */
function layWeights(bench: Workbench, kernel: ConvolutionKernel, given: Convolution, weights: Float32Array): number {
  const at = bench.ofFloats(weights);
  if (kernel === 'depthwise') return at;
  const { groups, channels, filters, kernelHeight, kernelWidth } = given;
  const taps = kernelHeight * kernelWidth;
  const isTransposed = kernel === 'convTranspose';
  const [rows, columns]: [number, number] = isTransposed ? [filters * taps, channels] : [filters, channels * taps];
  const [rowStride, columnStride]: [number, number] = isTransposed ? [1, rows] : [columns, 1];
  const panels = Math.ceil(rows / opcodes.TILE_ROWS) * opcodes.TILE_ROWS * columns;
  const y = unwritten(bench, 4 * groups * panels);
  bench.kernels.packRows(at, groups, rows * columns, rowStride, columnStride, rows, columns, y);
  return y;
}

/** Runs one of the kernels on operands in ONNX's order. */
export function convolve(
  bench: Workbench,
  kernel: ConvolutionKernel,
  given: Convolution,
  x: Float32Array,
  weights: Float32Array,
  bias: Float32Array | undefined,
  epilogue = PLAIN,
): Float32Array {
  const words = convolutionWords(given);
  const dims = [given.batches, given.groups * given.filters, given.outHeight * given.outWidth];
  const input = bench.ofFloats(x);
  const w = layWeights(bench, kernel, given, weights);
  const biasAt = bias ? bench.ofFloats(bias) : 0;
  const table = bench.ofIntegers(words);
  const last = layEpilogue(bench, epilogue, dims);
  const scratch = unwritten(bench, SCRATCH[kernel](words));
  const y = unwritten(bench, 4 * product(dims));
  bench.kernels[kernel](table, input, w, biasAt, y, ...last, scratch);
  return resultAt(bench, y, product(dims));
}

/** Seeded operands of a geometry: input, weights, bias. */
export function operandsOf(given: Convolution): [x: Float32Array, weights: Float32Array, bias: Float32Array] {
  const { batches, groups, channels, height, width, filters, kernelHeight, kernelWidth } = given;
  return [
    floatsOf(1, batches * groups * channels * height * width),
    floatsOf(2, groups * filters * channels * kernelHeight * kernelWidth, 0.5),
    floatsOf(3, groups * filters),
  ];
}

/** A window that fits `size` elements, with its pads and how many positions it has. */
function someWindow(uniform: Uniform, size: number, most: number) {
  const kernel = pick(uniform, [1, 1, 2, 3, 3, 5, most]);
  const dilation = uniform() < 0.75 ? 1 : integerWithin(uniform, 2, 3);
  const stride = uniform() < 0.6 ? 1 : integerWithin(uniform, 2, 4);
  const reach = (kernel - 1) * dilation + 1;
  const [begin, end] = [integerWithin(uniform, 0, kernel), integerWithin(uniform, 0, kernel)];
  return { kernel, dilation, stride, begin, out: Math.floor((size + begin + end - reach) / stride) + 1 };
}

function someConvolution(uniform: Uniform, kernel: ConvolutionKernel): Convolution {
  for (;;) {
    const isWide = uniform() < 0.2;
    const height = integerWithin(uniform, 1, 14);
    const width = integerWithin(uniform, 1, isWide ? 90 : 20);
    const [rows, columns] = [someWindow(uniform, height, 4), someWindow(uniform, width, 7)];
    const isTransposed = kernel === 'convTranspose';
    const out = (size: number, { kernel, dilation, stride, begin, out }: typeof rows) =>
      isTransposed
        ? (size - 1) * stride +
          (kernel - 1) * dilation +
          1 -
          begin -
          integerWithin(uniform, 0, kernel) +
          pick(uniform, [0, 0, 1])
        : out;
    const [outHeight, outWidth] = [out(height, rows), out(width, columns)];
    if (outHeight < 1 || outWidth < 1) continue;
    return {
      batches: integerWithin(uniform, 1, 2),
      groups: kernel === 'depthwise' ? integerWithin(uniform, 1, 9) : pick(uniform, [1, 1, 1, 2, 3]),
      channels: kernel === 'depthwise' ? 1 : pick(uniform, [1, 2, 3, 5, 16, 70]),
      filters: kernel === 'depthwise' ? pick(uniform, [1, 1, 2]) : pick(uniform, [1, 2, 3, 4, 7, 8, 18]),
      height,
      width,
      outHeight,
      outWidth,
      kernelHeight: rows.kernel,
      kernelWidth: columns.kernel,
      strideHeight: rows.stride,
      strideWidth: columns.stride,
      dilationHeight: rows.dilation,
      dilationWidth: columns.dilation,
      padTop: rows.begin,
      padLeft: columns.begin,
    };
  }
}

/** 3×3 over 20×20, of 3 channels to 4. */
export const SQUARE: Convolution = {
  batches: 1,
  groups: 1,
  channels: 3,
  height: 20,
  width: 20,
  filters: 4,
  outHeight: 20,
  outWidth: 20,
  kernelHeight: 3,
  kernelWidth: 3,
  strideHeight: 1,
  strideWidth: 1,
  dilationHeight: 1,
  dilationWidth: 1,
  padTop: 1,
  padLeft: 1,
};

const WIDE = { height: 12, width: 900, outHeight: 12, outWidth: 900 };
const EMPTY = { height: 2, width: 9, outHeight: 0, outWidth: 7, padTop: 0, padLeft: 0 };

/** Geometries that need several bands, several blocks of depth, or have no result at all. */
const LARGE: Readonly<Record<ConvolutionKernel, readonly Partial<Convolution>[]>> = {
  conv: [
    { ...WIDE, channels: 24 },
    { ...WIDE, channels: 9, kernelHeight: 1, kernelWidth: 1, padTop: 0, padLeft: 0, filters: 40 },
    { channels: 150, height: 5, width: 5, outHeight: 3, outWidth: 3, strideHeight: 2, strideWidth: 2, filters: 9 },
    {
      channels: 700,
      kernelHeight: 1,
      kernelWidth: 1,
      padTop: 0,
      padLeft: 0,
      height: 1,
      width: 9,
      outHeight: 1,
      outWidth: 9,
    },
    EMPTY,
    { ...EMPTY, outHeight: 1, outWidth: 0, kernelHeight: 1, kernelWidth: 1 },
  ],
  depthwise: [
    { ...WIDE, channels: 1, filters: 1, height: 90, outHeight: 90 },
    { ...WIDE, channels: 1, filters: 2, groups: 2, height: 90, outHeight: 90 },
    { ...EMPTY, channels: 1 },
    { ...EMPTY, channels: 1, outHeight: 1, outWidth: 0, kernelHeight: 1, kernelWidth: 1 },
  ],
  convTranspose: [
    { ...WIDE, width: 450, strideWidth: 2, filters: 9, padTop: 1, padLeft: 1 },
    { ...SQUARE, channels: 40, filters: 70, width: 60, outWidth: 60 },
    { channels: 700 },
    { outWidth: 0 },
  ],
};

function convolutionCases(kernel: ConvolutionKernel): KernelCase[] {
  const uniform = random(21);
  const large = LARGE[kernel].map((part) => ({ ...SQUARE, ...part }));
  const some = Array.from({ length: 250 }, () => someConvolution(uniform, kernel));
  return [...large, ...some].map((given) => {
    const epilogue = someEpilogue(uniform);
    const hasBias = uniform() < 0.7;
    const run = (bench: Workbench) => {
      const [x, weights, bias] = operandsOf(given);
      return [convolve(bench, kernel, given, x, weights, hasBias ? bias : undefined, epilogue)];
    };
    return { name: JSON.stringify({ ...given, hasBias, ...epilogue }), tolerance: TOLERANCE, run };
  });
}

/** Cases by kernel. */
export const PRODUCT_CASES: Readonly<Record<string, readonly KernelCase[]>> = {
  matmul: productCases(),
  conv: convolutionCases('conv'),
  depthwise: convolutionCases('depthwise'),
  convTranspose: convolutionCases('convTranspose'),
};
