import { describe, it } from 'vitest';
import type { Attributes } from '../../../src/fit/emit.ts';
import { type Dice, expectGradients, type NodeCase } from '../../support/gradient-cases.ts';

const unknown = (dice: Dice): Pick<NodeCase, 'unknown'> =>
  dice.flip(0.3) ? { unknown: dice.pick(['all', 'batch'] as const) } : {};

const epsilon = (dice: Dice): Attributes => (dice.flip() ? { epsilon: 0.01 } : {});

describe('gradients of', () => {
  it('BatchNormalization with given statistics', async () => {
    await expectGradients(12, (dice) => {
      const channels = dice.integer(1, 4);
      return {
        op: 'BatchNormalization',
        inputs: [
          dice.smooth([dice.integer(1, 3), channels, ...dice.integers(dice.integer(0, 3), 1, 4)]),
          dice.smooth([channels]),
          dice.smooth([channels]),
          dice.smooth([channels]),
          dice.between(0.5, 2, [channels]),
        ],
        attributes: epsilon(dice),
        ...unknown(dice),
        step: 1 / 128,
      };
    });
  });

  it('BatchNormalization in training, through the statistics of the batch', async () => {
    await expectGradients(16, (dice) => {
      const channels = dice.integer(1, 3);
      return {
        op: 'BatchNormalization',
        inputs: [
          dice.smooth([dice.integer(3, 6), channels, ...dice.integers(dice.integer(0, 3), 2, 3)]),
          dice.smooth([channels]),
          dice.smooth([channels]),
          dice.smooth([channels]),
          dice.between(0.5, 2, [channels]),
        ],
        constant: [3, 4],
        outputs: ['y', 'mean', 'variance'],
        attributes: { training_mode: 1, ...epsilon(dice) },
        ...unknown(dice),
        step: 1 / 256,
      };
    });
  });

  it('InstanceNormalization', async () => {
    await expectGradients(12, (dice) => {
      const channels = dice.integer(1, 3);
      const shape = [dice.integer(1, 3), channels, ...dice.integers(dice.integer(1, 3), 3, 4)];
      return {
        op: 'InstanceNormalization',
        inputs: [dice.smooth(shape), dice.smooth([channels]), dice.smooth([channels])],
        attributes: epsilon(dice),
        ...unknown(dice),
        step: 1 / 256,
      };
    });
  });

  it('LayerNormalization', async () => {
    await expectGradients(16, (dice) => {
      const shape = dice.integers(dice.integer(1, 3), 3, 5);
      const axis = dice.integer(-shape.length, shape.length - 1);
      const normalized = shape.slice(axis);
      const scale = dice.smooth(normalized);
      return {
        op: 'LayerNormalization',
        inputs: [dice.smooth(shape), scale, ...(dice.flip() ? [dice.smooth(normalized)] : [])],
        attributes: { axis, ...epsilon(dice) },
        ...unknown(dice),
        step: 1 / 256,
      };
    });
  });

  it('GroupNormalization', async () => {
    await expectGradients(10, (dice) => {
      const groups = dice.integer(1, 3);
      const channels = groups * dice.integer(1, 2);
      const shape = [dice.integer(1, 3), channels, ...dice.integers(2, 3, 4)];
      return {
        op: 'GroupNormalization',
        inputs: [dice.smooth(shape), dice.smooth([channels]), dice.smooth([channels])],
        attributes: { num_groups: groups, ...epsilon(dice) },
        ...(dice.flip(0.3) && { unknown: 'batch' as const }),
        step: 1 / 256,
      };
    });
  });
});
