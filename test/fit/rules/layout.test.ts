import { describe, it } from 'vitest';
import { int64Tensor } from '../../../src/graph/tensor.ts';
import { type Dice, expectGradients, type NodeCase } from '../../support/gradient-cases.ts';

const unknown = (dice: Dice): Pick<NodeCase, 'unknown'> =>
  dice.flip(0.4) ? { unknown: dice.pick(['all', 'batch'] as const) } : {};

const shuffled = (dice: Dice, count: number) => {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let at = count - 1; at > 0; at--) {
    const other = dice.integer(0, at);
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
};

/** What makes a case of each operator. */
const CASES: Record<string, (dice: Dice) => Omit<NodeCase, 'op'>> = {
  Reshape: (dice) => ({
    inputs: [dice.smooth([2, 3, 4]), int64Tensor(dice.pick([[6, 4], [0, -1], [24], [2, 2, 3, 2]]))],
  }),
  Flatten: (dice) => ({ inputs: [dice.smooth([2, 3, 4])], attributes: { axis: dice.integer(-3, 3) } }),
  Squeeze: (dice) => ({ inputs: [dice.smooth([2, 1, 4, 1]), int64Tensor(dice.pick([[1], [-1], [1, 3]]))] }),
  Unsqueeze: (dice) => ({ inputs: [dice.smooth([2, 4]), int64Tensor(dice.pick([[0], [-1], [1, 3]]))] }),
  Transpose: (dice) => ({
    inputs: [dice.smooth([2, 3, 4, 2])],
    ...(dice.flip(0.8) && { attributes: { perm: shuffled(dice, 4) } }),
  }),
  Expand: (dice) => ({
    inputs: [
      dice.smooth([3, 1]),
      int64Tensor(
        dice.pick([
          [2, 3, 4],
          [3, 4],
          [1, 1],
          [3, 1],
        ]),
      ),
    ],
  }),
  Concat: (dice) => {
    const axis = dice.integer(0, 2);
    const sizes = dice.integers(dice.integer(1, 4), 1, 3);
    const inputs = sizes.map((size) => dice.smooth([2, 3, 2].with(axis, size)));
    return { inputs, attributes: { axis: dice.flip() ? axis : axis - 3 } };
  },
  Split: (dice) => {
    const parts = dice.flip() ? [int64Tensor([2, 4])] : [];
    const attributes = { axis: dice.pick([1, -1]), ...(parts.length === 0 && { num_outputs: 2 }) };
    const used = dice.pick([['a', 'b'], ['b']]);
    return { inputs: [dice.smooth([3, 6]), ...parts], attributes, outputs: ['a', 'b'], used };
  },
  DepthToSpace: (dice) => ({
    inputs: [dice.smooth([2, 8, 2, 3])],
    attributes: { blocksize: 2, mode: dice.pick(['DCR', 'CRD']) },
  }),
  SpaceToDepth: (dice) => ({ inputs: [dice.smooth([2, 3, 4, 6])], attributes: { blocksize: 2 } }),
  Trilu: (dice) => ({
    inputs: [dice.smooth([2, 3, 4]), ...(dice.flip() ? [int64Tensor([dice.integer(-1, 1)], [])] : [])],
    attributes: { upper: dice.integer(0, 1) },
  }),
  Tile: (dice) => ({ inputs: [dice.smooth([2, 3]), int64Tensor(dice.integers(2, 1, 3))] }),
  Slice: (dice) => {
    const step = dice.pick([1, 1, 1, 2, -1, -2]);
    const [start, end] =
      step > 0
        ? dice.pick([
            [0, 3],
            [1, -1],
            [-3, 100],
            [2, 5],
            [-100, 4],
          ])
        : dice.pick([
            [-1, 0],
            [100, -100],
          ]);
    const axis = dice.pick([1, -1]);
    const other = dice.flip();
    const list = (value: number, second: number) => int64Tensor(other ? [value, second] : [value]);
    const steps = step === 1 && dice.flip() ? [] : [list(step, 1)];
    return { inputs: [dice.smooth([3, 6]), list(start!, 1), list(end!, 3), list(axis, 0), ...steps] };
  },
  Pad: (dice) => {
    const mode = dice.pick(['constant', 'constant', 'reflect', 'edge', 'wrap']);
    const low = mode === 'constant' ? -1 : 0;
    const axes = dice.flip() ? [undefined, int64Tensor([1, -1])] : [];
    const pads = int64Tensor(dice.integers(axes.length > 0 ? 4 : 6, low, 2));
    return { inputs: [dice.smooth([3, 4, 3]), pads, ...axes], attributes: { mode } };
  },
  Gather: (dice) => ({
    inputs: [dice.smooth([4, 5]), int64Tensor(dice.integers(6, -4, 3), dice.pick([[6], [2, 3]]))],
    attributes: { axis: dice.pick([0, 1, -1]) },
  }),
  GatherElements: (dice) => ({
    inputs: [dice.smooth([4, 5]), int64Tensor(dice.integers(8, -4, 3), [2, 4])],
    attributes: { axis: dice.pick([0, 1]) },
  }),
  GatherND: (dice) => ({
    inputs: [
      dice.smooth([4, 5]),
      int64Tensor(
        dice.integers(6, -4, 3),
        dice.pick([
          [3, 2],
          [6, 1],
        ]),
      ),
    ],
  }),
};

describe('gradients of', () => {
  it.each(Object.keys(CASES))('%s', async (op) => {
    await expectGradients(10, (dice) => ({ op, step: 1 / 4, ...CASES[op]!(dice), ...unknown(dice) }));
  });

  it('TopK', async () => {
    await expectGradients(6, (dice) => ({
      op: 'TopK',
      inputs: [dice.spaced([3, 5]), int64Tensor([2])],
      attributes: { axis: dice.pick([0, 1, -1]), largest: dice.integer(0, 1) },
      outputs: ['values', 'indices'],
      ...unknown(dice),
      step: 1 / 128,
    }));
  });

  it('Gather of one element', async () => {
    await expectGradients(2, (dice, index) => ({
      op: 'Gather',
      inputs: [dice.smooth([4, 5]), int64Tensor([2], [])],
      attributes: { axis: index },
    }));
  });
});
