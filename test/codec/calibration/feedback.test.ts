import { describe, expect, it } from 'vitest';
import { quantizeMatrix } from '../../../src/codec/calibration/feedback.ts';
import { damp, factor, type Hessian, meanDiagonal } from '../../../src/codec/calibration/hessian.ts';
import { chainRates, initialStatistics, levelRates } from '../../../src/codec/calibration/rate-model.ts';
import { ratePrior } from '../../../src/codec/calibration/rate-prior.ts';
import { chainModel } from '../../../src/codec/chain-model.ts';
import { normal } from '../../support/random.ts';
import { correlatedMoments, errorOf } from './moments-of.ts';

function damped(size: number, correlation: number, seed: number): Hessian {
  const hessian = correlatedMoments(size, 4 * size, correlation, seed);
  damp(hessian);
  return hessian;
}

const matrix = (rows: number, columns: number, seed: number) =>
  Float64Array.from({ length: rows * columns }, normal(seed));

const difference = (weight: Float64Array, levels: Int32Array, step: number) =>
  weight.map((value, at) => value - levels[at]! * step);

/** Rates of a matrix that is a tensor by itself. */
const plainRates = (rows: number, columns: number) =>
  levelRates(
    initialStatistics(),
    {
      shape: [rows, columns],
      rows: Uint32Array.from({ length: rows }, (_, row) => row * columns),
      columns: Uint32Array.from({ length: columns }, (_, column) => column),
    },
    new Int32Array(rows * columns),
  );

/** Rates of a matrix whose rows are chains. */
const plainChains = (rows: number, columns: number) =>
  chainRates(
    initialStatistics(),
    chainModel(columns),
    {
      shape: [rows, columns],
      rows: Uint32Array.from({ length: rows }, (_, row) => row * columns),
      columns: Uint32Array.from({ length: columns }, (_, column) => column),
    },
    new Int32Array(rows * columns),
  );

/** Inverse by Gauss and Jordan. */
function inverse({ size, values }: Hessian): number[][] {
  const wide = Array.from({ length: size }, (_, i) => [
    ...values.subarray(i * size, (i + 1) * size),
    ...Array.from({ length: size }, (_, j) => Number(i === j)),
  ]);
  for (let pivot = 0; pivot < size; pivot++) {
    const scale = wide[pivot]![pivot]!;
    wide[pivot] = wide[pivot]!.map((value) => value / scale);
    wide.forEach((row, i) => {
      const factor = row[pivot]!;
      if (i !== pivot) wide[i] = row.map((value, j) => value - factor * wide[pivot]![j]!);
    });
  }
  return wide.map((row) => row.slice(size));
}

/**
 * Optimal brain quantisation of one row in a fixed order, straight from arXiv 2208.11580, equations 3 and 4: round, move the
 * rest by −(w − q) / [H⁻¹]pp · H⁻¹:,p, and strike input p out of H⁻¹.
 */
function brainQuantizer(row: Float64Array, hessian: Hessian, step: number): number[] {
  const weights = [...row];
  let inverted = inverse(hessian);
  return weights.map((_, p) => {
    const level = Math.round(weights[p]! / step) + 0;
    const error = (weights[p]! - level * step) / inverted[p]![p]!;
    for (let j = p + 1; j < weights.length; j++) weights[j]! -= error * inverted[j]![p]!;
    inverted = inverted.map((line, i) =>
      line.map((value, j) => value - (inverted[i]![p]! * inverted[p]![j]!) / inverted[p]![p]!),
    );
    return level;
  });
}

