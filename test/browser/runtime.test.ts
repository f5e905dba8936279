import { describe, expect, inject, it } from 'vitest';
import { decodeFqz, FormatError } from '../../runtime/index.ts';
import { createSession } from '../../runtime/ort/index.ts';
import { convert } from '../../src/convert.ts';
import { noise, smallModel } from '../support/small-model.ts';

const reference = inject('reference');
const bytes = Uint8Array.from(reference.bytes);

/** max |a − b| / max |b|. */
function relativeDifference(actual: ArrayLike<number>, expected: readonly number[]): number {
  const difference = expected.reduce((most, value, at) => Math.max(most, Math.abs(value - actual[at]!)), 0);
  return difference / expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

it('runs in a page, not in Node', () => {
  expect(navigator.userAgent).toContain('Chrome');
  expect(typeof document).toBe('object');
});

describe('fqz/runtime', () => {
  it('rebuilds the weights that Node rebuilds from the same file', () => {
    const model = decodeFqz(bytes);
    expect([...model.weights.keys()]).toEqual(Object.keys(reference.weights));
    for (const [name, expected] of Object.entries(reference.weights)) {
      const weight = model.weight(name);
      expect(weight.length).toBe(expected.length);
      expect(relativeDifference(weight, expected), name).toBeLessThan(1e-6);
    }
    expect(model.graph().inputs).toEqual([{ name: 'image', dtype: 'float32', shape: [1, 3, 'H', 'W'] }]);
  });

  it('refuses a damaged file', () => {
    const damaged = bytes.slice();
    damaged[20]! ^= 4;
    expect(() => decodeFqz(damaged)).toThrow(FormatError);
  });
});

describe('fqz/ort', () => {
  const image = noise([1, 3, reference.imageSize, reference.imageSize]);

  it.each(['dense', 'factored', 'auto'] as const)('computes what onnxruntime-node does: %s', async (form) => {
    const session = await createSession(bytes, { form });
    expect(session.engine).toBe('web');
    const { logits } = await session.run({ image });
    expect(logits!.dims).toEqual([1, 2, reference.imageSize, reference.imageSize]);
    expect(relativeDifference(logits!.data as Float32Array, reference.logits)).toBeLessThan(1e-5);
    await session.release();
  });
});

describe('convert', () => {
  it('makes of the model what it makes in Node', async () => {
    const { bytes: converted } = await convert(smallModel(), { precision: 'fp16' });
    const model = decodeFqz(converted);
    for (const [name, expected] of Object.entries(reference.weights)) {
      // Cosines may differ in their last bit, which may round a float16 coefficient the other way.
      expect(relativeDifference(model.weight(name), expected), name).toBeLessThan(1e-3);
    }
    expect(Math.abs(converted.length - bytes.length)).toBeLessThanOrEqual(4);
  });
});
