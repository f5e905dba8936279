import { describe, expect, it } from 'vitest';
import { RangeDecoder } from '../../../formats/fqz/range-decoder.ts';
import { RangeEncoder } from '../../../formats/fqz/range-encoder.ts';
import { random } from '../../support/random.ts';

/** Codes `bits` with one context each of `contextOf`, and returns the bytes. */
function encode(bits: number[], contextOf: (index: number) => number): Uint8Array {
  const encoder = new RangeEncoder([]);
  const contexts = new Int32Array(8);
  bits.forEach((bit, index) => {
    encoder.bit(contexts, contextOf(index), bit);
  });
  return encoder.finish();
}

function decode(bytes: Uint8Array, count: number, contextOf: (index: number) => number): number[] {
  const decoder = new RangeDecoder(bytes);
  const contexts = new Int32Array(8);
  const bits = Array.from({ length: count }, (_, index) => decoder.bit(contexts, contextOf(index)));
  decoder.finish();
  return bits;
}

const entropy = (p: number) => -(p * Math.log2(p) + (1 - p) * Math.log2(1 - p));

describe('range coder', () => {
  it.each([0.5, 0.2, 0.05, 0.98])('comes within 2 %% of the entropy of a biased source, p = %d', (p) => {
    const uniform = random(1);
    const bits = Array.from({ length: 40_000 }, () => (uniform() < p ? 1 : 0));
    const bytes = encode(bits, () => 0);
    expect(decode(bytes, bits.length, () => 0)).toEqual(bits);
    const bound = (bits.length * entropy(p)) / 8;
    expect(bytes.length).toBeGreaterThan(bound * 0.97);
    expect(bytes.length).toBeLessThan(bound * 1.02 + 8);
  });

  it('returns every short sequence, also those that end in carries or zeros', () => {
    for (let length = 0; length <= 11; length++) {
      for (let word = 0; word < 1 << length; word++) {
        const bits = Array.from({ length }, (_, index) => (word >> index) & 1);
        expect(
          decode(
            encode(bits, (i) => i % 3),
            length,
            (i) => i % 3,
          ),
        ).toEqual(bits);
      }
    }
  });

  it('mixes modelled and direct bits', () => {
    const uniform = random(2);
    for (let trial = 0; trial < 300; trial++) {
      const items = Array.from({ length: 200 }, () => {
        const width = Math.floor(uniform() * 18) - 1;
        return { width, value: width < 0 ? Number(uniform() < 0.02) : Math.floor(uniform() * 2 ** width) };
      });
      const encoder = new RangeEncoder([]);
      const written = new Int32Array(1);
      for (const { width, value } of items) width < 0 ? encoder.bit(written, 0, value) : encoder.direct(width, value);
      const spent = encoder.position;
      const bytes = encoder.finish();
      expect(bytes.length).toBeLessThanOrEqual(Math.ceil(spent / 8) + 1);
      const decoder = new RangeDecoder(bytes);
      const contexts = new Int32Array(1);
      const read = items.map(({ width }) => (width < 0 ? decoder.bit(contexts, 0) : decoder.direct(width)));
      expect(read).toEqual(items.map(({ value }) => value));
      decoder.finish();
    }
  });

  it('refuses data that end too early or go on', () => {
    const bits = Array.from({ length: 500 }, (_, index) => (index * 7919) & 1);
    const bytes = encode(bits, (i) => i % 8);
    expect(() => decode(bytes, 100_000, (i) => i % 8)).toThrow('end too early');
    const longer = new Uint8Array(bytes.length + 9);
    longer.set(bytes);
    expect(() => decode(longer, bits.length, (i) => i % 8)).toThrow('coded bytes: ');
  });
});
