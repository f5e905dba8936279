import { describe, expect, it } from 'vitest';
import { coarser, layersOf } from '../../src/codec/layering.ts';
import { plainNetwork, type QuantizedOperand } from '../../src/codec/network.ts';
import { random } from '../support/random.ts';

const uniform = random(5);
const quantized = (...shape: number[]): QuantizedOperand => ({
  kind: 'quantized',
  shape,
  step: 0.5,
  levels: Int32Array.from({ length: shape.reduce((a, b) => a * b) }, () => Math.round(24 * (uniform() - 0.4))),
});
const weightOf = (name: string, operand: QuantizedOperand) => ({
  name,
  dtype: 'float32' as const,
  shape: operand.shape,
  network: plainNetwork(operand),
});
const large = quantized(20, 200);
const small = quantized(20);
const WEIGHTS = [weightOf('large', large), weightOf('small', small)];

describe('coarser levels', () => {
  it('are the nearest, the same for either sign', () => {
    for (let factor = 2; factor <= 9; factor++) {
      for (let level = -100; level <= 100; level++) {
        const found = coarser(level, factor);
        expect(Math.abs(factor * found - level)).toBeLessThanOrEqual(factor / 2);
        expect(found + coarser(-level, factor)).toBe(0);
      }
    }
  });

  it('are the even ones of two that are as near, so that halves go to both sides', () => {
    expect([1, 3, 5, 7, 9].map((level) => coarser(level, 2))).toEqual([0, 2, 2, 4, 4]);
  });
});

describe('layersOf', () => {
  it('leaves a file in one piece without layers', () => {
    expect(layersOf(WEIGHTS, 1, new Map())).toEqual([]);
  });

  it('makes each layer of the one behind it, and leaves small operands whole', () => {
    const layers = layersOf(WEIGHTS, 4, new Map());
    expect(layers).toHaveLength(3);
    let finer = large.levels;
    for (const layer of layers.toReversed()) {
      expect([...layer.keys()]).toEqual([large]);
      const { factor, before } = layer.get(large)!;
      expect(factor).toBe(2);
      expect(before).toEqual(finer.map((level) => coarser(level, 2)));
      finer = before;
    }
  });

  it('keeps the sums of outputs to half a step of the layer', () => {
    const [layer] = layersOf(WEIGHTS, 2, new Map([['large', 0]]));
    const { factor, before } = layer!.get(large)!;
    const sum = (levels: Int32Array, row: number) =>
      levels.subarray(200 * row, 200 * row + 200).reduce((a, b) => a + b);
    for (let row = 0; row < 20; row++) {
      expect(Math.abs(factor * sum(before, row) - sum(large.levels, row))).toBeLessThanOrEqual(factor / 2);
    }
  });
});
