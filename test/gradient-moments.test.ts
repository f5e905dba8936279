/** Moments of gradients against what they are by hand for models of one layer behind. */
import { describe, expect, it } from 'vitest';
import { onnxruntimeExecute } from '../src/calibration-data.ts';
import { UnsupportedError } from '../src/errors.ts';
import { gradientMoments } from '../src/gradient-moments.ts';
import { type Dim, type Node, node } from '../src/graph/graph.ts';
import { toFloat32 } from '../src/graph/numbers.ts';
import { float32Tensor, type Tensor } from '../src/graph/tensor.ts';
import { normal } from './support/random.ts';
import { buildModel, runModel } from './support/run-model.ts';

const build = (parts: {
  inputs: Record<string, Dim[]>;
  initializers: Record<string, Tensor>;
  nodes: Node[];
  outputs: string[];
}) => buildModel(21, parts.inputs, parts.nodes, parts.outputs, parts.initializers);

const numbers = (seed: number, ...shape: number[]) => {
  const next = normal(seed);
  return float32Tensor(shape, Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, next));
};

/** All within `tolerance` of the largest. */
function expectClose(values: Float64Array, expected: number[], tolerance: number): void {
  const largest = Math.max(...expected.map(Math.abs));
  expect(values).toHaveLength(expected.length);
  expected.forEach((value, at) => {
    expect(Math.abs(values[at]! - value) / largest).toBeLessThan(tolerance);
  });
}

describe('moments of gradients', () => {
  it('behind which there is one linear layer are its weight times itself, at every place', async () => {
    const last = numbers(1, 3, 4, 1, 1);
    const model = build({
      inputs: { x: ['N', 2, 30, 40] },
      initializers: { first: numbers(2, 4, 2, 3, 3), last },
      nodes: [node('Conv', ['x', 'first'], ['inner']), node('Conv', ['inner', 'last'], ['y'])],
      outputs: ['y'],
    });
    const feeds = new Map([['x', numbers(3, 8, 2, 30, 40)]]);
    const moments = await gradientMoments(model, [{ name: 'inner', axis: 1 }], {
      batches: [feeds],
      execute: onnxruntimeExecute,
    });
    const { size, values } = moments.get('inner')!;
    expect(size).toBe(4);
    const rounds = 4;
    const places = rounds * 8 * 28 * 38;
    const a = toFloat32(last);
    const expected = Array.from({ length: 16 }, (_, at) =>
      [0, 1, 2].reduce((sum, out) => sum + places * a[4 * out + Math.floor(at / 4)]! * a[4 * out + (at % 4)]!, 0),
    );
    expectClose(values, expected, 0.02);
  });

  it.each([
    ['scores', []],
    ['the Softmax of scores', [node('Softmax', ['scores'], ['y'])]],
  ])('of %s are the Hessian of the divergence', async (_, behind) => {
    const model = build({
      inputs: { x: ['N', 6] },
      initializers: { w: numbers(4, 6, 3) },
      nodes: [node('MatMul', ['x', 'w'], ['scores']), ...behind],
      outputs: [behind.length > 0 ? 'y' : 'scores'],
    });
    const feeds = new Map([['x', numbers(5, 6000, 6)]]);
    const moments = await gradientMoments(model, [{ name: 'scores', axis: -1 }], {
      batches: [feeds],
      execute: onnxruntimeExecute,
    });
    const scored = build({
      inputs: { x: ['N', 6] },
      initializers: { w: numbers(4, 6, 3) },
      nodes: [node('MatMul', ['x', 'w'], ['s']), node('Softmax', ['s'], ['p'])],
      outputs: ['p'],
    });
    const p = toFloat32((await runModel(scored, feeds)).get('p')!);
    const expected = new Array<number>(9).fill(0);
    for (let sample = 0; sample < 6000; sample++) {
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 3; j++) {
          const [a, b] = [p[3 * sample + i]!, p[3 * sample + j]!];
          expected[3 * i + j]! += (i === j ? a : 0) - a * b;
        }
      }
    }
    // 6,000 random combinations: sums of squares scatter by about 2 %.
    expectClose(moments.get('scores')!.values, expected, 0.08);
  });

  it('name an operator without a gradient', async () => {
    const model = build({
      inputs: { x: ['N', 4] },
      initializers: { w: numbers(6, 4, 4) },
      nodes: [node('MatMul', ['x', 'w'], ['inner']), node('Det', ['inner'], ['y'])],
      outputs: ['y'],
    });
    const given = { batches: [new Map([['x', numbers(7, 4, 4)]])], execute: onnxruntimeExecute };
    await expect(gradientMoments(model, [{ name: 'inner', axis: -1 }], given)).rejects.toThrow(UnsupportedError);
  });
});
