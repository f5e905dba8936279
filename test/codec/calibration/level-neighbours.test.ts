import { describe, expect, it } from 'vitest';
import { type LevelPlaces, levelNeighbours } from '../../../src/codec/calibration/level-neighbours.ts';
import { stridesOf } from '../../../src/codec/einsum.ts';
import { random } from '../../support/random.ts';

/** Sum and weight of the magnitudes next to an entry, word for word from formats/fqz/SPEC.md, "Levels". */
function neighboursBySpec(shape: readonly number[], levels: Int32Array, offset: number): [number, number] {
  let [sum, weight] = [0, 0];
  stridesOf(shape).forEach((stride, axis) => {
    const i = Math.floor(offset / stride) % shape[axis]!;
    if (i >= 1) [sum, weight] = [sum + 2 * Math.abs(levels[offset - stride]!), weight + 2];
    if (i >= 2) [sum, weight] = [sum + Math.abs(levels[offset - 2 * stride]!), weight + 1];
  });
  return [sum, weight];
}

const range = (count: number, step: number) => Array.from({ length: count }, (_, at) => at * step);

/** Offsets of all combinations. */
const sums = (...axes: number[][]) =>
  axes.reduce((offsets, axis) => offsets.flatMap((offset) => axis.map((more) => offset + more)), [0]);

const placed = (shape: number[], rows: number[], columns: number[]): LevelPlaces => ({
  shape,
  rows: Uint32Array.from(rows),
  columns: Uint32Array.from(columns),
});

describe('levelNeighbours', () => {
  const cases: [string, LevelPlaces[]][] = [
    ['a convolution', [placed([5, 4, 3, 3], range(5, 36), range(36, 1))]],
    ['a matrix of inputs by outputs', [placed([6, 7], range(7, 1), range(6, 7))]],
    [
      'a transposed convolution of two groups',
      [0, 1].map((group) => placed([6, 5, 3, 2], sums([group * 90], range(5, 6)), sums(range(3, 30), range(6, 1)))),
    ],
    ['a depthwise convolution', range(4, 1).map((group) => placed([4, 1, 3, 3], [9 * group], range(9, 1)))],
    ['columns frequency by frequency', [placed([5, 4, 2, 3], range(5, 24), sums(range(6, 1), range(4, 6)))]],
  ];

  it.each(cases)('are those of the file in %s', (_, matrices) => {
    const { shape } = matrices[0]!;
    const next = random(1);
    const size = shape.reduce((product, length) => product * length, 1);
    const all = Int32Array.from({ length: size }, () => Math.round((8 * next()) ** 3 / 16) - 2);
    const known = new Int32Array(size);
    let seen = 0;
    for (const places of matrices) {
      const { beginRow, sumOf, weights } = levelNeighbours(places);
      places.rows.forEach((start, row) => {
        beginRow(row, known);
        // The row stands somewhere in a longer array, and what is behind a column is not known yet.
        const own = new Int32Array(3 + places.columns.length).fill(1000);
        places.columns.forEach((offset, column) => {
          const at = start + offset;
          expect([sumOf(column, own, 3), weights[column]]).toEqual(neighboursBySpec(shape, all, at));
          own[3 + column] = all[at]!;
          seen++;
        });
        for (const offset of places.columns) known[start + offset] = all[start + offset]!;
      });
    }
    expect(seen).toBe(size);
  });
});
