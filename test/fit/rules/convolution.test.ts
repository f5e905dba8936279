import { describe, it } from 'vitest';
import type { Attributes } from '../../../src/fit/emit.ts';
import { type Dice, expectGradients } from '../../support/gradient-cases.ts';

/** Window attributes along `rank` axes, and a size of the picture that has room for one place at least. */
function windows(dice: Dice, rank: number) {
  const kernel = dice.integers(rank, 1, 3);
  const strides = dice.integers(rank, 1, 3);
  const dilations = dice.flip(0.3) ? dice.integers(rank, 1, 2) : new Array<number>(rank).fill(1);
  const pads = dice.flip() ? dice.integers(2 * rank, 0, 1) : new Array<number>(2 * rank).fill(0);
  const sizes = kernel.map((size, axis) => (size - 1) * dilations[axis]! + dice.integer(1, rank === 3 ? 2 : 5));
  return { kernel, sizes, attributes: { strides, dilations, pads } };
}

const AUTOMATIC = ['SAME_UPPER', 'SAME_LOWER', 'VALID'];

describe('gradients of', () => {
  it('Conv', async () => {
    await expectGradients(40, (dice) => {
      const rank = dice.pick([1, 2, 2, 3]);
      const { kernel, sizes, attributes } = windows(dice, rank);
      const group = dice.pick([1, 1, 2, 3]);
      const [samples, filters] = [dice.integer(1, 3), dice.integer(1, 3)];
      // With eight channels or more, gradients by weights are made in another way.
      const channels = group === 1 && dice.flip() ? dice.integer(8, 9) : dice.integer(1, 2);
      const { pads, ...rest } = attributes;
      // With dilations, onnxruntime has no automatic padding.
      const isAutomatic = dice.flip(0.3) && Math.max(...rest.dilations) === 1;
      const padding: Attributes = isAutomatic ? { auto_pad: dice.pick(AUTOMATIC) } : { pads };
      return {
        op: 'Conv',
        inputs: [
          dice.smooth([samples, group * channels, ...sizes]),
          dice.smooth([group * filters, channels, ...kernel]),
          dice.flip() ? dice.smooth([group * filters]) : undefined,
        ],
        attributes: { ...rest, ...padding, group },
        ...(dice.flip(0.3) && { unknown: 'batch' }),
        step: 1 / 4,
      };
    });
  });

  it('Conv on pictures of unknown size', async () => {
    await expectGradients(10, (dice) => {
      const { kernel, sizes, attributes } = windows(dice, 2);
      return {
        op: 'Conv',
        inputs: [dice.smooth([2, 4, ...sizes]), dice.smooth([6, 2, ...kernel])],
        constant: dice.flip() ? [] : [1],
        attributes: { ...attributes, group: 2, kernel_shape: kernel },
        unknown: 'batch',
        step: 1 / 4,
      };
    });
  });

  it('ConvTranspose', async () => {
    await expectGradients(40, (dice) => {
      const rank = dice.pick([1, 2, 2, 3]);
      const { kernel, attributes } = windows(dice, rank);
      const group = dice.integer(1, 3);
      const sizes = dice.integers(rank, 2, 4);
      const { pads, strides, dilations } = attributes;
      const reach = kernel.map((size, axis) => (size - 1) * dilations[axis]! + 1);
      const fitting = pads.map((pad, index) => (reach[index % rank]! > 2 ? pad : 0));
      const spare = strides.map((stride) => dice.integer(0, stride - 1));
      // Where windows leave gaps, onnxruntime's output is smaller than the specification's.
      const isAutomatic =
        dice.flip(0.3) && kernel.every((size, axis) => size >= strides[axis]! && dilations[axis] === 1);
      const own: Attributes = isAutomatic
        ? { auto_pad: dice.pick(AUTOMATIC) }
        : { pads: fitting, output_padding: spare };
      return {
        op: 'ConvTranspose',
        inputs: [
          dice.smooth([dice.integer(1, 3), group * 2, ...sizes]),
          dice.smooth([group * 2, dice.pick([1, 2, 8]), ...kernel]),
          undefined,
        ],
        attributes: { strides, dilations, ...own, group },
        ...(dice.flip(0.3) && { unknown: 'batch' }),
        step: 1 / 4,
      };
    });
  });

  it('ConvTranspose with a given size of the output', async () => {
    await expectGradients(8, (dice) => ({
      op: 'ConvTranspose',
      inputs: [dice.smooth([2, 3, 4, 5]), dice.smooth([3, 2, 3, 3]), dice.smooth([2])],
      attributes: {
        strides: [2, 2],
        output_shape: [dice.integer(7, 9), dice.integer(9, 11)],
        auto_pad: dice.pick(['NOTSET', 'SAME_UPPER', 'SAME_LOWER']),
      },
      step: 1 / 4,
    }));
  });
});
