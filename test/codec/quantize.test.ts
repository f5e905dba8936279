import { describe, expect, it } from 'vitest';
import { quantizeTo } from '../../src/codec/quantize.ts';
import { LARGEST_STEP_CODE, nearestStepCode, stepOf } from '../../src/codec/step.ts';
import { normal } from '../support/random.ts';

const next = normal(9);
const laplacian = (length: number) => Float64Array.from({ length }, () => next() ** 3);
const squaredError = (values: Float64Array, levels: Int32Array, step: number) =>
  values.reduce((sum, value, at) => sum + (value - levels[at]! * step) ** 2, 0);

describe('steps', () => {
  it('are floats of five mantissa bits, 32 to the octave', () => {
    expect([0, 1, 31, 32, 48, -1, -32].map(stepOf)).toEqual([1, 33 / 32, 63 / 32, 2, 3, 63 / 64, 0.5]);
    for (let code = -LARGEST_STEP_CODE; code <= LARGEST_STEP_CODE; code++) {
      expect(stepOf(code)).toBeLessThan(stepOf(code + 1));
      expect(nearestStepCode(stepOf(code))).toBe(code);
    }
    expect(nearestStepCode(1e300)).toBe(LARGEST_STEP_CODE);
    expect(nearestStepCode(1e-300)).toBe(-LARGEST_STEP_CODE);
  });
});

describe('the quantiser', () => {
  it.each([
    ['few values', 50],
    ['many values', 6000],
  ])('keeps the wanted distortion with the coarsest step: %s', (_, length) => {
    const values = laplacian(length);
    const energy = values.reduce((sum, value) => sum + value * value, 0);
    for (const error of [0.3, 0.1, 0.01, 1e-3]) {
      const wanted = error ** 2 * energy;
      const { levels, step, squaredError: reported } = quantizeTo(values, wanted);
      expect(reported).toBeCloseTo(squaredError(values, levels, step), 10);
      expect(reported).toBeLessThanOrEqual(wanted);
      // The next coarser step would go beyond, with levels of plain rounding, which is the best that it can do.
      const coarser = stepOf(nearestStepCode(step) + 1);
      const rounded = Int32Array.from(values, (value) => Math.round(value / coarser));
      const best = squaredError(values, rounded, coarser);
      expect(best).toBeGreaterThan(length < 4096 ? wanted : 0.85 * wanted);
    }
  });

  it('says so where the levels would not reach the distortion', () => {
    expect(() => quantizeTo(Float64Array.of(1, 1e-9), 1e-20)).toThrow(RangeError);
    expect(() => quantizeTo(Float64Array.of(1e-30, -1e-30), 1e-64)).toThrow(RangeError);
  });
});