describe('quantizeMatrix', () => {
  it.each([7, 40, 90])('gives the levels of optimal brain quantisation, %i columns', (columns) => {
    const hessian = damped(columns, 0.9, columns);
    const weight = matrix(3, columns, 5);
    const { levels, error } = quantizeMatrix(weight, 3, factor(hessian), { step: 0.7, lambda: 0, survivors: 1 });
    for (let row = 0; row < 3; row++) {
      const expected = brainQuantizer(weight.subarray(row * columns, (row + 1) * columns), hessian, 0.7);
      expect([...levels.subarray(row * columns, (row + 1) * columns)]).toEqual(expected);
    }
    const exact = errorOf(difference(weight, levels, 0.7), hessian);
    expect(Math.abs(error / exact - 1)).toBeLessThan(1e-9);
  });

  it('rounds where inputs are not correlated', () => {
    const values = new Float64Array(25);
    for (let at = 0; at < 5; at++) values[at * 6] = at + 1;
    const weight = matrix(4, 5, 6);
    const { levels } = quantizeMatrix(weight, 4, factor({ size: 5, values }), { step: 0.3, lambda: 0 });
    expect(levels).toEqual(Int32Array.from(weight, (value) => Math.round(value / 0.3)));
  });

  it('comes close to the best of all levels, which is found by trying them', () => {
    const weight = matrix(8, 4, 7);
    const hessian = damped(4, 0.9, 8);
    const step = 0.8;
    const { levels, error } = quantizeMatrix(weight, 8, factor(hessian), { step, lambda: 0 });
    const rounded = errorOf(
      difference(
        weight,
        Int32Array.from(weight, (value) => Math.round(value / step)),
        step,
      ),
      hessian,
    );
    let best = 0;
    for (let row = 0; row < 8; row++) {
      let least = Number.POSITIVE_INFINITY;
      for (let code = 0; code < 7 ** 4; code++) {
        const offsets = [0, 1, 2, 3].map((place) => (Math.floor(code / 7 ** place) % 7) - 3);
        const tried = Int32Array.from(offsets, (offset, at) => levels[row * 4 + at]! + offset);
        least = Math.min(least, errorOf(difference(weight.subarray(row * 4, row * 4 + 4), tried, step), hessian));
      }
      best += least;
    }
    expect(error).toBeGreaterThanOrEqual(best - 1e-9);
    expect(error).toBeLessThan(1.3 * best);
    expect(rounded).toBeGreaterThan(1.6 * best);
  });

  it('leaves D·step²/12 for each column, where rounding leaves the diagonal of H', () => {
    const columns = 200;
    const hessian = damped(columns, 0.95, 9);
    const factored = factor(hessian);
    const step = 0.05;
    const weight = matrix(60, columns, 10);
    const { error } = quantizeMatrix(weight, 60, factored, { step, lambda: 0, survivors: 1 });
    const rounded = errorOf(
      difference(
        weight,
        Int32Array.from(weight, (value) => Math.round(value / step)),
        step,
      ),
      hessian,
    );
    const noise = (60 * step ** 2) / 12;
    const expected = noise * factored.weights.reduce((sum, value) => sum + value, 0);
    expect(error / expected).toBeCloseTo(1, 1);
    expect(rounded / (noise * columns * meanDiagonal(hessian))).toBeCloseTo(1, 1);
    expect(rounded / error).toBeGreaterThan(5);
  });

  it('feeds errors down the rows by the moments of the gradients', () => {
    const weight = matrix(40, 30, 11);
    const hessian = damped(30, 0.8, 12);
    const outputs = damped(40, 0.9, 13);
    const options = { step: 0.4, lambda: 0 };
    const both = quantizeMatrix(weight, 40, factor(hessian), { ...options, outputs: factor(outputs) });
    const without = quantizeMatrix(weight, 40, factor(hessian), options);
    const exact = errorOf(difference(weight, both.levels, 0.4), hessian, outputs);
    expect(Math.abs(both.error / exact - 1)).toBeLessThan(1e-9);
    expect(exact).toBeLessThan(0.5 * errorOf(difference(weight, without.levels, 0.4), hessian, outputs));
  });

  it('with one survivor takes for each entry the level of least error and bits, tried over all levels', () => {
    const [rows, columns, step, lambda] = [6, 20, 0.5, 0.02];
    const values = new Float64Array(columns * columns);
    for (let at = 0; at < columns; at++) values[at * (columns + 1)] = 0.5 + at / columns;
    const weight = matrix(rows, columns, 14);
    const options = { step, lambda, rates: plainRates(rows, columns), survivors: 1 };
    const { levels, bits } = quantizeMatrix(weight, rows, factor({ size: columns, values }), options);
    // Without correlation the targets are the weights; the decisions are replayed with rates of their own.
    const rates = plainRates(rows, columns);
    let spent = 0;
    for (let row = 0; row < rows; row++) {
      rates.beginRow(row);
      const own = levels.slice(row * columns, (row + 1) * columns);
      for (let column = 0; column < columns; column++) {
        const context = rates.contextOf(column, own, 0, 0, 0);
        const at = row * columns + column;
        const cost = (level: number) =>
          values[column * (columns + 1)]! * (weight[at]! - level * step) ** 2 +
          lambda * rates.bits(context, Math.abs(level));
        const all = Array.from({ length: 41 }, (_, place) => place - 20);
        expect(cost(levels[at]!)).toBeCloseTo(Math.min(...all.map(cost)), 9);
        spent += rates.bits(context, Math.abs(levels[at]!));
      }
      rates.endRow(own);
    }
    expect(bits).toBeCloseTo(spent, 6);
  });

  it('with survivors enough finds the least error and bits of a row, tried over all of its levels', () => {
    const [columns, step, lambda] = [6, 0.9, 0.4];
    const hessian = damped(columns, 0.9, 19);
    const weight = matrix(1, columns, 20);
    const costOf = (levels: Int32Array, rates = plainRates(1, columns)) => {
      rates.beginRow(0);
      const bits = levels.reduce(
        (sum, level, at) => sum + rates.bits(rates.contextOf(at, levels, 0, 0, 0), Math.abs(level)),
        0,
      );
      return { bits, cost: errorOf(difference(weight, levels, step), hessian) + lambda * bits };
    };
    let least = Number.POSITIVE_INFINITY;
    const range = 9;
    for (let code = 0; code < range ** columns; code++) {
      const levels = Int32Array.from(weight, (_, at) => (Math.floor(code / range ** at) % range) - 4);
      if (errorOf(difference(weight, levels, step), hessian) < least) least = Math.min(least, costOf(levels).cost);
    }
    const rates = plainRates(1, columns);
    const found = quantizeMatrix(weight, 1, factor(hessian), { step, lambda, rates, survivors: 4 ** columns });
    expect(found.bits).toBeCloseTo(costOf(found.levels).bits, 9);
    expect(found.error + lambda * found.bits).toBeCloseTo(costOf(found.levels).cost, 9);
    expect(found.error + lambda * found.bits).toBeCloseTo(least, 9);
  });

  it('finds less error and fewer bits with more survivors', () => {
    const hessian = factor(damped(150, 0.9, 21));
    const weight = matrix(60, 150, 22);
    const costs = [1, 4, 16].map((survivors) => {
      const options = { step: 0.8, lambda: 4, rates: plainRates(60, 150), survivors };
      const { error, bits } = quantizeMatrix(weight, 60, hessian, options);
      return error + 4 * bits;
    });
    expect(costs[1]).toBeLessThan(0.97 * costs[0]!);
    expect(costs[2]).toBeLessThan(0.995 * costs[1]!);
  });

  it.each([false, true])(
    'with a prior on later bits still tells the true error, and finds less where most levels are zero, dependent: %s',
    (isDependent) => {
      const [rows, columns, step, lambda] = [60, 120, isDependent ? 1.5 : 3, 350];
      const hessian = damped(columns, 0.995, 23);
      const weight = matrix(rows, columns, 24);
      const found = [false, true].map((foresees) => {
        const prior = foresees ? ratePrior(weight, columns, lambda) : new Float64Array(columns);
        const values = hessian.values.slice();
        prior.forEach((added, at) => {
          values[at * (columns + 1)]! += added;
        });
        const rates = isDependent ? plainChains(rows, columns) : plainRates(rows, columns);
        const options = { step, lambda, rates, prior, isDependent };
        const { levels, error, bits } = quantizeMatrix(weight, rows, factor({ size: columns, values }), options);
        const exact = errorOf(difference(weight, levels, step), hessian);
        expect(Math.abs(error / exact - 1)).toBeLessThan(1e-6);
        expect(levels.filter((level) => level === 0).length).toBeGreaterThan(0.5 * levels.length);
        return exact + lambda * bits;
      });
      expect(found[1]).toBeLessThan(0.97 * found[0]!);
    },
  );

  it('feeds errors down the rows as well where there is a prior', () => {
    const [rows, columns, step, lambda] = [30, 40, 1, 1];
    const hessian = damped(columns, 0.8, 25);
    const outputs = damped(rows, 0.9, 26);
    const weight = matrix(rows, columns, 27);
    const prior = ratePrior(weight, columns, lambda);
    const values = hessian.values.slice();
    prior.forEach((added, at) => {
      values[at * (columns + 1)]! += added;
    });
    const options = { step, lambda, prior, outputs: factor(outputs), rates: plainChains(rows, columns) };
    const { levels, error } = quantizeMatrix(weight, rows, factor({ size: columns, values }), {
      ...options,
      isDependent: true,
    });
    const exact = errorOf(difference(weight, levels, step), hessian, outputs);
    expect(Math.abs(error / exact - 1)).toBeLessThan(1e-6);
  });

  it('spends fewer bits for more error as bits become dearer', () => {
    const hessian = factor(damped(100, 0.9, 15));
    const weight = matrix(50, 100, 16);
    const results = [0, 2, 8].map((lambda) =>
      quantizeMatrix(weight, 50, hessian, { step: 0.6, lambda, rates: plainRates(50, 100) }),
    );
    expect(results[1]!.bits).toBeLessThan(results[0]!.bits);
    expect(results[2]!.bits).toBeLessThan(results[1]!.bits);
    expect(results[1]!.error).toBeGreaterThan(results[0]!.error);
    expect(results[2]!.error).toBeGreaterThan(results[1]!.error);
  });

  it('refuses what does not fit', () => {
    const hessian = factor(damped(4, 0, 17));
    const weight = matrix(2, 4, 18);
    expect(() => quantizeMatrix(weight, 3, hessian, { step: 1, lambda: 0 })).toThrow(TypeError);
    expect(() => quantizeMatrix(weight, 2, hessian, { step: 0, lambda: 0 })).toThrow(RangeError);
    expect(() => quantizeMatrix(weight, 2, hessian, { step: 1, lambda: 1 })).toThrow(TypeError);
    expect(() => quantizeMatrix(weight, 2, hessian, { step: 1, lambda: 0, outputs: hessian })).toThrow(TypeError);
    expect(() => quantizeMatrix(weight, 2, hessian, { step: 1, lambda: 0, survivors: 0 })).toThrow(RangeError);
    expect(() => quantizeMatrix(weight, 2, hessian, { step: 1e-9, lambda: 0 })).toThrow(RangeError);
    expect(() => quantizeMatrix(weight.fill(Number.NaN), 2, hessian, { step: 1, lambda: 0 })).toThrow(RangeError);
  });
});
