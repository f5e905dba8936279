/** The reference kernels over data against onnxruntime's operators: every instruction, pooling, and normalisation. */
import { describe, expect, it } from 'vitest';
import * as opcodes from '../../../runtime/kernels/opcodes.ts';
import type { Attribute } from '../../../src/graph/graph.ts';
import { node } from '../../../src/graph/graph.ts';
import { toNumbers } from '../../../src/graph/numbers.ts';
import { numericTensor, type Tensor } from '../../../src/graph/tensor.ts';
import { random } from '../../support/random.ts';
import { buildModel, runModel } from '../../support/run-model.ts';
import { difference, referenceBench } from './workbench.ts';

const TOLERANCE = 1e-6;

/** What one node of this operator makes of the operands. */
async function expectedOf(op: string, operands: readonly Tensor[], attributes: Record<string, number | number[]> = {}) {
  const names = operands.map((_, index) => `operand${index}`);
  const given = Object.entries(attributes).map(([name, value]): [string, Attribute] => {
    if (typeof value !== 'number') return [name, { type: 'ints', value }];
    return [name, Number.isInteger(value) ? { type: 'int', value } : { type: 'float', value }];
  });
  const constants = Object.fromEntries(operands.map((tensor, index) => [names[index]!, tensor]));
  const model = buildModel(21, {}, [node(op, names, ['y'], Object.fromEntries(given))], ['y'], constants);
  const outputs = await runModel(model, new Map());
  return toNumbers(outputs.get('y')!);
}

