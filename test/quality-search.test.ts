import { describe, expect, it } from 'vitest';
import { searchLowest, searchSize } from '../src/quality-search.ts';

/** Files that are nothing but a size, and how many were made. */
function maker(bytesOf: (quality: number) => number) {
  const made: number[] = [];
  const at = async (quality: number) => {
    expect(quality).toBeGreaterThanOrEqual(1);
    expect(quality).toBeLessThanOrEqual(100);
    made.push(quality);
    return { quality, bytes: Math.round(bytesOf(quality)) };
  };
  return { made, at };
}

/** Bytes by quality, as they could be. */
const CURVES: Record<string, (quality: number) => number> = {
  'a power of the error': (quality) => 9000 * ((101 - quality) / 100) ** -0.7,
  'a line': (quality) => 500 + 1200 * quality,
  'a stair': (quality) => 4000 + 1000 * Math.floor(quality / 2),
  'a cliff': (quality) => (quality < 97 ? 5000 + quality : 300_000),
};

describe('searchSize', () => {
  const search = { steps: 12, unused: 0.01, start: 70 };
  const sizeAt = (curve: keyof typeof CURVES, size: number, made = maker(CURVES[curve]!)) =>
    searchSize(size, made.at, ({ bytes }) => bytes, search).then((file) => ({ ...file, files: made.made.length }));

  it.each(['a power of the error', 'a line'])('finds the file in a few steps: %s', async (curve) => {
    for (const size of [12_000, 31_000, 55_000, 100_000]) {
      const { bytes, files } = await sizeAt(curve, size);
      expect(bytes).toBeLessThanOrEqual(size);
      expect(bytes).toBeGreaterThan(0.99 * size);
      expect(files).toBeLessThanOrEqual(10);
    }
  });

  it.each(['a stair', 'a cliff'])('never exceeds the size, nor the number of files: %s', async (curve) => {
    for (const size of [6000, 20_000, 50_500]) {
      const { bytes, files } = await sizeAt(curve, size);
      expect(bytes).toBeLessThanOrEqual(size);
      expect(files).toBeLessThanOrEqual(12);
    }
    expect((await sizeAt('a stair', 30_500)).bytes).toBe(30_000);
  });

  it('takes the finest where that fits', async () => {
    expect((await sizeAt('a line', 1e9)).quality).toBe(100);
  });

  it('takes the coarsest where nothing else fits, and says what it has where not even that does', async () => {
    expect((await sizeAt('a line', 1700)).quality).toBe(1);
    await expect(sizeAt('a line', 1699)).rejects.toThrow('1699 bytes cannot be reached: the coarsest file has 1700');
    await expect(sizeAt('a line', 1699)).rejects.toThrow(RangeError);
  });
});

describe('searchLowest', () => {
  it('finds the lowest quality that suits', async () => {
    for (const least of [99, 90, 62, 30, 5]) {
      const { at, made } = maker((quality) => quality);
      const { quality } = await searchLowest(at, async (file) => file.quality >= least);
      expect(quality).toBeGreaterThanOrEqual(least);
      expect(quality).toBeLessThan(least + 0.08 * (101 - least));
      expect(made.length).toBeLessThan(10);
    }
  });

  it('tries the finest before it gives up', async () => {
    const { at } = maker((quality) => quality);
    expect((await searchLowest(at, async (file) => file.quality === 100)).quality).toBe(100);
    await expect(searchLowest(at, async () => false)).rejects.toThrow(RangeError);
  });
});
