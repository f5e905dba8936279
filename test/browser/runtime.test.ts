import { describe, expect, inject, it, vi } from 'vitest';
import {
  decodeFqz,
  FormatError,
  type LoadOptions,
  type LoadProgress,
  load,
  type Session,
  type Source,
} from '../../runtime/full.ts';
import { createSession } from '../../runtime/ort/index.ts';
import { embeddedKernels } from '../../runtime/wasm/embedded.ts';
import { convert } from '../../src/convert.ts';
import { relativeError } from '../support/relative-error.ts';
import { noise, smallModel } from '../support/small-model.ts';

const reference = inject('reference');
const bytes = Uint8Array.from(reference.bytes);

it('runs in a page, not in Node', () => {
  expect(navigator.userAgent).toContain('Chrome');
  expect(typeof document).toBe('object');
});

describe('fqz/runtime: decodeFqz', () => {
  it('rebuilds the weights that Node rebuilds from the same file', () => {
    const model = decodeFqz(bytes);
    expect([...model.weights.keys()]).toEqual(Object.keys(reference.weights));
    for (const [name, expected] of Object.entries(reference.weights)) {
      const weight = model.weight(name);
      expect(weight.length).toBe(expected.length);
      expect(relativeError(weight, expected), name).toBeLessThan(1e-6);
    }
    expect(model.graph().inputs).toEqual([{ name: 'image', dtype: 'float32', shape: [1, 3, 'H', 'W'] }]);
  });

  it('refuses a damaged file', () => {
    const damaged = bytes.slice();
    damaged[20]! ^= 4;
    expect(() => decodeFqz(damaged)).toThrow(FormatError);
  });
});

describe('fqz/runtime: load', () => {
  const { data, dims: shape } = noise([1, 3, reference.imageSize, reference.imageSize]);
  const url = URL.createObjectURL(new Blob([bytes]));

  async function expectLogits(session: Session): Promise<void> {
    const { logits } = await session.run({ image: { data, shape } });
    expect(logits!.shape).toEqual([1, 2, reference.imageSize, reference.imageSize]);
    expect(relativeError(logits!.data as Float32Array, reference.logits)).toBeLessThan(1e-5);
    session.dispose();
  }

  it('takes the relaxed build of WebAssembly', async () => {
    expect((await load(bytes)).info).toMatchObject({ backend: 'wasm', variant: 'relaxed-simd' });
  });

  it.each<[string, () => Promise<LoadOptions>]>([
    ['js', async () => ({ backend: 'js' })],
    ['wasm, relaxed SIMD', async () => ({ backend: 'wasm' })],
    ['wasm, plain SIMD', async () => ({ wasm: await WebAssembly.compile(embeddedKernels(false)) })],
  ])('computes what onnxruntime-node does: %s', async (_, options) => {
    await expectLogits(await load(bytes, await options()));
  });

  it.each<[string, () => Promise<Source> | Source]>([
    ['URL', () => url],
    ['Request', () => new Request(url)],
    ['Response', () => fetch(url)],
    ['Blob', () => new Blob([bytes])],
    ['ReadableStream', () => new Blob([bytes]).stream()],
    ['ArrayBuffer', () => bytes.slice().buffer],
  ])('loads from a %s', async (kind, source) => {
    const seen: LoadProgress[] = [];
    await expectLogits(await load(await source(), { onProgress: (progress) => seen.push(progress) }));
    expect(seen.at(-1)).toEqual({ phase: 'weights', loaded: 1, total: 1 });
    const downloaded = seen.findLast(({ phase }) => phase === 'download')?.loaded;
    expect(downloaded).toBe(kind === 'ArrayBuffer' ? undefined : bytes.length);
  });

  it('checks integrity with the digests of the page', async () => {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-384', bytes));
    const integrity = `sha384-${btoa(String.fromCharCode(...digest))}`;
    await expectLogits(await load(url, { integrity }));
    await expect(load(url, { integrity: integrity.toLowerCase() })).rejects.toThrow(FormatError);
  });

  it('keeps files in the Cache API, and fetches a damaged copy anew', async () => {
    const name = `fqz-test-${crypto.randomUUID()}`;
    const cache = await caches.open(name);
    const address = new URL('/fqz-test/model.fqz', location.href).href;
    const damaged = bytes.slice();
    damaged[20]! ^= 4;
    const realFetch = globalThis.fetch;
    const fetched = vi
      .spyOn(globalThis, 'fetch')
      .mockImplementation(async (input, init) => (input === address ? new Response(bytes) : realFetch(input, init)));
    try {
      await cache.put(address, new Response(damaged));
      await expectLogits(await load(address, { cache: name }));
      await expectLogits(await load(address, { cache: name }));
      await expectLogits(await load(address, { cache }));
      expect(fetched.mock.calls.filter(([input]) => input === address)).toHaveLength(1);
      expect(new Uint8Array(await (await cache.match(address))!.arrayBuffer())).toEqual(bytes);
    } finally {
      fetched.mockRestore();
      await caches.delete(name);
    }
  });

  it('ends a download when it is told to', async () => {
    const controller = new AbortController();
    const endless = new ReadableStream<Uint8Array>({ pull: (stream) => stream.enqueue(new Uint8Array(1000)) });
    const loading = load(endless, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(loading).rejects.toMatchObject({ name: 'AbortError' });
    await expect(load(new Blob([bytes]).stream(), { maxMemory: 100 })).rejects.toThrow(RangeError);
  });
});

describe('fqz/ort', () => {
  const image = noise([1, 3, reference.imageSize, reference.imageSize]);

  it.each(['dense', 'factored', 'auto'] as const)('computes what onnxruntime-node does: %s', async (form) => {
    const session = await createSession(bytes, { form });
    expect(session.engine).toBe('web');
    const { logits } = await session.run({ image });
    expect(logits!.dims).toEqual([1, 2, reference.imageSize, reference.imageSize]);
    expect(relativeError(logits!.data as Float32Array, reference.logits)).toBeLessThan(1e-5);
    await session.release();
  });
});

describe('convert', () => {
  it('makes of the model what it makes in Node', async () => {
    const { bytes: converted } = await convert(smallModel(), { precision: 'fp16' });
    const model = decodeFqz(converted);
    for (const [name, expected] of Object.entries(reference.weights)) {
      // Cosines may differ in their last bit, which may round a float16 coefficient the other way.
      expect(relativeError(model.weight(name), expected), name).toBeLessThan(1e-3);
    }
    expect(Math.abs(converted.length - bytes.length)).toBeLessThanOrEqual(4);
  });
});