const FLOATS = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, -3.5, 1e-40, 1e-20, 20, -20, 88, 89, -87, 3e38, -3e38];
const EDGES = [...FLOATS, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const INTEGERS = [1, -1, 2, -2, 3, -3, 7, 12, -31, 1000, -1001, 123456789, -987654321, 2 ** 31 - 1, -(2 ** 31)];

type Dtype = 'float32' | 'int32' | 'uint32' | 'bool';

/** What an opcode is in ONNX. */
interface Operator {
  readonly opcode: number;
  readonly op: string;
  readonly attributes?: Record<string, number>;
  readonly dtype?: Dtype;
  readonly sources?: 1 | 2;
  /** Values to try instead of all edges, where onnxruntime defines no result for others. */
  readonly values?: readonly number[];
}

const FINITE = FLOATS.filter((value) => Math.abs(value) < 1e9);
const NOT_NEGATIVE = [...INTEGERS.filter((value) => value > 0), 31, 0];
const SHIFTS = [0, 1, 5, 31];
const BINARY = { sources: 2 } as const;
const INTEGER = { dtype: 'int32', sources: 2, values: INTEGERS } as const;

const OPERATORS: readonly Operator[] = [
  { opcode: opcodes.ADD, op: 'Add', ...BINARY },
  { opcode: opcodes.SUB, op: 'Sub', ...BINARY },
  { opcode: opcodes.MUL, op: 'Mul', ...BINARY },
  { opcode: opcodes.DIV, op: 'Div', ...BINARY },
  { opcode: opcodes.MIN, op: 'Min', ...BINARY },
  { opcode: opcodes.MAX, op: 'Max', ...BINARY },
  { opcode: opcodes.POW, op: 'Pow', ...BINARY, values: [0.5, 1, 1.5, 2, 3, 2.5, 1e-3, 20] },
  { opcode: opcodes.FMOD, op: 'Mod', attributes: { fmod: 1 }, ...BINARY, values: FINITE.filter((x) => x !== 0) },
  { opcode: opcodes.NEG, op: 'Neg' },
  { opcode: opcodes.ABS, op: 'Abs' },
  { opcode: opcodes.SQRT, op: 'Sqrt' },
  { opcode: opcodes.EXP, op: 'Exp' },
  { opcode: opcodes.LOG, op: 'Log' },
  { opcode: opcodes.TANH, op: 'Tanh' },
  { opcode: opcodes.SIGMOID, op: 'Sigmoid' },
  { opcode: opcodes.ERF, op: 'Erf' },
  { opcode: opcodes.CEIL, op: 'Ceil' },
  { opcode: opcodes.FLOOR, op: 'Floor' },
  { opcode: opcodes.ROUND, op: 'Round' },
  { opcode: opcodes.SIGN, op: 'Sign', values: FLOATS },
  { opcode: opcodes.SIN, op: 'Sin', values: FINITE },
  { opcode: opcodes.COS, op: 'Cos', values: FINITE },
  { opcode: opcodes.TAN, op: 'Tan', values: FINITE },
  { opcode: opcodes.ASIN, op: 'Asin' },
  { opcode: opcodes.ACOS, op: 'Acos' },
  { opcode: opcodes.ATAN, op: 'Atan' },
  { opcode: opcodes.SINH, op: 'Sinh' },
  { opcode: opcodes.COSH, op: 'Cosh' },
  { opcode: opcodes.ASINH, op: 'Asinh', values: FINITE },
  { opcode: opcodes.ACOSH, op: 'Acosh' },
  { opcode: opcodes.ATANH, op: 'Atanh' },
  { opcode: opcodes.EQ, op: 'Equal', ...BINARY },
  { opcode: opcodes.LT, op: 'Less', ...BINARY },
  { opcode: opcodes.LE, op: 'LessOrEqual', ...BINARY },
  { opcode: opcodes.IS_NAN, op: 'IsNaN' },
  { opcode: opcodes.ADD_INT, op: 'Add', ...INTEGER },
  { opcode: opcodes.SUB_INT, op: 'Sub', ...INTEGER },
  { opcode: opcodes.MUL_INT, op: 'Mul', ...INTEGER },
  { opcode: opcodes.DIV_INT, op: 'Div', ...INTEGER, values: INTEGERS.filter((value) => value !== -(2 ** 31)) },
  { opcode: opcodes.FMOD_INT, op: 'Mod', attributes: { fmod: 1 }, ...INTEGER, values: INTEGERS.slice(0, 10) },
  { opcode: opcodes.MOD_INT, op: 'Mod', ...INTEGER, values: INTEGERS.slice(0, 12) },
  { opcode: opcodes.MIN_INT, op: 'Min', ...INTEGER },
  { opcode: opcodes.MAX_INT, op: 'Max', ...INTEGER },
  { opcode: opcodes.AND, op: 'BitwiseAnd', ...INTEGER },
  { opcode: opcodes.OR, op: 'BitwiseOr', ...INTEGER },
  { opcode: opcodes.XOR, op: 'BitwiseXor', ...INTEGER },
  { opcode: opcodes.EQ_INT, op: 'Equal', ...INTEGER },
  { opcode: opcodes.LT_INT, op: 'Less', ...INTEGER },
  { opcode: opcodes.LE_INT, op: 'LessOrEqual', ...INTEGER },
  { opcode: opcodes.INT_TO_FLOAT, op: 'Cast', attributes: { to: 1 }, dtype: 'int32', values: INTEGERS },
  { opcode: opcodes.FLOAT_TO_INT, op: 'Cast', attributes: { to: 6 }, values: FINITE },
];

/** Runs one instruction over operands that are float32 or int32. */
function execute(opcode: number, dtype: Dtype, operands: readonly (readonly number[])[], toFloats: boolean) {
  const bench = referenceBench();
  const count = operands[0]!.length;
  const pointers = operands.map((values) => (dtype === 'float32' ? bench.ofFloats(values) : bench.ofIntegers(values)));
  const y = bench.room(count);
  const strides = operands.map(() => 1);
  const sources = [0, 1, 2].map((index) => Math.min(index, operands.length - 1));
  const program = bench.ofIntegers([1, operands.length, 0, 1, count, ...strides, opcode, operands.length, ...sources]);
  const [a = 0, b = 0, c = 0] = pointers;
  bench.kernels.elementwise(program, y, a, b, c, 0, 0, 0);
  return (toFloats ? bench.floats : bench.words).slice(y / 4, y / 4 + count);
}

const tensorOf = (dtype: Dtype, values: readonly number[]) => {
  const array = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array, bool: Uint8Array }[dtype].from(values);
  return numericTensor(dtype, [values.length], new Uint8Array(array.buffer));
};

