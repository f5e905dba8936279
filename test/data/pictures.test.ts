import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openImages } from '../../src/data/images.ts';
import { coverSize } from '../../src/data/picture.ts';
import { openSegmentation } from '../../src/data/segmentation.ts';
import { FormatError } from '../../src/errors.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';

const folder = mkdtempSync(join(tmpdir(), 'fqz-pictures-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a picture of one colour, or of these pixels. */
async function put(path: string, width: number, height: number, channels: 1 | 3 | 4, values: number[]): Promise<void> {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  const data = Uint8Array.from({ length: width * height * channels }, (_, index) => values[index % values.length]!);
  await sharp(data, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .toFile(join(folder, path));
}

describe('openImages', () => {
  it('takes pictures in the order of their names, with the leading number as the class', async () => {
    await put('classes/0010_brambling.png', 3, 2, 3, [1, 2, 3]);
    await put('classes/0002_shark.webp', 8, 8, 3, [50, 60, 70]);
    await put('classes/cat.png', 2, 2, 3, [0, 0, 0]);
    writeFileSync(join(folder, 'classes/notes.txt'), 'not a picture');
    const dataset = await openImages(join(folder, 'classes'), 'spec');
    const samples = await Promise.all([0, 1, 2].map((index) => dataset.sample(index)));
    expect(dataset.count).toBe(3);
    expect(samples.map(({ name }) => name)).toEqual(['0002_shark.webp', '0010_brambling.png', 'cat.png']);
    expect(samples.map(({ label }) => label)).toEqual([2, 10, undefined]);
    expect(samples[1]!.pixels).toMatchObject({ width: 3, height: 2, channels: 3 });
    expect([...samples[1]!.pixels.data]).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
  });

  it('makes RGB of grey and drops transparency', async () => {
    await put('kinds/0_grey.png', 2, 1, 1, [7, 9]);
    await put('kinds/1_alpha.png', 1, 1, 4, [10, 20, 30, 0]);
    const dataset = await openImages(join(folder, 'kinds'), 'spec');
    expect([...(await dataset.sample(0)).pixels.data]).toEqual([7, 7, 7, 9, 9, 9]);
    expect([...(await dataset.sample(1)).pixels.data]).toEqual([10, 20, 30]);
  });

  it('says what it cannot read', async () => {
    mkdirSync(join(folder, 'empty'));
    await expect(openImages(join(folder, 'empty'), 'spec')).rejects.toThrow(FormatError);
    await expect(openImages(join(folder, 'absent'), 'spec')).rejects.toThrow('ENOENT');
    mkdirSync(join(folder, 'broken'));
    writeFileSync(join(folder, 'broken/1.jpg'), 'no JPEG');
    const dataset = await openImages(join(folder, 'broken'), 'spec');
    await expect(dataset.sample(0)).rejects.toThrow(/^image: [^\n]*1\.jpg cannot be decoded \([^\n]*\)$/);
  });
});

describe('openSegmentation', () => {
  beforeAll(async () => {
    for (const name of ['a1', 'a2']) await put(`seg/images/${name}.png`, 2, 2, 3, [9, 9, 9]);
  });

  it.each([
    ['same names', ['a1.png', 'a2.png', 'other.png']],
    ['a suffix', ['a1_mask.png', 'a2_mask.png']],
    ['the last number', ['gt0.01.png', 'gt0.02.png'].map((name) => name.replace('0.0', ''))],
  ])('pairs by %s', async (_, names) => {
    const masks = `seg/${names.join('-')}`;
    for (const [index, name] of names.entries()) await put(`${masks}/${name}`, 2, 2, 1, [0, index + 1, 0, 0]);
    const dataset = await openSegmentation(join(folder, 'seg/images'), join(folder, masks), 'spec');
    expect(dataset.count).toBe(2);
    const { name, mask } = await dataset.sample(1);
    expect(name).toBe('a2.png');
    expect(mask).toMatchObject({ width: 2, height: 2, channels: 1 });
    expect([...mask!.data]).toEqual([0, 2, 0, 0]);
  });

  it('refuses pictures without a mask and masks of another size', async () => {
    await put('seg/one/a1.png', 2, 2, 1, [0]);
    await expect(openSegmentation(join(folder, 'seg/images'), join(folder, 'seg/one'), 'spec')).rejects.toThrow(
      'a2.png',
    );
    await put('seg/large/a1.png', 3, 2, 1, [0]);
    await put('seg/large/a2.png', 3, 2, 1, [0]);
    const dataset = await openSegmentation(join(folder, 'seg/images'), join(folder, 'seg/large'), 'spec');
    await expect(dataset.sample(0)).rejects.toThrow('mask a1.png is 3×2, its picture a1.png 2×2');
  });

  const UNET = 'models/unet-759';
  it.skipIf(!hasShared(UNET))('pairs the sample images of the paper (skipped without the shared models)', async () => {
    const dataset = await openSegmentation(sharedPath(`${UNET}/images`), sharedPath(`${UNET}/masks`), 'spec');
    expect(dataset.count).toBe(8);
    const { name, pixels, mask } = await dataset.sample(3);
    expect(name).toBe('in0003.png');
    expect([pixels.width, pixels.height, mask!.width, mask!.height]).toEqual([959, 640, 959, 640]);
    expect([...new Set(mask!.data)].sort()).toEqual([0, 255]);
  });
});

describe('coverSize', () => {
  it('cuts the middle of what does not fit', async () => {
    // Three vertical stripes: the middle square is the second.
    const data = Uint8Array.from({ length: 12 * 4 }, (_, index) => 100 * Math.floor((index % 12) / 4));
    const middle = await coverSize({ width: 12, height: 4, channels: 1, data }, 4, 4);
    expect(middle).toMatchObject({ width: 4, height: 4, channels: 1 });
    expect(new Set(middle.data)).toEqual(new Set([100]));
  });

  it('leaves masks with the values that they had', async () => {
    const data = Uint8Array.from({ length: 25 }, (_, index) => (index % 2 === 0 ? 255 : 0));
    const mask = await coverSize({ width: 5, height: 5, channels: 1, data }, 9, 9, 'nearest');
    expect([...new Set(mask.data)].sort()).toEqual([0, 255]);
  });
});
