import { describe, expect, it } from 'vitest';
import { cosineMatrix } from '../../src/codec/cosines.ts';
import { dct, idct } from '../../src/codec/dct.ts';

/** The definition, multiplied out along one axis: the reference that the fast transform is held against. */
function byDefinition(values: Float64Array, shape: number[], axis: number): Float64Array {
  const size = shape[axis]!;
  const matrix = cosineMatrix(size, size);
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const result = new Float64Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const k = Math.floor(at / inner) % size;
    const base = at - k * inner;
    for (let x = 0; x < size; x++) result[at]! += matrix[k * size + x]! * values[base + x * inner]!;
  }
  return result;
}

const noise = (length: number) => Float64Array.from({ length }, (_, i) => Math.sin(12.9898 * i * i + i) * 3);
const distance = (a: Float64Array, b: Float64Array) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

describe('orthonormal DCT-II', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 12, 20, 50, 64, 65, 67, 100, 126, 127, 134, 160, 211, 500, 800, 1021])(
    'equals its definition for n = %i',
    (size) => {
      for (const [shape, axis] of [
        [[size, 3], 0],
        [[2, size], 1],
      ] as [number[], number][]) {
        const values = noise(shape.reduce((a, b) => a * b));
        const fast = values.slice();
        dct(fast, shape, [axis]);
        expect(distance(fast, byDefinition(values, shape, axis))).toBeLessThan(1e-9);
        idct(fast, shape, [axis]);
        expect(distance(fast, values)).toBeLessThan(1e-9);
      }
    },
  );

  it('has the closed form of a type-II cosine: one basis row gives one coefficient', () => {
    const size = 96;
    const row = cosineMatrix(size, size).slice(7 * size, 8 * size);
    dct(row, [size], [0]);
    expect(row[7]).toBeCloseTo(1, 12);
    expect(
      distance(
        row,
        Float64Array.from(row, (_, k) => (k === 7 ? 1 : 0)),
      ),
    ).toBeLessThan(1e-12);
  });

  it('keeps energy over several axes and leaves the others alone', () => {
    const shape = [6, 5, 3, 3];
    const values = noise(270);
    const spatial = values.slice();
    dct(spatial, shape, [2, 3]);
    expect(distance(spatial, byDefinition(byDefinition(values, shape, 2), shape, 3))).toBeLessThan(1e-12);
    const full = values.slice();
    dct(full, shape, [0, 1, 2, 3]);
    const energy = (array: Float64Array) => array.reduce((sum, value) => sum + value * value, 0);
    expect(energy(full)).toBeCloseTo(energy(values), 8);
  });
});
