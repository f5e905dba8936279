import { describe, expect, it } from 'vitest';
import { openCifar10, readCifar10 } from '../../src/data/cifar10.ts';
import { FormatError } from '../../src/errors.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';

const RECORD = 3073;

describe('readCifar10', () => {
  it('interleaves the colour planes', async () => {
    const bytes = new Uint8Array(2 * RECORD);
    bytes[RECORD] = 9;
    bytes.fill(10, RECORD + 1, RECORD + 1 + 1024);
    bytes.fill(20, RECORD + 1 + 1024, RECORD + 1 + 2048);
    bytes.fill(30, RECORD + 1 + 2048);
    bytes[2 * RECORD - 1] = 31;
    const dataset = readCifar10(bytes, 'file', 'spec');
    expect(dataset.count).toBe(2);
    const { pixels, label } = await dataset.sample(1);
    expect(label).toBe(9);
    expect(pixels).toMatchObject({ height: 32, width: 32, channels: 3 });
    expect([...pixels.data.subarray(0, 6)]).toEqual([10, 20, 30, 10, 20, 30]);
    expect(pixels.data.at(-1)).toBe(31);
  });

  it('refuses a file of another length and labels beyond 9', () => {
    expect(() => readCifar10(new Uint8Array(0), 'file', 'spec')).toThrow(FormatError);
    expect(() => readCifar10(new Uint8Array(RECORD + 1), 'file', 'spec')).toThrow('file has 3074 bytes');
    const bytes = new Uint8Array(2 * RECORD);
    bytes[RECORD] = 10;
    expect(() => readCifar10(bytes, 'file', 'spec')).toThrow('label 10, expected 0 to 9 (at byte 3073)');
  });

  it.skipIf(!hasShared('data/cifar10'))(
    'reads the shared test file, 200 of each class (skipped without it)',
    async () => {
      const dataset = await openCifar10(sharedPath('data/cifar10/test_2000.bin.gz'), 'spec');
      const counts = new Array<number>(10).fill(0);
      for (let index = 0; index < dataset.count; index++) counts[(await dataset.sample(index)).label!]!++;
      expect(counts).toEqual(new Array(10).fill(200));
    },
  );
});
