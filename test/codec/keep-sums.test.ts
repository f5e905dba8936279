import { describe, expect, it } from 'vitest';
import { sumGroups } from '../../src/codec/keep-sums.ts';
import { quantizeTo } from '../../src/codec/quantize.ts';
import { normal } from '../support/random.ts';

const shape = [8, 24, 3, 3];
const size = 24 * 9;
const gaussian = normal(7);
const values = Float64Array.from({ length: 8 * size }, gaussian);
const allowed = 0.01 * values.reduce((sum, value) => sum + value * value, 0);

/** What quantisation adds to the sum of filter `output`, in steps. */
function sumErrors(groups: ReturnType<typeof sumGroups>) {
  const { levels, step, squaredError } = quantizeTo(values, allowed, groups);
  expect(squaredError).toBeLessThanOrEqual(allowed);
  return Array.from({ length: 8 }, (_, output) => {
    let sum = 0;
    for (let at = output * size; at < (output + 1) * size; at++) sum += levels[at]! * step - values[at]!;
    return Math.abs(sum) / step;
  });
}

describe('rounding that keeps sums', () => {
  it('brings every filter within half a step of its sum, which plain rounding does not', () => {
    expect(Math.max(...sumErrors(undefined))).toBeGreaterThan(2);
    expect(Math.max(...sumErrors(sumGroups(shape, 0, [])))).toBeLessThanOrEqual(0.5 + 1e-9);
  });

  it('looks at frequency zero alone where the window is transformed', () => {
    const groups = sumGroups(shape, 0, [2, 3])!;
    expect(Array.from(groups.offsets)).toEqual(Array.from({ length: 24 }, (_, input) => 9 * input));
    expect([groups.stride, groups.count]).toEqual([size, 8]);
  });

  it('groups by the last axis for (in, out) matrices, and not at all where outputs are frequencies', () => {
    const groups = sumGroups([3, 2], 1, [])!;
    expect([Array.from(groups.offsets), groups.stride, groups.count]).toEqual([[0, 2, 4], 1, 2]);
    expect(sumGroups(shape, 0, [0, 1, 2, 3])).toBeUndefined();
  });
});
