/** Seeded cases of every kernel but the products and convolutions, the same for every backend. */
import * as opcodes from '../../../runtime/kernels/opcodes.ts';
import { random } from '../../support/random.ts';
import type { KernelCase, Workbench } from './workbench.ts';

type Uniform = () => number;

const integerWithin = (uniform: Uniform, low: number, high: number) => low + Math.floor(uniform() * (high - low + 1));
const pick = <T>(uniform: Uniform, choices: readonly T[]): T => choices[integerWithin(uniform, 0, choices.length - 1)]!;
const floatsOf = (uniform: Uniform, count: number, scale = 2) =>
  Float32Array.from({ length: count }, () => (uniform() * 2 - 1) * scale);
const integersOf = (uniform: Uniform, count: number, most = 9) =>
  Int32Array.from({ length: count }, () => integerWithin(uniform, -most, most));
const product = (dims: readonly number[]) => dims.reduce((all, dim) => all * dim, 1);
const bits = (value: number) => new Int32Array(Float32Array.of(value).buffer)[0]!;

const floatsAt = (bench: Workbench, at: number, count: number) => bench.floats.slice(at / 4, at / 4 + count);
const wordsAt = (bench: Workbench, at: number, count: number) => bench.words.slice(at / 4, at / 4 + count);

const FLOAT_OPCODES = [...range(opcodes.ADD, opcodes.MOD), ...range(opcodes.NEG, opcodes.ATANH)];
const TESTS = range(opcodes.EQ, opcodes.IS_NAN);
const INTEGER_OPCODES = range(opcodes.ADD_INT, opcodes.LE_INT);

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

