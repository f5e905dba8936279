/**
 * A small problem for tests of fitting: which of three places of a picture is bright.
 */
import { onnxruntimeExecute } from '../../src/calibration-data.ts';
import type { TrainingBatch, TrainingData } from '../../src/fit/data.ts';
import { type Model, node } from '../../src/graph/graph.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { normal, random } from '../support/random.ts';
import { buildModel } from '../support/run-model.ts';

const SIDE = 8;

/** (N, 1, 8, 8) → (N, 3), untrained: a Conv, pooling, two dense layers, biases. */
export function smallClassifier(): Model {
  const next = normal(1);
  const weights = (...shape: number[]) => {
    const count = shape.reduce((product, dim) => product * dim, 1);
    return float32Tensor(
      shape,
      Float32Array.from({ length: count }, () => next() / Math.sqrt(count / shape[0]!)),
    );
  };
  const model = buildModel(
    21,
    { x: ['N', 1, SIDE, SIDE] },
    [
      node('Conv', ['x', 'conv', 'conv.bias'], ['c']),
      node('Relu', ['c'], ['r']),
      node('MaxPool', ['r'], ['p'], {
        kernel_shape: { type: 'ints', value: [2, 2] },
        strides: { type: 'ints', value: [2, 2] },
      }),
      node('Flatten', ['p'], ['f']),
      node('Gemm', ['f', 'dense', 'dense.bias'], ['h'], { transB: { type: 'int', value: 1 } }),
      node('Relu', ['h'], ['a']),
      node('Gemm', ['a', 'last'], ['logits'], { transB: { type: 'int', value: 1 } }),
    ],
    ['logits'],
    {
      conv: weights(8, 1, 3, 3),
      'conv.bias': weights(8),
      dense: weights(24, 8 * 9),
      'dense.bias': weights(24),
      last: weights(3, 24),
    },
  );
  model.graph.outputs[0]!.type = { kind: 'tensor', dtype: 'float32', shape: ['N', 3] };
  return model;
}

/** Pictures of noise with a bright spot in one of three corners, which is their class. */
export function spots(count: number, truth: TrainingData['truth'] = 'labels'): TrainingData {
  const [uniform, next] = [random(1), normal(2)];
  const labels = Array.from({ length: count }, () => Math.floor(3 * uniform()));
  const pictures = labels.map((label) => {
    const picture = Float32Array.from({ length: SIDE * SIDE }, () => 0.5 * next());
    const [top, left] = [
      [1, 1],
      [1, 5],
      [5, 3],
    ][label] as [number, number];
    for (const at of [0, 1, SIDE, SIDE + 1]) picture[top * SIDE + left + at]! += 1.5;
    return picture;
  });
  return {
    count,
    truth,
    async batch(indices): Promise<TrainingBatch> {
      const values = new Float32Array(indices.length * SIDE * SIDE);
      indices.forEach((index, row) => {
        values.set(pictures[index]!, row * SIDE * SIDE);
      });
      const feeds = new Map([['x', float32Tensor([indices.length, 1, SIDE, SIDE], values)]]);
      return truth === 'labels' ? { feeds, labels: Array.from(indices, (index) => labels[index]!) } : { feeds };
    },
  };
}

export const execute = onnxruntimeExecute;
