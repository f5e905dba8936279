import { describe, expect, it } from 'vitest';
import { onnxruntimeExecute } from '../../../src/calibration-data.ts';
import { matchNorms, normStatistics } from '../../../src/codec/calibration/norms.ts';
import { node } from '../../../src/graph/graph.ts';
import { toFloat32 } from '../../../src/graph/numbers.ts';
import { simplify } from '../../../src/graph/passes/simplify.ts';
import { float32Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { normal } from '../../support/random.ts';
import { buildModel, copyOf, runModel } from '../../support/run-model.ts';

const next = normal(4);
const drawn = (shape: number[], scale = 1, offset = 0) =>
  float32Tensor(
    shape,
    Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => scale * next() + offset),
  );

/** Two convolutions with norms, the first of which is folded, and a norm behind an addition. */
const model = () =>
  buildModel(
    17,
    { x: ['n', 3, 8, 8] },
    [
      node('Conv', ['x', 'w'], ['a']),
      node('BatchNormalization', ['a', 's', 'b', 'm', 'v'], ['c']),
      node('Relu', ['c'], ['d']),
      node('Conv', ['d', 'u'], ['e']),
      node('Add', ['e', 'd'], ['f']),
      node('BatchNormalization', ['f', 's2', 'b2', 'm', 'v'], ['y']),
    ],
    ['y'],
    {
      w: drawn([4, 3, 1, 1]),
      u: drawn([4, 4, 1, 1]),
      s: float32Tensor([4], Float32Array.of(1, -2, 0.5, 3)),
      b: float32Tensor([4], Float32Array.of(0, 1, -1, 2)),
      s2: float32Tensor([4], Float32Array.of(2, 1, 1, 0.25)),
      b2: float32Tensor([4], Float32Array.of(5, 6, 7, 8)),
      m: drawn([4]),
      v: float32Tensor([4], Float32Array.of(1, 2, 3, 4)),
    },
  );

/** Mean and deviation of every channel of (N, channels, height, width). */
function statistics(tensor: Tensor): { mean: number; deviation: number }[] {
  const values = toFloat32(tensor);
  const [samples = 0, channels = 0, height = 0, width = 0] = tensor.shape;
  const plane = height * width;
  return Array.from({ length: channels }, (_, channel) => {
    const own = Array.from({ length: samples }, (_, sample) => [
      ...values.subarray((sample * channels + channel) * plane, (sample * channels + channel + 1) * plane),
    ]).flat();
    const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
    return { mean, deviation: Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length) };
  });
}

describe('norms of batches', () => {
  it('tell the mean and deviation of their outputs', () => {
    expect(normStatistics(model())).toEqual(
      new Map([
        ['c', { means: [0, 1, -1, 2], deviations: [1, 2, 0.5, 3] }],
        ['y', { means: [5, 6, 7, 8], deviations: [2, 1, 1, 0.25] }],
      ]),
    );
  });

  it('give noise the same, though they are folded', async () => {
    const norms = normStatistics(model());
    const simple = model();
    await simplify(simple);
    expect(simple.graph.nodes.filter(({ op }) => op === 'BatchNormalization')).toHaveLength(1);
    const feeds = [new Map([['x', drawn([6, 3, 8, 8], 5, 2)]]), new Map([['x', drawn([3, 3, 8, 8], 1, -1)]])];
    const before = copyOf(simple);
    const matched = await matchNorms(simple, norms, feeds, onnxruntimeExecute);
    expect(simple).toEqual(before);
    matched.graph.outputs.push({ name: 'c' });
    const all = new Map([['x', together(feeds.map((feed) => feed.get('x')!))]]);
    const outputs = await runModel(matched, all);
    for (const [name, { means, deviations }] of norms) {
      for (const [channel, { mean, deviation }] of statistics(outputs.get(name)!).entries()) {
        expect(mean).toBeCloseTo(means[channel]!, 3);
        expect(deviation).toBeCloseTo(deviations[channel]!, 3);
      }
    }
  });

  it('leave channels that hardly answer as they are, but for their mean', async () => {
    const still = model();
    still.graph.initializers.set('w', drawn([4, 3, 1, 1], 1e-6));
    const matched = await matchNorms(
      still,
      normStatistics(still),
      [new Map([['x', drawn([4, 3, 8, 8])]])],
      onnxruntimeExecute,
    );
    matched.graph.outputs = [{ name: 'c' }];
    const outputs = await runModel(matched, new Map([['x', drawn([4, 3, 8, 8])]]));
    for (const [channel, { mean, deviation }] of statistics(outputs.get('c')!).entries()) {
      expect(mean).toBeCloseTo([0, 1, -1, 2][channel]!, 3);
      expect(deviation).toBeLessThan(1e-4);
    }
  });

  it('change nothing where the model has none', async () => {
    const given = model();
    expect(await matchNorms(given, new Map(), [], onnxruntimeExecute)).toBe(given);
  });
});

/** Tensors (N, …) one behind the other. */
function together(tensors: readonly Tensor[]): Tensor {
  const values = tensors.flatMap((tensor) => [...toFloat32(tensor)]);
  const samples = tensors.reduce((sum, { shape }) => sum + shape[0]!, 0);
  return float32Tensor([samples, ...tensors[0]!.shape.slice(1)], Float32Array.from(values));
}