describe('instructions', () => {
  it.each(OPERATORS)(
    '$opcode is $op',
    async ({ opcode, op, attributes, dtype = 'float32', sources, values = EDGES }) => {
      const pairs = sources ? values.flatMap((a) => values.map((b) => [a, b])) : values.map((a) => [a]);
      const operands = (sources ? [0, 1] : [0]).map((index) => pairs.map((pair) => Math.fround(pair[index]!)));
      const exact = dtype === 'float32' ? operands : [0, 1].map((index) => pairs.map((pair) => pair[index] ?? 0));
      const given = exact.slice(0, sources ?? 1);
      const expected = await expectedOf(
        op,
        given.map((numbers) => tensorOf(dtype, numbers)),
        attributes,
      );
      const toFloats = opcode < opcodes.EQ || opcode === opcodes.INT_TO_FLOAT;
      const actual = execute(opcode, dtype, given, toFloats);
      const array = toFloats ? Float32Array.from(expected) : Int32Array.from(expected);
      expect(difference(actual, array, TOLERANCE)).toBeUndefined();
    },
  );

  it.each([
    { opcode: opcodes.SHIFT_LEFT, direction: 'LEFT' },
    { opcode: opcodes.SHIFT_RIGHT, direction: 'RIGHT' },
  ])('$opcode is BitShift $direction', async ({ opcode, direction }) => {
    const pairs = [...NOT_NEGATIVE, 2 ** 32 - 5].flatMap((a) => SHIFTS.map((b) => [a, b] as const));
    const operands = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
    const shift = node('BitShift', ['a', 'b'], ['y'], { direction: { type: 'string', value: direction } });
    const constants = { a: tensorOf('uint32', operands[0]!), b: tensorOf('uint32', operands[1]!) };
    const outputs = await runModel(buildModel(21, {}, [shift], ['y'], constants), new Map());
    const actual = execute(opcode, 'int32', operands, false);
    expect(Uint32Array.from(actual)).toEqual(Uint32Array.from(toNumbers(outputs.get('y')!)));
  });

  it('shifts right with the sign', () => {
    expect([
      ...execute(
        opcodes.SHIFT_RIGHT_SIGNED,
        'int32',
        [
          [-8, 8, -1],
          [1, 1, 31],
        ],
        false,
      ),
    ]).toEqual([-4, 4, -1]);
  });

  it('takes the remainder of floats with the sign of the divisor', () => {
    const operands = [
      [5.5, -5.5, 5.5, -5.5, 6, -6],
      [3, 3, -3, -3, 3, 3],
    ];
    expect([...execute(opcodes.MOD, 'float32', operands, true)]).toEqual([2.5, 0.5, -0.5, -2.5, 0, -0]);
  });

  it('divides integers by 0 to 0', () => {
    for (const opcode of [opcodes.DIV_INT, opcodes.FMOD_INT, opcodes.MOD_INT]) {
      expect([
        ...execute(
          opcode,
          'int32',
          [
            [5, -5, 0],
            [0, 0, 0],
          ],
          false,
        ),
      ]).toEqual([0, 0, 0]);
    }
  });

  it('SELECT is Where', async () => {
    const condition = [1, 0, 0, 1, 1];
    const [a, b] = [
      [1, 2, 3, 4, 5],
      [-1, -2, -3, -4, -5],
    ] as const;
    const operands = [tensorOf('bool', condition), tensorOf('int32', a), tensorOf('int32', b)];
    expect([...execute(opcodes.SELECT, 'int32', [condition, a, b], false)]).toEqual(
      await expectedOf('Where', operands),
    );
  });
});

/** A pool over two axes, in the words of ONNX. */
interface Pool {
  readonly op: 'MaxPool' | 'AveragePool' | 'LpPool';
  readonly kind: number;
  readonly size: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly ceil: 0 | 1;
}

