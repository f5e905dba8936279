import { describe, expect, it } from 'vitest';
import { damp, factor, type Hessian } from '../../../src/codec/calibration/hessian.ts';
import type { LevelRates } from '../../../src/codec/calibration/rate-model.ts';
import { rowSearch } from '../../../src/codec/calibration/row-search.ts';
import { indexOf, multipleOf, nextState, quantizerOf } from '../../../src/codec/dependent.ts';
import { normal, random } from '../../support/random.ts';
import { correlatedMoments, errorOf } from './moments-of.ts';
import { viterbiMultiples } from './plain-viterbi.ts';

const damped = (size: number, correlation: number, seed: number): Hessian => {
  const hessian = correlatedMoments(size, 4 * size, correlation, seed);
  damp(hessian);
  return hessian;
};

const identity = (size: number) => {
  const values = new Float64Array(size * size);
  for (let at = 0; at < values.length; at += size + 1) values[at] = 1;
  return { size, values };
};

/** Bits that depend on the column, the quantiser and the index only, as the Viterbi algorithm needs it to be optimal. */
const bitsOf = (column: number, quantizer: number, index: number) =>
  Math.log2(1 + Math.abs(index)) * (2 + quantizer / 2 + (column % 3)) + (index === 0 ? 0 : 1);

const simpleRates: LevelRates = {
  beginRow: () => {},
  contextOf: (column, _own, _first, _before, quantizer) => 2 * column + quantizer,
  bits: (context, index) => bitsOf(context >> 1, context & 1, index),
  endRow: () => {},
};

/** Quantisers and indices of a chain of multiples; throws where they do not fit. */
function chainOf(multiples: ArrayLike<number>): { quantizer: number; index: number }[] {
  let state = 0;
  return Array.from(multiples, (multiple) => {
    const quantizer = quantizerOf(state);
    const index = indexOf(quantizer, multiple);
    state = nextState(state, index);
    return { quantizer, index };
  });
}

const dependent = (survivors: number, step: number) => ({ step, isDependent: true, survivors });

describe('rowSearch, dependent levels', () => {
  it.each([0, 0.02])(
    'with one survivor of each state gives what the plain Viterbi algorithm gives, λ = %d',
    (lambda) => {
      const columns = 56;
      const factored = factor(damped(columns, 0.8, 1));
      const search = rowSearch(factored, dependent(1, 0.5));
      for (let trial = 0; trial < 10; trial++) {
        const row = Float64Array.from({ length: columns }, normal(2 + trial));
        const expected = viterbiMultiples(row, factored, 0.5, lambda, bitsOf);
        const { levels, error, bits } = search(row, lambda, simpleRates);
        expect([...levels]).toEqual([...expected.multiples]);
        expect(error).toBeCloseTo(expected.error, 9);
        const spent = chainOf(levels).reduce((sum, { quantizer, index }, at) => sum + bitsOf(at, quantizer, index), 0);
        expect(bits).toBeCloseTo(spent, 9);
      }
    },
  );

  it('finds the best of all chains where inputs are not correlated', () => {
    const next = normal(3);
    const [columns, step, range] = [5, 0.4, 4];
    const search = rowSearch(factor(identity(columns)), dependent(1, step));
    for (let trial = 0; trial < 10; trial++) {
      const row = Float64Array.from({ length: columns }, next);
      let least = Number.POSITIVE_INFINITY;
      for (let code = 0; code < (2 * range + 1) ** columns; code++) {
        let state = 0;
        let error = 0;
        for (let at = 0, rest = code; at < columns; at++, rest = Math.floor(rest / (2 * range + 1))) {
          const index = (rest % (2 * range + 1)) - range;
          error += (row[at]! - step * multipleOf(quantizerOf(state), index)) ** 2;
          state = nextState(state, index);
        }
        least = Math.min(least, error);
      }
      expect(search(row, 0, undefined).error).toBeCloseTo(least, 9);
    }
  });

  it('packs points more densely than a grid, by the 1.1 dB that are known of eight states', () => {
    const columns = 1000;
    const uniform = random(4);
    const search = rowSearch(factor(identity(columns)), dependent(1, 1));
    let error = 0;
    for (let trial = 0; trial < 4; trial++) {
      const row = Float64Array.from({ length: columns }, () => 400 * uniform() - 200);
      error += search(row, 0, undefined).error;
    }
    // Either quantiser has twice the step, and a grid of that step leaves step² / 12.
    const gain = 10 * Math.log10(4 / 12 / (error / (4 * columns)));
    expect(gain).toBeGreaterThan(1.03);
    expect(gain).toBeLessThan(1.2);
  });

  it('tells the true error of long rows, which is less with more survivors, and less than on a grid as fine', () => {
    const columns = 200;
    const hessian = damped(columns, 0.9, 5);
    const factored = factor(hessian);
    const searches = [
      { search: rowSearch(factored, { step: 1, isDependent: false, survivors: 8 }), step: 1, sum: 0 },
      { search: rowSearch(factored, dependent(1, 0.5)), step: 0.5, sum: 0 },
      { search: rowSearch(factored, dependent(4, 0.5)), step: 0.5, sum: 0 },
    ];
    for (let trial = 0; trial < 20; trial++) {
      const row = Float64Array.from({ length: columns }, normal(6 + trial)).map((value) => 50 * value);
      for (const entry of searches) {
        const { levels, error } = entry.search(row, 0, undefined);
        const exact = errorOf(
          row.map((value, at) => value - entry.step * levels[at]!),
          hessian,
        );
        expect(Math.abs(error / exact - 1)).toBeLessThan(1e-9);
        if (entry.step < 1) chainOf(levels);
        entry.sum += error;
      }
    }
    const [grid, one, four] = searches.map(({ sum }) => 10 * Math.log10(sum));
    expect(grid! - four!).toBeGreaterThan(0.5);
    expect(one! - four!).toBeGreaterThan(0.1);
  });

  it('refuses what does not fit', () => {
    const factored = factor(identity(2));
    expect(() => rowSearch(factored, dependent(0, 1))).toThrow(RangeError);
    const search = rowSearch(factored, dependent(1, 1e-9));
    expect(() => search(Float64Array.of(1, 1), 0, undefined)).toThrow(RangeError);
  });
});
