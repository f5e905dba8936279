import { describe, it } from 'vitest';
import type { Attributes } from '../../../src/fit/emit.ts';
import { float32Tensor, int64Tensor } from '../../../src/graph/tensor.ts';
import { type Dice, expectGradients } from '../../support/gradient-cases.ts';

/** A picture and windows on it; every third time they tile it. */
function windows(dice: Dice) {
  const rank = dice.pick([1, 2, 2, 3]);
  const kernel_shape = dice.integers(rank, 1, 3);
  const tiling = dice.flip(0.4);
  const strides = tiling ? kernel_shape : dice.integers(rank, 1, 3);
  const dilations = tiling || dice.flip(0.6) ? kernel_shape.map(() => 1) : dice.integers(rank, 1, 2);
  // Of a last window that begins behind the picture, onnxruntime's shape inference does not know that it is left out.
  const gapless = strides.every((stride, axis) => stride <= kernel_shape[axis]!);
  const ceil = gapless && dice.flip();
  const before = kernel_shape.map((size) => (!tiling && size > 1 ? dice.integer(0, 1) : 0));
  const after = kernel_shape.map((size) => (!tiling && !ceil && size > 1 ? dice.integer(0, 1) : 0));
  const sizes = kernel_shape.map((size, axis) => (size - 1) * dilations[axis]! + dice.integer(1, rank === 3 ? 3 : 5));
  const automatic = !tiling && gapless && dice.flip(0.2) && Math.max(...dilations) === 1;
  const padding: Attributes = automatic
    ? { auto_pad: dice.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID']) }
    : { pads: [...before, ...after], ceil_mode: ceil ? 1 : 0 };
  const shape = [dice.integer(1, 2), dice.integer(1, 3), ...sizes];
  const attributes: Attributes = { kernel_shape, strides, dilations, ...padding };
  return { shape, attributes };
}

describe('gradients of', () => {
  it('MaxPool', async () => {
    await expectGradients(40, (dice) => {
      const { shape, attributes } = windows(dice);
      const unknown = dice.pick([undefined, undefined, 'batch', 'auto_pad' in attributes ? undefined : 'all'] as const);
      return { op: 'MaxPool', inputs: [dice.spaced(shape)], attributes, ...(unknown && { unknown }), step: 1 / 128 };
    });
  });

  it('AveragePool', async () => {
    await expectGradients(40, (dice) => {
      const { shape, attributes } = windows(dice);
      const unknown = dice.pick([undefined, undefined, 'batch', 'auto_pad' in attributes ? undefined : 'all'] as const);
      return {
        op: 'AveragePool',
        inputs: [dice.smooth(shape)],
        attributes: { ...attributes, count_include_pad: dice.integer(0, 1) },
        ...(unknown && { unknown }),
        step: 1 / 4,
      };
    });
  });

  it.each(['GlobalAveragePool', 'GlobalMaxPool'])('%s', async (op) => {
    await expectGradients(6, (dice) => ({
      op,
      inputs: [dice.spaced(dice.integers(dice.integer(3, 5), 1, 4))],
      ...(dice.flip() && { unknown: 'all' as const }),
      step: 1 / 128,
    }));
  });

  it.each(['nearest', 'linear', 'cubic'])('Resize, %s', async (mode) => {
    await expectGradients(24, (dice) => {
      const shape = [dice.integer(1, 2), 2, dice.integer(2, 5), dice.integer(2, 5)];
      const axes = dice.flip()
        ? dice.pick([
            [2, 3],
            [3, 2],
            [-1, -2],
          ])
        : undefined;
      const last = axes ? axes.map((axis) => shape.at(axis)!) : shape;
      const sizes = last.map((size, place) => (!axes && place < 2 ? size : dice.integer(1, 7)));
      const bySize = dice.flip();
      const scales = sizes.map((size, place) => (size === last[place] ? 1 : (size + 0.25) / last[place]!));
      return {
        op: 'Resize',
        inputs: [
          dice.smooth(shape),
          undefined,
          bySize ? undefined : float32Tensor([scales.length], Float32Array.from(scales)),
          bySize ? int64Tensor(sizes) : undefined,
        ],
        constant: [2],
        attributes: {
          mode,
          coordinate_transformation_mode: dice.pick([
            'half_pixel',
            'asymmetric',
            'align_corners',
            'pytorch_half_pixel',
          ]),
          ...(mode === 'nearest' && {
            nearest_mode: dice.pick(['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil']),
          }),
          ...(mode !== 'nearest' && dice.flip(0.3) && { antialias: 1, coordinate_transformation_mode: 'half_pixel' }),
          ...(mode === 'cubic' && { exclude_outside: dice.integer(0, 1) }),
          ...(axes && { axes }),
        },
        ...(dice.flip(0.3) && { unknown: 'all' as const }),
        step: 1 / 4,
      };
    });
  });
});