const { POOL_MAX, POOL_AVERAGE, POOL_AVERAGE_PADDED, POOL_LP } = opcodes;
const WIDE = { size: [23, 31], dilations: [1, 1], pads: [0, 0, 0, 0], ceil: 0 } as const;
const POOLS: readonly Pool[] = [
  { ...WIDE, op: 'MaxPool', kind: POOL_MAX, kernel: [2, 2], strides: [2, 2] },
  { ...WIDE, op: 'MaxPool', kind: POOL_MAX, kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { ...WIDE, op: 'MaxPool', kind: POOL_MAX, kernel: [3, 2], strides: [3, 2], ceil: 1 },
  { ...WIDE, op: 'MaxPool', kind: POOL_MAX, kernel: [3, 3], strides: [1, 2], dilations: [2, 3], pads: [1, 2, 0, 1] },
  { ...WIDE, op: 'MaxPool', kind: POOL_MAX, kernel: [13, 13], strides: [1, 1], pads: [6, 6, 6, 6] },
  { ...WIDE, op: 'AveragePool', kind: POOL_AVERAGE, kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] },
  { ...WIDE, op: 'AveragePool', kind: POOL_AVERAGE, kernel: [4, 3], strides: [3, 3], pads: [2, 1, 0, 1], ceil: 1 },
  { ...WIDE, op: 'AveragePool', kind: POOL_AVERAGE_PADDED, kernel: [3, 3], strides: [2, 2], pads: [1, 0, 1, 2] },
  {
    ...WIDE,
    op: 'AveragePool',
    kind: POOL_AVERAGE_PADDED,
    kernel: [4, 5],
    strides: [3, 4],
    pads: [1, 2, 2, 1],
    ceil: 1,
  },
  { ...WIDE, op: 'LpPool', kind: POOL_LP, kernel: [3, 3], strides: [2, 1], pads: [1, 1, 1, 1] },
];

describe('pool', () => {
  it.each(POOLS.map((given) => ({ ...given, name: `${given.op} ${given.kernel} by ${given.strides}` })))(
    '$name',
    async ({ op, kind, size, kernel, strides, dilations, pads, ceil }) => {
      const uniform = random(5);
      const planes = 3;
      const x = Float32Array.from({ length: planes * size[0] * size[1] }, () => uniform() * 4 - 2);
      const input = numericTensor('float32', [1, planes, ...size], new Uint8Array(x.buffer));
      const expected = await expectedOf(op, [input], {
        kernel_shape: [...kernel],
        strides: [...strides],
        dilations: [...dilations],
        pads: [...pads],
        ceil_mode: ceil,
        ...(op === 'AveragePool' && { count_include_pad: Number(kind === POOL_AVERAGE_PADDED) }),
        ...(op === 'LpPool' && { p: 3 }),
      });
      const out = [0, 1].map((axis) => {
        const padded = size[axis]! + pads[axis]! + pads[axis + 2]!;
        const room = (padded - (kernel[axis]! - 1) * dilations[axis]! - 1) / strides[axis]!;
        const out = Math[ceil ? 'ceil' : 'floor'](room) + 1;
        // A window that would begin in the padding at the end is none.
        return (out - 1) * strides[axis]! < size[axis]! + pads[axis]! ? out : out - 1;
      });
      expect(planes * out[0]! * out[1]!).toBe(expected.length);
      const axes = [
        [1, ...size],
        [1, ...out],
        [1, ...kernel],
        [1, ...strides],
        [1, ...dilations],
      ];
      const geometry = [planes, ...axes.flat(), 0, pads[0], pads[1], 0, pads[2], pads[3], kind, 3, 0];
      const bench = referenceBench();
      const y = bench.room(expected.length);
      bench.kernels.pool(bench.ofIntegers(geometry), bench.ofFloats(x), y, 0);
      const actual = bench.floats.slice(y / 4, y / 4 + expected.length);
      expect(difference(actual, Float32Array.from(expected), 1e-5)).toBeUndefined();
    },
  );
});
