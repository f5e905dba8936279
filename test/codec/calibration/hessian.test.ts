import { describe, expect, it } from 'vitest';
import { centre, changeBasis, damp, factor, meanDiagonal } from '../../../src/codec/calibration/hessian.ts';
import { dct } from '../../../src/codec/dct.ts';
import { normal } from '../../support/random.ts';
import { correlatedMoments, errorOf } from './moments-of.ts';

describe('factor', () => {
  // Around the block of 64, the tile of 256, and blocks of four that do not come out even.
  it.each([1, 2, 3, 5, 63, 64, 65, 67, 130, 257, 391])('multiplies back at size %i', (size) => {
    const hessian = correlatedMoments(size, 2 * size, 0.9, size);
    damp(hessian);
    const before = hessian.values.slice();
    const { upper, weights } = factor(hessian);
    expect(hessian.values).toEqual(before);
    const scale = meanDiagonal(hessian);
    const entry = (i: number, k: number) => (i === k ? 1 : i < k ? upper[i * size + k]! : 0);
    let worst = 0;
    for (let i = 0; i < size; i++) {
      for (let j = i; j < size; j++) {
        let sum = 0;
        for (let k = j; k < size; k++) sum += entry(i, k) * weights[k]! * entry(j, k);
        worst = Math.max(worst, Math.abs(sum - before[i * size + j]!));
      }
    }
    expect(worst / scale).toBeLessThan(1e-12);
  });

  it('refuses what is not positive definite', () => {
    const values = Float64Array.of(1, 2, 2, 1);
    expect(() => factor({ size: 2, values })).toThrow(
      new RangeError('a matrix of second moments is not positive definite'),
    );
    expect(() => factor({ size: 2, values: Float64Array.of(Number.NaN, 0, 0, 1) })).toThrow(RangeError);
    expect(() => factor({ size: 3, values })).toThrow(TypeError);
  });
});

describe('second moments', () => {
  it('are those of the deviations when centred', () => {
    const next = normal(3);
    const [size, count] = [4, 50];
    const inputs = Array.from({ length: count }, () => Array.from({ length: size }, (_, at) => at + next()));
    const mean = Array.from({ length: size }, (_, at) => inputs.reduce((sum, x) => sum + x[at]! / count, 0));
    const products = (xs: number[][]) =>
      Float64Array.from({ length: size * size }, (_, at) =>
        xs.reduce((sum, x) => sum + x[Math.floor(at / size)]! * x[at % size]!, 0),
      );
    const hessian = { size, values: products(inputs) };
    const sums = Float64Array.from(mean, (value) => value * count);
    centre(hessian, sums, count);
    const expected = products(inputs.map((x) => x.map((value, at) => value - mean[at]!)));
    for (const [at, value] of expected.entries()) expect(hessian.values[at]).toBeCloseTo(value, 9);
    expect(() => centre(hessian, sums, 0)).toThrow(RangeError);
    expect(() => centre(hessian, sums.subarray(1), 1)).toThrow(TypeError);
  });

  it('become definite when damped, by a part of their mean diagonal', () => {
    const hessian = { size: 2, values: Float64Array.of(3, 0, 0, 1) };
    damp(hessian);
    expect([...hessian.values]).toEqual([3.02, 0, 0, 1.02]);
    const dead = { size: 2, values: new Float64Array(4) };
    damp(dead);
    expect([...dead.values]).toEqual([1, 0, 0, 1]);
  });

  it('give the same error in the basis of a DCT', () => {
    const shape = [5, 3, 2];
    const hessian = correlatedMoments(30, 40, 0.8, 1);
    const next = normal(2);
    const difference = Float64Array.from({ length: 2 * 30 }, next);
    const before = errorOf(difference, hessian);
    dct(difference, [2, ...shape], [2, 3]);
    changeBasis(hessian, shape, [1, 2]);
    expect(errorOf(difference, hessian)).toBeCloseTo(before, 8);
    expect(() => changeBasis(hessian, [5, 3], [1])).toThrow(TypeError);
  });
});
