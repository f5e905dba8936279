import { describe, expect, it } from 'vitest';
import { node } from '../../src/graph/graph.ts';
import { float32Tensor, type NumericTensor } from '../../src/graph/tensor.ts';
import { gradientError } from '../support/gradient-check.ts';
import { normal } from '../support/random.ts';
import { buildModel } from '../support/run-model.ts';

const ints = (...value: number[]) => ({ type: 'ints', value }) as const;
const int = (value: number) => ({ type: 'int', value }) as const;

/** Normal values of these shapes. */
function seeded(shapes: Readonly<Record<string, number[]>>, seed = 1): Map<string, NumericTensor> {
  const next = normal(seed);
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const count = shape.reduce((product, dim) => product * dim, 1);
      const fan = shape.slice(1).reduce((product, dim) => product * dim, 1);
      const scale = name.endsWith('weight') ? 1 / Math.sqrt(fan) : 1;
      return [
        name,
        float32Tensor(
          shape,
          Float32Array.from({ length: count }, () => next() * scale),
        ),
      ];
    }),
  );
}

describe('gradients of whole models', () => {
  it('agree with differences for a LeNet', async () => {
    const shapes = {
      image: [2, 1, 16, 16],
      'conv1.weight': [4, 1, 5, 5],
      'conv1.bias': [4],
      'conv2.weight': [6, 4, 3, 3],
      'conv2.bias': [6],
      'dense.weight': [10, 24],
      'dense.bias': [10],
    };
    const model = buildModel(
      21,
      shapes,
      [
        node('Conv', ['image', 'conv1.weight', 'conv1.bias'], ['conv1']),
        node('MaxPool', ['conv1'], ['pool1'], { kernel_shape: ints(2, 2), strides: ints(2, 2) }),
        node('Relu', ['pool1'], ['relu1']),
        node('Conv', ['relu1', 'conv2.weight', 'conv2.bias'], ['conv2']),
        node('MaxPool', ['conv2'], ['pool2'], { kernel_shape: ints(2, 2), strides: ints(2, 2) }),
        node('Flatten', ['pool2'], ['flat']),
        node('Gemm', ['flat', 'dense.weight', 'dense.bias'], ['logits'], { transB: int(1) }),
        node('LogSoftmax', ['logits'], ['loss']),
      ],
      ['loss'],
    );
    expect(await gradientError({ model, feeds: seeded(shapes), of: Object.keys(shapes), step: 1 / 512 })).toBeLessThan(
      1e-3,
    );
  });
});
