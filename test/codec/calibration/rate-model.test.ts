import { describe, expect, it } from 'vitest';
import { forEachCoded } from '../../../formats/fqz/coded-order.ts';
import { levelsCode } from '../../../formats/fqz/levels-code.ts';
import { RangeEncoder } from '../../../formats/fqz/range-encoder.ts';
import type { LevelPlaces } from '../../../src/codec/calibration/level-neighbours.ts';
import { initialStatistics, type LevelStatistics, levelRates } from '../../../src/codec/calibration/rate-model.ts';
import { stridesOf } from '../../../src/codec/einsum.ts';
import { normal } from '../../support/random.ts';

/** Levels whose scale falls off along `frequencyAxes`, as in a filter's DCT. */
function someLevels(
  shape: readonly number[],
  frequencyAxes: readonly number[],
  scale: number,
  seed: number,
): Int32Array {
  const next = normal(seed);
  const strides = stridesOf(shape);
  return Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => {
    const frequency = frequencyAxes.reduce((sum, axis) => sum + (Math.floor(at / strides[axis]!) % shape[axis]!), 0);
    return Math.round((scale * next()) / (1 + frequency));
  });
}

/** Bits of the file's own coder. */
function codedBits(tensors: readonly { shape: number[]; frequencyAxes: number[]; levels: Int32Array }[]): number {
  const symbols = tensors.flatMap(({ shape, frequencyAxes, levels }) => {
    const ordered: number[] = [];
    forEachCoded(layoutOf(shape, frequencyAxes), (offset) => ordered.push(levels[offset]!));
    return ordered;
  });
  const encoder = new RangeEncoder(symbols);
  const code = levelsCode(encoder);
  for (const { shape, frequencyAxes } of tensors) code(layoutOf(shape, frequencyAxes));
  return 8 * encoder.finish().length;
}

const layoutOf = (shape: number[], frequencyAxes: number[]) => ({
  shape,
  frequencyAxes,
  frequencies: frequencyAxes.reduce((product, axis) => product * shape[axis]!, 1),
});

/** One row per entry along the first axis. */
const byFirstAxis = (shape: readonly number[]): LevelPlaces => {
  const columns = shape.slice(1).reduce((a, b) => a * b, 1);
  return {
    shape,
    rows: Uint32Array.from({ length: shape[0]! }, (_, row) => row * columns),
    columns: Uint32Array.from({ length: columns }, (_, column) => column),
  };
};

describe('levelRates', () => {
  const tensors = [
    { shape: [16, 3, 3, 3], frequencyAxes: [2, 3], scale: 12 },
    { shape: [40, 24, 3, 3], frequencyAxes: [2, 3], scale: 2 },
    { shape: [64, 50], frequencyAxes: [], scale: 300 },
    { shape: [30, 20, 1, 5], frequencyAxes: [3], scale: 0.4 },
  ].map((tensor, seed) => ({ ...tensor, levels: someLevels(tensor.shape, tensor.frequencyAxes, tensor.scale, seed) }));

  it("taken frequency by frequency, are the bits of the file's coder", () => {
    const statistics = initialStatistics();
    let bits = 0;
    for (const { shape, frequencyAxes, levels } of tensors) {
      const order: number[] = [];
      forEachCoded(layoutOf(shape, frequencyAxes), (offset) => order.push(offset));
      // A matrix with a row for each run along the last of the other axes.
      const length = shape.findLast((_, axis) => !frequencyAxes.includes(axis))!;
      const stride = order[1]! - order[0]!;
      const rows = Uint32Array.from({ length: order.length / length }, (_, row) => order[row * length]!);
      const columns = Uint32Array.from({ length }, (_, column) => column * stride);
      bits += bitsOf(statistics, { shape, rows, columns }, levels);
    }
    expect(Math.abs(bits / codedBits(tensors) - 1)).toBeLessThan(0.005);
  });

  it('taken output by output, come near them', () => {
    const statistics = initialStatistics();
    const bits = tensors.reduce((sum, { shape, levels }) => sum + bitsOf(statistics, byFirstAxis(shape), levels), 0);
    expect(Math.abs(bits / codedBits(tensors) - 1)).toBeLessThan(0.02);
  });

  it('see neighbours in other matrices of the same tensor', () => {
    // Two groups of a convolution: rows 0 and 1, and 2 and 3, of one tensor.
    const shape = [4, 6];
    const levels = someLevels(shape, [], 5, 9);
    const columns = Uint32Array.from({ length: 6 }, (_, column) => column);
    const whole = levelRates(initialStatistics(), byFirstAxis(shape), levels);
    const second = levelRates(initialStatistics(), { shape, rows: Uint32Array.of(12, 18), columns }, levels);
    for (let row = 0; row < 2; row++) {
      whole.beginRow(2 + row);
      second.beginRow(row);
      const own = levels.subarray(12 + 6 * row);
      for (let column = 0; column < 6; column++) {
        expect(second.contextOf(column, own, 0, 0)).toBe(whole.contextOf(column, own, 0, 0));
      }
    }
  });
});

/** Bits by the model, row after row. */
function bitsOf(statistics: LevelStatistics, places: LevelPlaces, levels: Int32Array): number {
  const { rows, columns } = places;
  const known = new Int32Array(levels.length);
  const rates = levelRates(statistics, places, known);
  let bits = 0;
  for (let row = 0; row < rows.length; row++) {
    const own = Int32Array.from(columns, (offset) => levels[rows[row]! + offset]!);
    rates.beginRow(row);
    for (let column = 0; column < columns.length; column++)
      bits += rates.bits(rates.contextOf(column, own, 0, 0), own[column]!);
    rates.endRow(own);
  }
  expect(known).toEqual(levels);
  return bits;
}