const SPECIAL = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-40, -1e-40, 1e-20, 3e38, -3e38, 20, -20, 88, 89, -87, -95];
const EDGES = [...SPECIAL, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const INTEGER_EDGES = [0, 1, -1, 2, 3, -3, 7, 31, 40, 2 ** 31 - 1, -(2 ** 31), 123456789, -987654321];

/** What differs between processors in single operations. */
interface Arithmetic {
  readonly edges: readonly number[];
  /** As that of a case, by opcode. */
  readonly toleranceOf: (opcode: number) => number;
  /** The largest angle whose sine it knows. */
  readonly mostAngle: number;
}

const ON_PROCESSOR: Arithmetic = {
  edges: EDGES,
  toleranceOf: (opcode) => (opcode >= opcodes.EXP && opcode <= opcodes.ERF ? 1e-6 : 0),
  mostAngle: Number.POSITIVE_INFINITY,
};

/** GPUs may take denormals for zeros, and their divisions and functions are a few units in the last place off. */
const ON_GPU: Arithmetic = {
  edges: EDGES.filter((edge) => edge === 0 || !(Math.abs(edge) < 1e-38)),
  toleranceOf(opcode) {
    if (opcode >= opcodes.EQ) return 0;
    if (opcode <= opcodes.MUL) return 1e-37;
    return opcode === opcodes.TAN ? 1e-4 : 2e-5;
  },
  mostAngle: 30_000,
};

/** Every opcode over every pair of edges and some random numbers. */
function opcodeCases({ edges, toleranceOf, mostAngle }: Arithmetic): KernelCase[] {
  const uniform = random(1);
  const pairsOf = (edges: readonly number[]) => edges.flatMap((a) => edges.map((b) => [a, b] as const));
  const some = Array.from({ length: 300 }, () => [uniform() * 8 - 4, uniform() * 8 - 4] as const);
  const wide = Array.from({ length: 300 }, () => [(uniform() - 0.5) * 180, uniform() * 3] as const);
  const floats = [...pairsOf(edges), ...some, ...wide];
  const integers = pairsOf(INTEGER_EDGES);
  const cases = [...FLOAT_OPCODES, ...TESTS, ...INTEGER_OPCODES, opcodes.INT_TO_FLOAT, opcodes.FLOAT_TO_INT];
  return cases.map((opcode) => {
    const isInteger = opcode >= opcodes.ADD_INT && opcode !== opcodes.FLOAT_TO_INT;
    const isAngle = opcode >= opcodes.SIN && opcode <= opcodes.TAN;
    const angles = floats.filter(([angle]) => !(Number.isFinite(angle) && Math.abs(angle) > mostAngle));
    const pairs = isInteger ? integers : isAngle ? angles : floats;
    const toFloats = opcode < opcodes.EQ || opcode === opcodes.INT_TO_FLOAT;
    return {
      name: `opcode ${opcode}`,
      tolerance: toleranceOf(opcode),
      run(bench) {
        const lay = (values: number[]) => (isInteger ? bench.ofIntegers(values) : bench.ofFloats(values));
        const a = lay(pairs.map(([first]) => first));
        const b = lay(pairs.map(([, second]) => second));
        const y = bench.room(pairs.length);
        const program = bench.ofIntegers([1, 2, 0, 1, pairs.length, 1, 1, opcode, 2, 0, 1, 0]);
        bench.kernels.elementwise(program, y, a, b, 0, 0, 0, 0);
        return [(toFloats ? floatsAt : wordsAt)(bench, y, pairs.length)];
      },
    };
  });
}

/** f(x) / (x − zero) near the zero of functions that go through it with slope 1: their relative error. */
function slopeCase(opcode: number, zero: number): KernelCase {
  const uniform = random(opcode);
  const values = Float32Array.from({ length: 1000 }, (_, at) => zero + (uniform() - 0.5) * 2 ** (-at / 50));
  return {
    name: `slope of opcode ${opcode} at ${zero}`,
    tolerance: 2e-6,
    run(bench) {
      const y = bench.room(values.length);
      const instructions = [opcode, 2, 0, 0, 0, opcodes.SUB, 3, 0, 1, 0, opcodes.DIV, 2, 2, 3, 0];
      const program = bench.ofIntegers([1, 1, 1, 3, values.length, 1, bits(zero), ...instructions]);
      bench.kernels.elementwise(program, y, bench.ofFloats(values), 0, 0, 0, 0, 0);
      return [floatsAt(bench, y, values.length)];
    },
  };
}

const ODD = [opcodes.TANH, opcodes.SIN, opcodes.TAN, opcodes.ASIN, opcodes.ATAN];
const HYPERBOLIC = [opcodes.SINH, opcodes.ASINH, opcodes.ATANH];

/** Random programs over random shapes, operands being broadcast, transposed and strided at random. */
function programCase(seed: number): KernelCase {
  const uniform = random(seed + 100);
  const rank = integerWithin(uniform, 0, 5);
  const dims = Array.from({ length: rank }, (_, axis) =>
    axis === rank - 1
      ? pick(uniform, [1, 3, 4, 7, 49, 256, 300, 1031])
      : pick(uniform, axis < rank - 2 ? [1, 2, 3] : [1, 2, 3, 90]),
  );
  const operands = integerWithin(uniform, 1, 6);
  const strides = Array.from({ length: operands }, () => dims.map(() => pick(uniform, [0, 1, 1, 1, 2, 5])));
  const data = strides.map((steps) =>
    floatsOf(uniform, 1 + steps.reduce((sum, step, axis) => sum + step * (dims[axis]! - 1), 0)),
  );
  const constants = Array.from({ length: integerWithin(uniform, 0, 3) }, () => bits(uniform() * 4 - 2));
  const count = integerWithin(uniform, 0, 6);
  const instructions: number[] = [];
  let registers = operands + constants.length;
  const source = () => integerWithin(uniform, 0, registers - 1);
  for (let i = 0; i < count; i++) {
    const opcode = pick(uniform, [
      opcodes.ADD,
      opcodes.SUB,
      opcodes.MUL,
      opcodes.MAX,
      opcodes.TANH,
      opcodes.SELECT,
      opcodes.SIN,
    ]);
    instructions.push(opcode, registers, source(), source(), source());
    registers++;
  }
  const table = [rank, operands, constants.length, count, ...dims, ...strides.flat(), ...constants, ...instructions];
  return {
    name: `program ${seed}: ${count} instructions over ${dims.join('×')}`,
    tolerance: 1e-4,
    run(bench) {
      const pointers = data.map((values) => bench.ofFloats(values));
      const program = bench.ofIntegers(table);
      const y = bench.room(product(dims));
      const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = pointers;
      bench.kernels.elementwise(program, y, a, b, c, d, e, f);
      return [floatsAt(bench, y, product(dims))];
    },
  };
}

function poolCase(seed: number): KernelCase {
  const uniform = random(seed + 10_000);
  const rank = pick(uniform, [1, 2, 2, 2, 3]);
  const axes = [0, 1, 2].map((axis) => {
    if (axis < 3 - rank) return { size: 1, out: 1, kernel: 1, stride: 1, dilation: 1, begin: 0, end: 0 };
    const kernel = integerWithin(uniform, 1, pick(uniform, [3, 3, 7]));
    const stride = integerWithin(uniform, 1, 3);
    const dilation = pick(uniform, [1, 1, 2]);
    const extent = (kernel - 1) * dilation + 1;
    const begin = integerWithin(uniform, 0, kernel - 1);
    const end = integerWithin(uniform, 0, kernel - 1);
    const size = extent + integerWithin(uniform, 0, pick(uniform, [3, 20, axis === 2 ? 3000 : 20]));
    // Rounding up lets a last window hang over the end, as ceil_mode does.
    const room = (size + begin + end - extent) / stride;
    let out = (uniform() < 0.5 ? Math.ceil(room) : Math.floor(room)) + 1;
    if ((out - 1) * stride >= size + begin) out--;
    return { size, out, kernel, stride, dilation, begin, end };
  });
  const planes = integerWithin(uniform, 1, 3);
  const kind = integerWithin(uniform, opcodes.POOL_MAX, opcodes.POOL_LP);
  const p = pick(uniform, [1, 2, 3]);
  const columnMajor = integerWithin(uniform, 0, 1);
  const withIndices = kind === opcodes.POOL_MAX && uniform() < 0.4;
  const x = floatsOf(uniform, planes * product(axes.map(({ size }) => size)));
  const outputs = planes * product(axes.map(({ out }) => out));
  const geometry = [planes];
  for (const word of ['size', 'out', 'kernel', 'stride', 'dilation', 'begin', 'end'] as const) {
    geometry.push(...axes.map((axis) => axis[word]));
  }
  geometry.push(kind, p, columnMajor);
  return {
    name: `pool ${seed}: ${geometry.join(' ')}${withIndices ? ' with indices' : ''}`,
    tolerance: 2e-6,
    run(bench) {
      const from = bench.ofFloats(x);
      const y = bench.room(outputs);
      const indices = withIndices ? bench.room(outputs) : 0;
      bench.kernels.pool(bench.ofIntegers(geometry), from, y, indices);
      return withIndices
        ? [floatsAt(bench, y, outputs), wordsAt(bench, indices, outputs)]
        : [floatsAt(bench, y, outputs)];
    },
  };
}

function middleAxis(uniform: Uniform): { outer: number; count: number; inner: number } {
  return {
    outer: integerWithin(uniform, 1, 4),
    count: pick(uniform, [1, 2, 5, 16, 49, 197, 1000]),
    inner: pick(uniform, [1, 1, 1, 2, 7, 64, 300]),
  };
}

/** Rows that several workers share, that no vector fits, or that have no elements; and arrays without rows. */
const SEAMS: readonly ReturnType<typeof middleAxis>[] = [
  { outer: 1, count: 20_000, inner: 1 },
  { outer: 3, count: 9001, inner: 1 },
  { outer: 1, count: 4001, inner: 3 },
  { outer: 2, count: 1500, inner: 12 },
  { outer: 9000, count: 36, inner: 1 },
  { outer: 3, count: 0, inner: 5 },
  { outer: 0, count: 4, inner: 4 },
];

function reduceCase(seed: number): KernelCase {
  const uniform = random(seed + 20_000);
  const { outer, count, inner } = SEAMS[seed - 1] ?? middleAxis(uniform);
  const kind = integerWithin(uniform, opcodes.REDUCE_SUM, opcodes.REDUCE_SUM_SQUARE);
  const integers = integerWithin(uniform, 0, 1);
  const size = outer * count * inner;
  // Factors near 1 keep products finite.
  const isProduct = kind === opcodes.REDUCE_PROD;
  const values = integers
    ? integersOf(uniform, size)
    : floatsOf(uniform, size).map((v) => (isProduct ? 1 + v / 50 : v));
  return {
    name: `reduce ${seed}: kind ${kind}, ${outer}×${count}×${inner}${integers ? ', integers' : ''}`,
    tolerance: isProduct ? 1e-4 : 1e-5,
    run(bench) {
      const x = integers ? bench.ofIntegers(values) : bench.ofFloats(values);
      const y = bench.room(outer * inner);
      bench.kernels.reduce(kind, integers, x, y, outer, count, inner);
      return [(integers ? wordsAt : floatsAt)(bench, y, outer * inner)];
    },
  };
}

function argCase(seed: number): KernelCase {
  const uniform = random(seed + 30_000);
  const { outer, count, inner } = SEAMS[seed - 1] ?? middleAxis(uniform);
  const integers = integerWithin(uniform, 0, 1);
  const kind = pick(uniform, [opcodes.REDUCE_MAX, opcodes.REDUCE_MIN]);
  const last = integerWithin(uniform, 0, 1);
  const values = integersOf(uniform, outer * count * inner, 3);
  return {
    name: `arg ${seed}: kind ${kind}, last ${last}, ${outer}×${count}×${inner}${integers ? ', integers' : ''}`,
    tolerance: 0,
    run(bench) {
      const x = integers ? bench.ofIntegers(values) : bench.ofFloats(values);
      const y = bench.room(outer * inner);
      bench.kernels.arg(kind, last, integers, x, y, outer, count, inner);
      return [wordsAt(bench, y, outer * inner)];
    },
  };
}

function softmaxCase(seed: number): KernelCase {
  const uniform = random(seed + 40_000);
  const { outer, count, inner } = SEAMS[seed - 1] ?? middleAxis(uniform);
  const kind = pick(uniform, [opcodes.SOFTMAX, opcodes.LOG_SOFTMAX]);
  const inPlace = uniform() < 0.5;
  const size = outer * count * inner;
  const values = floatsOf(uniform, size, pick(uniform, [1, 10, 200]));
  return {
    name: `softmax ${seed}: kind ${kind}, ${outer}×${count}×${inner}${inPlace ? ' in place' : ''}`,
    tolerance: 1e-6,
    run(bench) {
      const x = bench.ofFloats(values);
      const y = inPlace ? x : bench.room(size);
      bench.kernels.softmax(kind, x, y, outer, count, inner);
      return [floatsAt(bench, y, size)];
    },
  };
}

function normalizeCase(seed: number): KernelCase {
  const uniform = random(seed + 50_000);
  const groups = integerWithin(uniform, 1, 3);
  const run = pick(uniform, [1, 5, 64, 333]);
  const steps = run === 1 ? pick(uniform, [3, 64, 197, 5000, 20_001]) : integerWithin(uniform, 1, 4);
  const rowStep = run === 1 ? 0 : steps;
  const rows = groups * 2;
  const length = run * steps;
  const rms = integerWithin(uniform, 0, 1);
  const centre = pick(uniform, [0, 100, 10_000]);
  const values = floatsOf(uniform, rows * length).map((value) => value + centre);
  const parameters = run === 1 ? length : groups * steps;
  const scale = uniform() < 0.7 ? floatsOf(uniform, parameters) : undefined;
  const bias = uniform() < 0.7 ? floatsOf(uniform, parameters) : undefined;
  const high = pick(uniform, [Number.POSITIVE_INFINITY, 1]);
  return {
    name: `normalize ${seed}: ${rows}×${length}, run ${run}, about ${centre}${rms ? ', root mean square' : ''}`,
    tolerance: 1e-5,
    run(bench) {
      const x = bench.ofFloats(values);
      const geometry = bench.ofIntegers([rows, length, groups, rowStep, run, rms]);
      const y = bench.room(rows * length);
      const mean = bench.room(rows);
      const inverse = bench.room(rows);
      const [s, b] = [scale, bias].map((vector) => (vector ? bench.ofFloats(vector) : 0)) as [number, number];
      bench.kernels.normalize(geometry, x, s, b, y, 1e-5, Number.NEGATIVE_INFINITY, high, mean, inverse);
      return [floatsAt(bench, y, rows * length), floatsAt(bench, mean, rows), floatsAt(bench, inverse, rows)];
    },
  };
}

function copyCase(seed: number): KernelCase {
  const uniform = random(seed + 60_000);
  const rank = integerWithin(uniform, 0, 5);
  const dims = Array.from({ length: rank }, () => pick(uniform, [1, 2, 3, 4, 9, rank < 4 ? 37 : 5]));
  const shuffled = (): number[] => {
    const axes = dims.map((_, axis) => axis);
    for (let i = axes.length - 1; i > 0; i--) {
      const j = integerWithin(uniform, 0, i);
      [axes[i], axes[j]] = [axes[j]!, axes[i]!];
    }
    return axes;
  };
  const stridesOver = (order: readonly number[], gap: number) => {
    const strides = dims.map(() => 0);
    let step = gap;
    for (const axis of [...order].reverse()) {
      strides[axis] = step;
      step *= dims[axis]!;
    }
    return strides;
  };
  const rowMajor = dims.map((_, axis) => axis);
  const source = stridesOver(uniform() < 0.6 ? shuffled() : rowMajor, pick(uniform, [1, 1, 2])).map((stride) =>
    pick(uniform, [stride, stride, stride, -stride, 0]),
  );
  const target = stridesOver(uniform() < 0.3 ? shuffled() : rowMajor, pick(uniform, [1, 1, 3]));
  const offset = source.reduce((sum, stride, axis) => sum + Math.max(0, -stride * (dims[axis]! - 1)), 0);
  const extent = source.reduce((sum, stride, axis) => sum + Math.max(0, stride * (dims[axis]! - 1)), 0);
  const size = 2 + target.reduce((sum, stride, axis) => sum + stride * (dims[axis]! - 1), 0);
  const values = integersOf(uniform, offset + extent + 1, 1e6);
  return {
    name: `copy ${seed}: ${dims.join('×')}, strides ${source} to ${target}`,
    tolerance: 0,
    run(bench) {
      const x = bench.ofIntegers(values);
      const y = bench.room(size);
      bench.kernels.copy(bench.ofIntegers([rank, offset, 1, ...dims, ...source, ...target]), x, y);
      return [wordsAt(bench, y, size)];
    },
  };
}

function fillCase(seed: number): KernelCase {
  const uniform = random(seed + 70_000);
  const count = integerWithin(uniform, 0, 40);
  return {
    name: `fill ${count}`,
    tolerance: 0,
    run(bench) {
      const y = bench.room(count);
      bench.kernels.fill(y, count, bits(-1.5));
      return [floatsAt(bench, y, count)];
    },
  };
}

function gatherCase(seed: number): KernelCase {
  const uniform = random(seed + 80_000);
  const { outer, count, inner } = middleAxis(uniform);
  const size = integerWithin(uniform, 1, 20);
  const values = integersOf(uniform, outer * size * inner, 1e6);
  const indices = integersOf(uniform, count, 25);
  return {
    name: `gather ${seed}: ${count} of ${outer}×${size}×${inner}`,
    tolerance: 0,
    run(bench) {
      const x = bench.ofIntegers(values);
      const y = bench.room(outer * count * inner);
      bench.kernels.gather(x, bench.ofIntegers(indices), y, outer, size, inner, count);
      return [wordsAt(bench, y, outer * count * inner)];
    },
  };
}

function interpolateCase(seed: number): KernelCase {
  const uniform = random(seed + 90_000);
  const { outer, count: inSize, inner } = middleAxis(uniform);
  const outSize = integerWithin(uniform, 1, 200);
  const taps = pick(uniform, [1, 2, 4, 7]);
  const values = floatsOf(uniform, outer * inSize * inner);
  const indices = Int32Array.from({ length: outSize * taps }, () => integerWithin(uniform, 0, inSize - 1));
  const weights = floatsOf(uniform, outSize * taps, 1);
  return {
    name: `interpolate ${seed}: ${outer}×${inSize}×${inner} to ${outSize} of ${taps} taps`,
    tolerance: 2e-6,
    run(bench) {
      const x = bench.ofFloats(values);
      const y = bench.room(outer * outSize * inner);
      const [i, w] = [bench.ofIntegers(indices), bench.ofFloats(weights)];
      bench.kernels.interpolate(x, y, outer, inSize, outSize, inner, taps, i, w);
      return [floatsAt(bench, y, outer * outSize * inner)];
    },
  };
}

/** Kernels that fold rows, over rows that have numbers which are none, or infinite, or the largest. */
function specialCases(): KernelCase[] {
  const rows = [
    [1, Number.NaN, 3],
    [Number.NaN, 1, 2],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, -5],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [Number.POSITIVE_INFINITY, 1, 2],
    [2e38, -3e37, 1e38],
    [-0, 0, -0],
  ];
  // Long ones are those with ones between.
  const long = rows.map((row) => Array.from({ length: 90 }, (_, at) => (at % 30 ? 1 : row[at / 30]!)));
  return [rows, long].flatMap((rows) => {
    const count = rows[0]!.length;
    const over = (name: string, run: (bench: Workbench, x: number, y: number) => Float32Array | Int32Array) => ({
      name: `${name} of rows of ${count}`,
      tolerance: 1e-6,
      run: (bench: Workbench) => [run(bench, bench.ofFloats(rows.flat()), bench.room(rows.length * count))],
    });
    const kinds = range(opcodes.REDUCE_SUM, opcodes.REDUCE_MIN);
    return [
      ...kinds.map((kind) =>
        over(`reduce ${kind}`, (bench, x, y) => {
          bench.kernels.reduce(kind, 0, x, y, rows.length, count, 1);
          return floatsAt(bench, y, rows.length);
        }),
      ),
      ...[opcodes.REDUCE_MAX, opcodes.REDUCE_MIN].map((kind) =>
        over(`arg ${kind}`, (bench, x, y) => {
          bench.kernels.arg(kind, 0, 0, x, y, rows.length, count, 1);
          return wordsAt(bench, y, rows.length);
        }),
      ),
      ...[opcodes.SOFTMAX, opcodes.LOG_SOFTMAX].map((kind) =>
        over(`softmax ${kind}`, (bench, x, y) => {
          bench.kernels.softmax(kind, x, y, rows.length, count, 1);
          return floatsAt(bench, y, rows.length * count);
        }),
      ),
      over('largest of windows', (bench, x, y) => {
        const geometry = [rows.length, 1, 1, count, 1, 1, count, 1, 1, 3, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 1];
        bench.kernels.pool(bench.ofIntegers([...geometry, opcodes.POOL_MAX, 1, 0]), x, y, 0);
        return floatsAt(bench, y, rows.length * count);
      }),
    ];
  });
}

/** All cases, by kernel. */
export const GENERAL_CASES: Readonly<Record<string, readonly KernelCase[]>> = {
  opcodes: opcodeCases(ON_PROCESSOR),
  slopes: [...[...ODD, ...HYPERBOLIC].map((opcode) => slopeCase(opcode, 0)), slopeCase(opcodes.LOG, 1)],
  elementwise: range(1, 200).map(programCase),
  pool: range(1, 150).map(poolCase),
  reduce: range(1, 100).map(reduceCase),
  arg: range(1, 60).map(argCase),
  softmax: range(1, 60).map(softmaxCase),
  normalize: range(1, 80).map(normalizeCase),
  copy: range(1, 300).map(copyCase),
  fill: range(1, 10).map(fillCase),
  gather: range(1, 40).map(gatherCase),
  interpolate: range(1, 60).map(interpolateCase),
  special: specialCases(),
};

/** What GPUs are to do instead. */
export const GPU_CASES: typeof GENERAL_CASES = { ...GENERAL_CASES, opcodes: opcodeCases(ON_GPU) };
