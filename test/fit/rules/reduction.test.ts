import { describe, it } from 'vitest';
import { int64Tensor } from '../../../src/graph/tensor.ts';
import { type Dice, expectGradients, type NodeCase } from '../../support/gradient-cases.ts';

const unknown = (dice: Dice): Pick<NodeCase, 'unknown'> =>
  dice.flip(0.3) ? { unknown: dice.pick(['all', 'batch'] as const) } : {};

const POSITIVE = ['ReduceL2', 'ReduceLogSum', 'ReduceProd'];

describe('gradients of', () => {
  it.each([
    'ReduceSum',
    'ReduceMean',
    'ReduceMax',
    'ReduceMin',
    'ReduceL1',
    'ReduceL2',
    'ReduceSumSquare',
    'ReduceLogSum',
    'ReduceLogSumExp',
    'ReduceProd',
  ])('%s', async (op) => {
    await expectGradients(12, (dice) => {
      const rank = dice.integer(1, 4);
      const shape = dice.integers(rank, 1, 4);
      const all = shape.map((_, axis) => axis);
      const axes = all.filter(() => dice.flip()).map((axis) => (dice.flip() ? axis : axis - rank));
      const given = dice.flip(0.8) && axes.length > 0 ? [int64Tensor(axes)] : [];
      return {
        op,
        inputs: [POSITIVE.includes(op) ? dice.between(0.7, 1.5, shape) : dice.spaced(shape), ...given],
        attributes: { keepdims: dice.integer(0, 1) },
        ...unknown(dice),
        step: 1 / 128,
      };
    });
  });

  it.each(['Softmax', 'LogSoftmax'])('%s', async (op) => {
    await expectGradients(10, (dice) => {
      const rank = dice.integer(1, 4);
      return {
        op,
        inputs: [dice.smooth(dice.integers(rank, 1, 5))],
        ...(dice.flip() && { attributes: { axis: dice.integer(-rank, rank - 1) } }),
        ...unknown(dice),
      };
    });
  });

  it('CumSum', async () => {
    await expectGradients(8, (dice) => ({
      op: 'CumSum',
      inputs: [dice.smooth([2, 4, 3]), int64Tensor([dice.integer(-3, 2)], [])],
      attributes: { exclusive: dice.integer(0, 1), reverse: dice.integer(0, 1) },
    }));
  });
});
