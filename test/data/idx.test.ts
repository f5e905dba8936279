import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { openMnist, readIdx } from '../../src/data/idx.ts';
import { FormatError } from '../../src/errors.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';

/** An idx file as its description gives it: zeros, type, rank, big-endian dimensions, elements. */
function idxFile(shape: number[], elements: number[]): Uint8Array {
  const dims = shape.flatMap((dim) => [dim >>> 24, (dim >>> 16) & 255, (dim >>> 8) & 255, dim & 255]);
  return Uint8Array.from([0, 0, 8, shape.length, ...dims, ...elements]);
}

describe('readIdx', () => {
  it('reads dimensions and bytes', () => {
    const { shape, data } = readIdx(idxFile([2, 1, 3], [1, 2, 3, 4, 5, 255]), 'file');
    expect(shape).toEqual([2, 1, 3]);
    expect([...data]).toEqual([1, 2, 3, 4, 5, 255]);
  });

  it('refuses every truncation, and bytes too many', () => {
    const bytes = idxFile([2, 3], [1, 2, 3, 4, 5, 6]);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readIdx(bytes.subarray(0, length), 'file'), `${length} bytes`).toThrow(FormatError);
    }
    expect(() => readIdx(Uint8Array.from([...bytes, 7]), 'file')).toThrow('file holds 7 elements, its header says 6');
  });

  it('refuses other files, other element types, and dimensions beyond all bounds', () => {
    expect(() => readIdx(new TextEncoder().encode('plain text'), 'file')).toThrow('not an idx file');
    expect(() => readIdx(Uint8Array.from([0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0]), 'file')).toThrow('element type 0xd');
    expect(() => readIdx(Uint8Array.from([0, 0, 8, 255]), 'file')).toThrow('rank 255');
    expect(() => readIdx(idxFile([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], []), 'file')).toThrow(FormatError);
  });
});

describe('openMnist', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fqz-idx-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const put = (name: string, bytes: Uint8Array) => writeFileSync(join(folder, name), bytes);

  it('pairs images and labels, plain or gzipped', async () => {
    put('t10k-images-idx3-ubyte', idxFile([2, 1, 2], [10, 20, 30, 40]));
    put('t10k-labels-idx1-ubyte.gz', gzipSync(idxFile([2], [7, 3])));
    const dataset = await openMnist(folder, 'test', 'spec');
    expect(dataset.count).toBe(2);
    const { pixels, label } = await dataset.sample(1);
    expect(pixels).toMatchObject({ height: 1, width: 2, channels: 1 });
    expect([...pixels.data]).toEqual([30, 40]);
    expect(label).toBe(3);
  });

  it('says what is missing or does not match', async () => {
    await expect(openMnist(folder, 'train', 'spec')).rejects.toThrow(`idx: no file train-images-… in ${folder}`);
    put('train-images.idx3-ubyte', idxFile([2, 1, 2], [10, 20, 30, 40]));
    put('train-labels.idx1-ubyte', idxFile([3], [7, 3, 1]));
    await expect(openMnist(folder, 'train', 'spec')).rejects.toThrow('has shape [3], expected [2]');
    put('train-labels.idx1-ubyte', gzipSync(idxFile([2], [7, 3])).subarray(0, 20));
    await expect(openMnist(folder, 'train', 'spec')).rejects.toThrow(FormatError);
  });

  it.skipIf(!hasShared('data/mnist'))('reads MNIST (skipped without the shared data)', async () => {
    const [test, train] = await Promise.all(
      (['test', 'train'] as const).map((split) => openMnist(sharedPath('data/mnist'), split, split)),
    );
    expect([test!.count, train!.count]).toEqual([10_000, 60_000]);
    // The first labels of both sets, as every tutorial shows them.
    const labels = (dataset: typeof test) =>
      Promise.all(Array.from({ length: 8 }, async (_, index) => (await dataset!.sample(index)).label));
    expect(await labels(test)).toEqual([7, 2, 1, 0, 4, 1, 4, 9]);
    expect(await labels(train)).toEqual([5, 0, 4, 1, 9, 2, 1, 3]);
  });
});
