import { describe, expect, it } from 'vitest';
import { boundingBox, gather, shellEnergies, smallestSupport } from '../../src/codec/support.ts';
import { zigzagOrder } from '../../src/codec/zigzag.ts';

const SHAPE = [6, 5, 3];
const AXES = [0, 1, 2];

/** Ones at the first `count` places in zigzag order, `rest` behind them. */
function low(count: number, rest = 0): Float64Array {
  const values = new Float64Array(90).fill(rest);
  for (const at of zigzagOrder(SHAPE).slice(0, count)) values[at] = 1;
  return values;
}

describe('the smallest support', () => {
  it.each([1, 2, 4, 5, 17, 40, 90])('finds that %i frequencies are enough', (count) => {
    const { shape, values, size } = smallestSupport(low(count), SHAPE, AXES, 1e-6);
    expect(size).toBe(count);
    expect(values.filter((value) => value !== 0)).toHaveLength(count);
    expect([...values]).toEqual([...gather(low(count), SHAPE, shape)]);
  });

  it('leaves out what is below the tolerance, and no more', () => {
    const noisy = low(17, 1e-3);
    const total = Math.sqrt(17 + 73e-6);
    const left = Math.sqrt(73e-6);
    expect(smallestSupport(noisy.slice(), SHAPE, AXES, (1.001 * left) / total).size).toBe(17);
    expect(smallestSupport(noisy.slice(), SHAPE, AXES, (0.999 * left) / total).size).toBe(18);
    expect(smallestSupport(noisy.slice(), SHAPE, AXES, 0).size).toBe(90);
    for (const tolerance of [0.3, 0.1, 0.03]) {
      const { values } = smallestSupport(noisy.slice(), SHAPE, AXES, tolerance);
      const kept = values.reduce((sum, value) => sum + value * value, 0);
      expect(Math.sqrt(1 - kept / total ** 2)).toBeLessThanOrEqual(tolerance);
    }
  });

  it('cuts only the axes that are frequencies', () => {
    const { shape, size } = smallestSupport(low(4), SHAPE, [1, 2], 1e-6);
    expect(shape).toEqual([6, 2, 2]);
    expect(size).toBe(24);
  });

  it('gives the energy of every index sum', () => {
    expect([...shellEnergies(low(4), SHAPE, AXES)]).toEqual([1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].slice(0, 12));
    expect([...shellEnergies(low(90), SHAPE, [0])]).toEqual([15, 15, 15, 15, 15, 15]);
  });

  it('finds the box around what is not zero', () => {
    const levels = new Int32Array(90);
    expect(boundingBox(levels, SHAPE, AXES)).toEqual([1, 1, 1]);
    levels[2 * 15 + 3 * 3 + 1] = -4;
    expect(boundingBox(levels, SHAPE, AXES)).toEqual([3, 4, 2]);
    expect(boundingBox(levels, SHAPE, [1])).toEqual([6, 4, 3]);
    levels[5 * 15] = 1;
    expect(boundingBox(levels, SHAPE, AXES)).toEqual([6, 4, 2]);
  });
});
