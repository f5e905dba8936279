/**
 * HDF5 as h5wasm writes it, read through the few functions that the reader of models has.
 */
import type { File } from 'h5wasm';
import { describe, expect, it } from 'vitest';
import { type Hdf5File, withHdf5 } from '../../../formats/keras/hdf5.ts';
import { FormatError, UnsupportedError } from '../../../src/errors.ts';
import { hdf5 } from './keras-file.ts';

async function reading<Result>(fill: (file: File) => void, read: (file: Hdf5File) => Result): Promise<Result> {
  return withHdf5(await hdf5(fill), read);
}

describe('attributes', () => {
  it('are texts of variable or fixed length, alone or in lists', async () => {
    const texts = await reading(
      (file) => {
        file.create_attribute('variable', 'größer');
        file.create_attribute('fixed', 'tensorflow', [], 'S10');
        file.create_attribute('padded', 'abc', [], 'S8');
        file.create_attribute('list', ['a', 'bcd'], [2], 'S3');
        file.create_attribute('variable list', ['', 'one', 'two']);
        file.create_attribute('none', new Float64Array(0), [0]);
      },
      (file) =>
        ['variable', 'fixed', 'padded', 'list', 'variable list', 'none', 'absent'].map((name) => file.texts('/', name)),
    );
    expect(texts).toEqual([['größer'], ['tensorflow'], ['abc'], ['a', 'bcd'], ['', 'one', 'two'], [], undefined]);
  });

  it('that are numbers are refused', async () => {
    const fill = (file: File) => file.create_attribute('keras_version', Float64Array.of(2), [1]);
    await expect(reading(fill, (file) => file.texts('/', 'keras_version'))).rejects.toThrow(
      new FormatError('Keras', 'attribute keras_version of / is not text'),
    );
  });
});

describe('arrays', () => {
  it.each([
    ['<f', Float32Array.of(1.5, -2, 3)],
    ['<d', Float64Array.of(1.5, -2, 3)],
    ['<i', Int32Array.of(1, -2, 3)],
    ['<B', Uint8Array.of(1, 2, 255)],
    ['<q', BigInt64Array.of(1n, -2n, 3n)],
  ])('of type %s become float32', async (dtype, data) => {
    const array = await reading(
      (file) => file.create_dataset({ name: 'array', data, dtype }),
      (file) => file.array('/array'),
    );
    expect(array).toEqual({ shape: [3], values: Float32Array.from(data as Iterable<number>, Number) });
  });

  it('keep their shape, without axes and in compressed chunks too', async () => {
    const data = Float32Array.from({ length: 600 }, (_, index) => index % 7);
    const arrays = await reading(
      (file) => {
        file.create_dataset({ name: 'scalar', data: Float32Array.of(7), shape: [] });
        file.create_dataset({ name: 'chunked', data, shape: [20, 30], chunks: [7, 8], compression: 'gzip' });
        file.create_dataset({ name: 'empty', data: new Float32Array(0), shape: [0, 4] });
      },
      (file) => ['scalar', 'chunked', 'empty'].map((name) => file.array(`/${name}`)),
    );
    expect(arrays).toEqual([
      { shape: [], values: Float32Array.of(7) },
      { shape: [20, 30], values: data },
      { shape: [0, 4], values: new Float32Array(0) },
    ]);
  });

  it('that are not there, or hold no numbers, are refused', async () => {
    const fill = (file: File) => {
      file.create_group('group');
      file.create_dataset({ name: 'texts', data: ['a', 'b'] });
    };
    await expect(reading(fill, (file) => file.array('/group'))).rejects.toThrow(FormatError);
    await expect(reading(fill, (file) => file.array('/absent'))).rejects.toThrow('the HDF5 file has no array /absent');
    await expect(reading(fill, (file) => file.array('/texts'))).rejects.toThrow(UnsupportedError);
  });

  it.each([
    ['in chunks', { chunks: [100, 100] }],
    ['in compressed chunks', { chunks: [1000, 1000], compression: 'gzip' as const }],
  ])('that declare more than their file can hold are refused: %s', async (_, options) => {
    const fill = (file: File) => {
      const data = new Float32Array(1);
      const dataset = file.create_dataset({ name: 'huge', data, shape: [1, 1], maxshape: [null, null], ...options });
      dataset.resize([60_000, 50_000]);
    };
    const bytes = await hdf5(fill);
    const before = process.memoryUsage().rss;
    await expect(withHdf5(bytes, (file) => file.array('/huge'))).rejects.toThrow(
      /^Keras: \/huge declares 12000000000 bytes, more than a file of \d+ bytes can hold$/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28);
  });
});

describe('groups', () => {
  it('list what is in them', async () => {
    const seen = await reading(
      (file) => {
        file.create_group('b').create_group('c');
        file.create_dataset({ name: 'a', data: Float32Array.of(1) });
        file.create_soft_link('/nowhere', 'broken');
      },
      (file) => ({
        root: file.children('/'),
        inner: file.children('/b'),
        none: file.children('/a'),
        kinds: ['/a', '/b', '/b/c', '/broken', '/x'].map((path) => file.kind(path)),
      }),
    );
    expect(seen).toEqual({
      root: ['a', 'b', 'broken'],
      inner: ['c'],
      none: [],
      kinds: ['dataset', 'group', 'group', undefined, undefined],
    });
  });
});

describe('the library', () => {
  it('says nothing of what is damaged, and can be used again afterwards', async () => {
    const bytes = await hdf5((file) => file.create_dataset({ name: 'a', data: Float32Array.of(1) }));
    await expect(withHdf5(bytes.slice(0, 200), () => 0)).rejects.toThrow(FormatError);
    expect(await withHdf5(bytes, (file) => file.array('/a').values)).toEqual(Float32Array.of(1));
  });

  it('may not take memory without end, and memories grow as ever afterwards', async () => {
    const bytes = await hdf5((file) => file.create_attribute('text', 'x'.repeat(4000)));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    // The length of the text stands before the address of the heap that it is in.
    const at = Array.from({ length: bytes.length / 4 }, (_, word) => word * 4).find(
      (place) => view.getUint32(place, true) === 4001 || view.getUint32(place, true) === 4000,
    )!;
    expect(at).toBeGreaterThan(8);
    view.setUint32(at, 0x7a000000, true);
    const before = process.memoryUsage().rss;
    await expect(withHdf5(bytes, (file) => file.texts('/', 'text'))).rejects.toThrow(FormatError);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28);
    const memory = new WebAssembly.Memory({ initial: 1 });
    expect(memory.grow(4000)).toBe(1);
  });

  it.each([
    ['that is free and empty', 0n],
    ['that leads back in 32 bits', 0x766e_0000_0000_0000n],
    ['that is longer than its heap', 5000n],
  ])('sees no heap with an object %s, at which it would not end', async (_, size) => {
    const bytes = await hdf5((file) => file.create_attribute('text', 'x'.repeat(100)));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const heap = Buffer.from(bytes).indexOf('GCOL');
    view.setUint16(heap + 16, 0, true);
    view.setBigUint64(heap + 24, size, true);
    await expect(withHdf5(bytes, (file) => file.texts('/', 'text'))).rejects.toThrow(/an object does not fit its heap/);
  });
});
