import { describe, expect, it } from 'vitest';
import { writeOnnx } from '../../formats/onnx/write.ts';
import type { LossKind } from '../../src/fit/loss.ts';
import { parameterize } from '../../src/fit/parameterize.ts';
import { coreOf } from '../../src/fit/quantization.ts';
import { randomStream } from '../../src/fit/random.ts';
import { buildTrainingGraph } from '../../src/fit/training-graph.ts';
import { node } from '../../src/graph/graph.ts';
import { toFloat32 } from '../../src/graph/numbers.ts';
import { float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { openOnnx } from '../../src/onnxruntime.ts';
import { normal } from '../support/random.ts';
import { buildModel } from '../support/run-model.ts';

const ints = (...value: number[]) => ({ type: 'ints', value }) as const;
const noise = (seed: number, ...shape: number[]) => {
  const next = normal(seed);
  return float32Tensor(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => next()),
  );
};

/** Two layers of convolutions, to (N, channels, 4, 4). */
function network(channels: number) {
  return buildModel(
    21,
    { x: ['N', 2, 8, 8] },
    [
      node('Conv', ['x', 'w'], ['c'], { pads: ints(1, 1, 1, 1) }),
      node('Relu', ['c'], ['r']),
      node('MaxPool', ['r'], ['p'], { kernel_shape: ints(2, 2), strides: ints(2, 2) }),
      node('Conv', ['p', 'v', 'b'], ['y'], { pads: ints(1, 1, 1, 1) }),
    ],
    ['y'],
    { w: noise(1, 12, 2, 3, 3), v: noise(2, channels, 12, 3, 3), b: noise(3, channels) },
  );
}

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

/** What each loss is, written out over outputs and targets of (2, channels, 4, 4). */
const FORMULAS: Record<LossKind, (z: Float32Array, t: Float32Array, channels: number) => number> = {
  'cross-entropy': (z, t, channels) => {
    let sum = 0;
    for (let n = 0; n < 2; n++) {
      for (let pixel = 0; pixel < 16; pixel++) {
        const at = (c: number) => (n * channels + c) * 16 + pixel;
        let total = 0;
        for (let c = 0; c < channels; c++) total += Math.exp(z[at(c)]!);
        for (let c = 0; c < channels; c++) sum -= t[at(c)]! * (z[at(c)]! - Math.log(total));
      }
    }
    return sum / 32;
  },
  mse: (z, t) => z.reduce((sum, value, at) => sum + (value - t[at]!) ** 2, 0) / z.length,
  bce: (z, t) =>
    z.reduce(
      (sum, value, at) => sum - t[at]! * Math.log(sigmoid(value)) - (1 - t[at]!) * Math.log(1 - sigmoid(value)),
      0,
    ) / z.length,
  dice: (z, t) => {
    let sum = 0;
    for (let n = 0; n < 2; n++) {
      let [both, all] = [0, 0];
      for (let pixel = n * 16; pixel < (n + 1) * 16; pixel++) {
        both += sigmoid(z[pixel]!) * t[pixel]!;
        all += sigmoid(z[pixel]!) + t[pixel]!;
      }
      sum += 1 - (2 * both + 1) / (all + 1);
    }
    return sum / 2;
  },
};

describe('a training graph', () => {
  it.each<[LossKind, number]>([
    ['cross-entropy', 3],
    ['mse', 2],
    ['bce', 1],
    ['dice', 1],
  ])('has the loss %s and its gradients by every core, as central differences have them', async (kind, channels) => {
    const model = network(channels);
    const parameters = parameterize(model, { coefficients: 90, start: 'fresh', biases: true, random: randomStream(4) });
    const shape = [2, channels, 4, 4];
    const graph = buildTrainingGraph(
      model,
      parameters,
      [{ kind, output: 'y', shape, weight: 1 }],
      new Map([['x', [2, 2, 8, 8]]]),
    );
    const target = noise(5, ...shape);
    const targets = toFloat32(target).map((value) => (value > 0 ? 1 : 0));
    const cores = parameters.map((parameter) => coreOf(parameter, false));
    const session = await openOnnx(writeOnnx(graph.model), { engine: 'node' });
    const run = () => {
      const feeds = new Map<string, Tensor>([['x', noise(6, 2, 2, 8, 8)]]);
      parameters.forEach(({ box }, at) => void feeds.set(graph.cores[at]!, float32Tensor(box, cores[at]!)));
      feeds.set(graph.targets[0]!.name, float32Tensor(graph.targets[0]!.shape, targets));
      return session.run(feeds);
    };
    const lossNow = async () => toFloat32((await run()).get(graph.loss)!)[0]!;
    try {
      const first = await run();
      const outputs = toFloat32(first.get('y')!);
      expect(toFloat32(first.get(graph.loss)!)[0]).toBeCloseTo(FORMULAS[kind](outputs, targets, channels), 4);
      for (const [at, core] of cores.entries()) {
        const gradient = toFloat32(first.get(graph.gradients[at]!)!);
        const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largest).toBeGreaterThan(0);
        for (let entry = 0; entry < core.length; entry += Math.ceil(core.length / 6)) {
          const value = core[entry]!;
          const step = 4e-3 * parameters[at]!.scale;
          core[entry] = value + step;
          const above = await lossNow();
          core[entry] = value - step;
          const below = await lossNow();
          core[entry] = value;
          expect(Math.abs((above - below) / (2 * step) - gradient[entry]!)).toBeLessThan(2e-2 * largest);
        }
      }
    } finally {
      await session.release();
    }
  });
});
