import { describe, expect, it } from 'vitest';
import { forEachCoded } from '../../../formats/fqz/coded-order.ts';
import { levelsCode } from '../../../formats/fqz/levels-code.ts';
import { RangeEncoder } from '../../../formats/fqz/range-encoder.ts';
import { initialStatistics, type LevelPlaces, levelRates } from '../../../src/codec/calibration/rate-model.ts';
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

  it("in the file's order, are the bits of the file's coder", () => {
    const statistics = initialStatistics();
    let bits = 0;
    for (const { shape, frequencyAxes, levels } of tensors) {
      const known = new Int32Array(levels.length);
      // A matrix of one row, so that any order of entries can be gone through.
      const places = { shape, rows: Uint32Array.of(0), columns: Uint32Array.from(levels, (_, at) => at) };
      const rates = levelRates(statistics, places, known);
      forEachCoded(layoutOf(shape, frequencyAxes), (offset) => {
        const context = rates.contextOf(0, offset);
        bits += rates.bits(context, levels[offset]!);
        rates.put(0, offset, context, levels[offset]!);
      });
      expect(known).toEqual(levels);
    }
    expect(Math.abs(bits / codedBits(tensors) - 1)).toBeLessThan(0.003);
  });

  it('row after row, come near them', () => {
    const statistics = initialStatistics();
    let bits = 0;
    for (const { shape, levels } of tensors) {
      const places = byFirstAxis(shape);
      const rates = levelRates(statistics, places, new Int32Array(levels.length));
      for (let row = 0; row < places.rows.length; row++) {
        for (let column = 0; column < places.columns.length; column++) {
          const level = levels[places.rows[row]! + places.columns[column]!]!;
          const context = rates.contextOf(row, column);
          bits += rates.bits(context, level);
          rates.put(row, column, context, level);
        }
      }
    }
    expect(Math.abs(bits / codedBits(tensors) - 1)).toBeLessThan(0.02);
  });

  it('see neighbours in other matrices of the same tensor', () => {
    // Two groups of a convolution: rows 0 and 1, and 2 and 3, of one tensor.
    const shape = [4, 6];
    const levels = someLevels(shape, [], 5, 9);
    const columns = Uint32Array.from({ length: 6 }, (_, column) => column);
    const whole = levelRates(initialStatistics(), byFirstAxis(shape), levels);
    const second = levelRates(initialStatistics(), { shape, rows: Uint32Array.of(12, 18), columns }, levels);
    for (let column = 0; column < 6; column++) {
      expect(second.contextOf(0, column)).toBe(whole.contextOf(2, column));
      expect(second.contextOf(1, column)).toBe(whole.contextOf(3, column));
    }
  });
});
