import { describe, expect, it } from 'vitest';
import { forEachInZigzag, indexSums, zigzagOrder } from '../../src/codec/zigzag.ts';

/** The entries of a box sorted as the paper defines: by the sum of the indices, then by the first index, then the second, … */
function sorted(shape: number[]): number[][] {
  const all = shape.reduce<number[][]>(
    (some, size) => some.flatMap((p) => Array.from({ length: size }, (_, i) => [...p, i])),
    [[]],
  );
  const sum = (index: number[]) => index.reduce((a, b) => a + b, 0);
  const byIndex = (a: number[], b: number[]): number => {
    const axis = a.findIndex((value, at) => value !== b[at]);
    return axis < 0 ? 0 : a[axis]! - b[axis]!;
  };
  return all.sort((a, b) => sum(a) - sum(b) || byIndex(a, b));
}

const SHAPES = [[], [1], [5], [3, 4], [1, 6], [2, 3, 4], [4, 1, 3], [3, 2, 2, 3], [7, 5, 3, 3]];

describe('zigzag order', () => {
  it('begins as one counts on a checkered sheet', () => {
    const visited: string[] = [];
    forEachInZigzag([3, 4], [0, 1], 9, (_, index) => visited.push(index.join('')));
    expect(visited.join(' ')).toBe('00 01 10 02 11 20 03 12 21');
    const cube: string[] = [];
    forEachInZigzag([2, 2, 2], [0, 1, 2], 8, (_, index) => cube.push(index.join('')));
    expect(cube.join(' ')).toBe('000 001 010 100 011 101 110 111');
  });

  it.each(SHAPES.map((shape) => [shape]))('of a box %j is by index sum, ties by the first axis', (shape) => {
    const expected = sorted(shape);
    const offsets = expected.map((index) => index.reduce((offset, at, axis) => offset * shape[axis]! + at, 0));
    expect([...zigzagOrder(shape)]).toEqual(offsets);
    for (const count of [0, 1, 3, expected.length, expected.length + 5]) {
      const visited: number[][] = [];
      forEachInZigzag(shape, [...shape.keys()], count, (offset, index) => {
        expect(offset).toBe(offsets[visited.length]);
        visited.push([...index]);
      });
      expect(visited).toEqual(expected.slice(0, count));
    }
    const sums = indexSums(shape);
    expect(sums).toHaveLength(expected.length);
    expected.forEach((index, place) => {
      expect(sums[offsets[place]!]).toBe(index.reduce((a, b) => a + b, 0));
    });
  });

  it('has all other indices under each of the frequencies', () => {
    const visited: string[] = [];
    forEachInZigzag([2, 3, 2], [1], 2, (offset, index) => visited.push(`${index.join('')}@${offset}`));
    expect(visited.join(' ')).toBe('000@0 001@1 100@6 101@7 010@2 011@3 110@8 111@9');
    visited.length = 0;
    forEachInZigzag([2, 2, 3], [0, 2], 3, (_, index) => visited.push(index.join('')));
    expect(visited.join(' ')).toBe('000 010 001 011 100 110');
    visited.length = 0;
    forEachInZigzag([2, 2], [], 1, (offset) => visited.push(`${offset}`));
    expect(visited.join(' ')).toBe('0 1 2 3');
  });

  it('of an empty box is empty', () => expect(zigzagOrder([3, 0]).length).toBe(0));
});
