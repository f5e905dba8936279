import { describe, expect, it } from 'vitest';
import { chain, expectSameAsTfjs, layers, operatorsOf } from '../tfjs-case.ts';

const { dense, conv2d, flatten, batchNormalization, leakyReLU } = layers.layers;

describe('Dense', () => {
  it('of features is a Gemm', async () => {
    const model = await expectSameAsTfjs({ inputs: [[5]] }, chain(dense({ units: 3, activation: 'tanh' })));
    expect(operatorsOf(model)).toEqual(['Gemm', 'Tanh']);
  });

  it('has no bias where it uses none', async () => {
    const model = await expectSameAsTfjs({ inputs: [[5]] }, chain(dense({ units: 3, useBias: false })));
    expect(model.graph.initializers.size).toBe(1);
  });

  it.each([[[3, 5]], [[2, 3, 5]]])('of the last axis of %j', async (shape) => {
    const model = await expectSameAsTfjs({ inputs: [shape] }, chain(dense({ units: 4 })));
    expect(operatorsOf(model)).toEqual(['MatMul', 'Add']);
  });

  it('of images with the channels first is a convolution', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[5, 6, 2]], layout: 'nchw' },
      chain(conv2d({ filters: 3, kernelSize: 3 }), dense({ units: 4, activation: 'softmax' })),
    );
    expect(operatorsOf(model)).toEqual(['Conv', 'Conv', 'Softmax']);
  });

  it('takes flattened images without turning them back', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[5, 6, 2]], layout: 'nchw' },
      chain(conv2d({ filters: 3, kernelSize: 3 }), flatten(), batchNormalization(), leakyReLU(), dense({ units: 4 })),
    );
    expect(operatorsOf(model)).toEqual(['Conv', 'Flatten', 'BatchNormalization', 'LeakyRelu', 'Gemm']);
  });
});
