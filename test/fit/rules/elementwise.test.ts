import { describe, it } from 'vitest';
import type { Attributes } from '../../../src/fit/emit.ts';
import { float32Tensor, int64Tensor, type NumericTensor } from '../../../src/graph/tensor.ts';
import { type Dice, expectGradients, type NodeCase } from '../../support/gradient-cases.ts';

const COUNT = 6;

/** Two shapes that broadcast with each other. */
function pair(dice: Dice): [number[], number[]] {
  const whole = dice.integers(dice.integer(1, 4), 1, 4);
  const part = () => whole.slice(dice.integer(0, 1)).map((size) => (dice.flip(0.3) ? 1 : size));
  return dice.flip() ? [whole, part()] : [part(), dice.flip() ? whole : part()];
}

const unknown = (dice: Dice): Pick<NodeCase, 'unknown'> =>
  dice.flip(0.3) ? { unknown: dice.pick(['all', 'batch'] as const) } : {};

type Values = (dice: Dice, shape: number[]) => NumericTensor;
const smooth: Values = (dice, shape) => dice.smooth(shape);
const spaced: Values = (dice, shape) => dice.spaced(shape);
const between =
  (low: number, high: number): Values =>
  (dice, shape) =>
    dice.between(low, high, shape);

/** Operators on one value, with values where they have a derivative, and attributes besides the defaults. */
const UNARY: [op: string, values: Values, attributes?: Attributes][] = [
  ['Abs', spaced],
  ['Acos', between(-0.8, 0.8)],
  ['Acosh', between(1.5, 4)],
  ['Asin', between(-0.8, 0.8)],
  ['Asinh', smooth],
  ['Atan', smooth],
  ['Atanh', between(-0.8, 0.8)],
  ['Celu', spaced, { alpha: 0.7 }],
  ['Cos', smooth],
  ['Cosh', smooth],
  ['Elu', spaced, { alpha: 0.7 }],
  ['Erf', smooth],
  ['Exp', smooth],
  ['Gelu', smooth, { approximate: 'tanh' }],
  ['HardSigmoid', spaced, { alpha: 0.3, beta: 0.4 }],
  ['HardSwish', spaced],
  ['Identity', smooth],
  ['LeakyRelu', spaced, { alpha: 0.2 }],
  ['Log', between(0.5, 3)],
  ['Mish', smooth],
  ['Neg', smooth],
  ['Reciprocal', between(0.5, 3)],
  ['Relu', spaced],
  ['Selu', spaced, { alpha: 1.2, gamma: 0.9 }],
  ['Shrink', spaced, { lambd: 0.25, bias: 0.1 }],
  ['Sigmoid', smooth],
  ['Sin', smooth],
  ['Sinh', smooth],
  ['Softplus', smooth],
  ['Softsign', smooth],
  ['Sqrt', between(0.5, 3)],
  ['Tan', between(-1, 1)],
  ['Tanh', smooth],
  ['ThresholdedRelu', spaced, { alpha: 0.3 }],
];

describe('gradients of', () => {
  it.each(UNARY)('%s', async (op, values, attributes) => {
    await expectGradients(COUNT, (dice) => ({
      op,
      inputs: [values(dice, dice.integers(dice.integer(0, 3), 1, 5))],
      ...(attributes && dice.flip() && { attributes }),
      ...unknown(dice),
      step: 1 / 128,
    }));
  });

  it.each([
    ['Add', smooth, smooth],
    ['Sub', smooth, smooth],
    ['Mul', smooth, smooth],
    ['Div', smooth, between(0.5, 2)],
    ['Pow', between(0.5, 2), smooth],
    ['PRelu', spaced, smooth],
  ] as const)('%s', async (op, left, right) => {
    await expectGradients(20, (dice): NodeCase => {
      const [a, b] = pair(dice);
      // A slope is broadcast to the value, never the other way round.
      const shapes = op === 'PRelu' ? [dice.integers(3, 2, 4), dice.pick([[1], [1, 1], [1, 1, 1]])] : [a, b];
      const inputs = [left(dice, shapes[0]!), right(dice, shapes[1]!)];
      return { op, inputs, constant: dice.pick([[], [], [0], [1]]), ...unknown(dice), step: 1 / 128 };
    });
  });

  it.each([2, 3, -1, 0.5])('Pow with the constant %d', async (power) => {
    await expectGradients(3, (dice) => ({
      op: 'Pow',
      inputs: [dice.between(0.5, 2, [3, 4]), float32Tensor([], Float32Array.of(power))],
      constant: [1],
    }));
  });

  it('Pow with an integer exponent', async () => {
    await expectGradients(3, (dice) => ({ op: 'Pow', inputs: [dice.smooth([3, 4]), int64Tensor([1, 2, 3, 4])] }));
  });

  it.each(['Sum', 'Mean', 'Max', 'Min'])('%s', async (op) => {
    await expectGradients(12, (dice) => {
      const count = dice.integer(1, 4);
      const whole = dice.integers(3, 1, 4);
      const all = dice.spaced([count, ...whole]);
      const shapes = Array.from({ length: count }, () =>
        op === 'Sum' || op === 'Mean' ? whole.map((size) => (dice.flip(0.3) ? 1 : size)) : whole,
      );
      const inputs = shapes.map((shape, index) => {
        const size = shape.reduce((product, dim) => product * dim, 1);
        return { ...all, shape, data: all.data.slice(4 * size * index, 4 * size * (index + 1)) };
      });
      return { op, inputs, ...unknown(dice), step: 1 / 128 };
    });
  });

  it('Where', async () => {
    await expectGradients(12, (dice) => {
      const [a, b] = pair(dice);
      const size = b.at(-1) ?? 1;
      const condition: NumericTensor = {
        dtype: 'bool',
        shape: [size],
        data: Uint8Array.from(dice.integers(size, 0, 1)),
      };
      return { op: 'Where', inputs: [condition, dice.smooth(a), dice.smooth(b)], ...unknown(dice) };
    });
  });

  it('Clip', async () => {
    await expectGradients(8, (dice) => {
      const [low, high] = [float32Tensor([], Float32Array.of(-0.4)), float32Tensor([], Float32Array.of(0.5))];
      const bounds = dice.pick([[low, high], [low], [undefined, high], []]);
      return { op: 'Clip', inputs: [dice.spaced([3, 7]), ...bounds], ...unknown(dice), step: 1 / 256 };
    });
  });
});
