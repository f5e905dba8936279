import { describe, expect, it } from 'vitest';
import { node } from '../../../src/graph/graph.ts';
import { toFloat32 } from '../../../src/graph/numbers.ts';
import { singlePrecision } from '../../../src/graph/passes/single-precision.ts';
import { float32Tensor } from '../../../src/graph/tensor.ts';
import { normal } from '../../support/random.ts';
import { buildModel, runModel } from '../../support/run-model.ts';

const numbers = (seed: number, ...shape: [number, number]) =>
  float32Tensor(shape, Float32Array.from({ length: shape[0] * shape[1] }, normal(seed)));

describe('a model in single precision', () => {
  it('computes the same, of float32 tensors only', async () => {
    const half = buildModel(
      21,
      { x: ['N', 4] },
      [
        node('Cast', ['x'], ['low'], { to: { type: 'int', value: 10 } }),
        node('Cast', ['w'], ['weight'], { to: { type: 'int', value: 10 } }),
        node('MatMul', ['low', 'weight'], ['product']),
        node('Cast', ['product'], ['y'], { to: { type: 'int', value: 1 } }),
      ],
      ['y'],
      { w: numbers(8, 4, 5) },
    );
    const feeds = new Map([['x', numbers(9, 7, 4)]]);
    const single = singlePrecision(half);
    expect(single.graph.nodes.map(({ attributes }) => attributes.get('to'))).toEqual([
      { type: 'int', value: 1 },
      { type: 'int', value: 1 },
      undefined,
      { type: 'int', value: 1 },
    ]);
    expect(half.graph.nodes[0]!.attributes.get('to')).toEqual({ type: 'int', value: 10 });
    const [low, full] = [await runModel(half, feeds), await runModel(single, feeds)];
    const [a, b] = [toFloat32(low.get('y')!), toFloat32(full.get('y')!)];
    const largest = Math.max(...b.map(Math.abs));
    const difference = Math.max(...a.map((value, at) => Math.abs(value - b[at]!)));
    expect(difference).toBeGreaterThan(0);
    expect(difference / largest).toBeLessThan(2e-3);
  });
});
