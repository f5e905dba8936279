/**
 * From a source to outputs, on every backend that Node has: options, integrity, cache, several sessions.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type Backend,
  FormatError,
  type LoadProgress,
  load,
  type Session,
  UnsupportedError,
} from '../../runtime/full.ts';
import { load as loadOnWasm } from '../../runtime/index.ts';
import { createSession } from '../../runtime/ort/index.ts';
import { embeddedKernels } from '../../runtime/wasm/embedded.ts';
import { noise } from '../support/small-model.ts';

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/v1/${name}.fqz`, import.meta.url)));
const DIGITS = fixture('digits-cnn.fp16');
const image = noise([2, 1, 28, 28]).data;
const URL_OF_DIGITS = 'https://example.test/digits.fqz';

/** What onnxruntime gives for the image. */
let expected: Float32Array;

beforeAll(async () => {
  const session = await createSession(DIGITS, { engine: 'node', form: 'dense' });
  expected = (await session.run({ image })).scores!.data as Float32Array;
  await session.release();
});

afterEach(() => vi.unstubAllGlobals());

async function expectDigits(session: Session): Promise<void> {
  const { scores } = await session.run({ image });
  expect(scores).toMatchObject({ dtype: 'float32', shape: [2, 10] });
  const largest = Math.max(...expected.map(Math.abs));
  expected.forEach((value, at) => {
    expect(Math.abs(value - (scores!.data[at] as number)) / largest).toBeLessThan(1e-5);
  });
}

const damaged = (bytes: Uint8Array) => bytes.map((byte, at) => (at === 30 ? byte ^ 1 : byte));
const sha = (bytes: Uint8Array) => `sha384-${createHash('sha384').update(bytes).digest('base64')}`;

describe('backends', () => {
  it.each<Backend>(['auto', 'wasm', 'js'])('%s computes what onnxruntime does', async (backend) => {
    const session = await load(DIGITS, { backend });
    expect(session.info).toMatchObject({
      backend: backend === 'js' ? 'js' : 'wasm',
      fileBytes: DIGITS.length,
      width: 1,
    });
    await expectDigits(session);
    const { memory, plan } = session.info;
    expect(memory.weights).toBeGreaterThan(1000);
    expect(memory.activations).toBeGreaterThan(4 * image.length);
    expect(memory.total).toBeGreaterThanOrEqual(memory.weights + memory.activations);
    expect(Object.values(plan!.kernels).reduce((sum, count) => sum + count)).toBe(plan!.steps);
    session.dispose();
  });

  it('has the weights in place before the first run', async () => {
    const { memory } = (await load(DIGITS)).info;
    expect(memory.weights).toBeGreaterThan(1000);
  });

  it('names the builds that have webgpu, and no others', async () => {
    await expect(load(DIGITS, { backend: 'webgpu' })).rejects.toThrow(UnsupportedError);
    await expect(load(DIGITS, { backend: 'webgpu' })).rejects.toThrow('WebGPU is not available here');
    await expect(loadOnWasm(DIGITS, { backend: 'webgpu' })).rejects.toThrow('fqz/runtime/webgpu');
    await expect(load(DIGITS, { backend: 'cuda' as Backend })).rejects.toThrow(TypeError);
  });

  const forbidden = () => Promise.reject(new WebAssembly.CompileError('blocked by the content security policy'));
  it.each([
    ['without WebAssembly', undefined],
    [
      'where its compilation is forbidden',
      { ...WebAssembly, validate: () => true, compile: forbidden, instantiate: forbidden, Memory: WebAssembly.Memory },
    ],
  ])('auto goes on in JavaScript %s', async (_, replacement) => {
    vi.stubGlobal('WebAssembly', replacement);
    const session = await load(DIGITS);
    expect(session.info).toMatchObject({ backend: 'js', fallback: expect.stringMatching(/./) });
    await expectDigits(session);
    await expect(load(DIGITS, { backend: 'wasm' })).rejects.toThrow();
  });

  const build = embeddedKernels(false);
  it('take a WebAssembly build as module, bytes or from a URL', async () => {
    const url = `data:application/wasm;base64,${Buffer.from(build).toString('base64')}`;
    for (const wasm of [await WebAssembly.compile(build), build, url, new Response(build)]) {
      const session = await load(DIGITS, { wasm, backend: 'wasm' });
      expect(session.info).toMatchObject({ backend: 'wasm', variant: 'simd' });
      await expectDigits(session);
    }
  });

  it('do not go on without a build that should be there', async () => {
    const wasm = new Response('', { status: 404 });
    await expect(load(DIGITS, { wasm })).rejects.toMatchObject({ name: 'NetworkError' });
    expect((await load(DIGITS, { wasm: Uint8Array.of(1, 2) })).info.backend).toBe('js');
  });
});

describe('options', () => {
  it('are checked before anything is read', async () => {
    const unread = new ReadableStream<Uint8Array>();
    await expect(load(unread, { width: 0 })).rejects.toThrow(RangeError);
    await expect(load(unread, { width: 2 })).rejects.toThrow(RangeError);
    await expect(load(unread, { maxMemory: Number.NaN })).rejects.toThrow(RangeError);
    await expect(load(unread, { integrity: 'sha1-AAAA' })).rejects.toThrow(TypeError);
    expect(unread.locked).toBe(false);
  });

  it('progress tells every phase, in order and to its end', async () => {
    const seen: LoadProgress[] = [];
    const headers = { 'content-length': `${DIGITS.length}` };
    await load(new Response(DIGITS.slice(), { headers }), { onProgress: (progress) => seen.push(progress) });
    expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(['download', 'compile', 'plan', 'weights']);
    for (const phase of ['download', 'compile', 'plan', 'weights']) {
      const { loaded, total } = seen.findLast((progress) => progress.phase === phase)!;
      expect(loaded).toBe(total);
    }
  });

  it('a signal ends loading in any phase', async () => {
    for (const phase of ['download', 'compile']) {
      const controller = new AbortController();
      const onProgress = (progress: LoadProgress) => {
        if (progress.phase === phase) controller.abort(new Error(`in ${phase}`));
      };
      const loading = load(new Blob([DIGITS.slice()]), { signal: controller.signal, onProgress });
      await expect(loading).rejects.toThrow(`in ${phase}`);
    }
  });

  it('maxMemory holds for file, weights and activations', async () => {
    await expect(load(new Blob([DIGITS.slice()]), { maxMemory: 1000 })).rejects.toThrow(/1000 bytes that maxMemory/);
    const { memory } = (await load(DIGITS, { backend: 'js' })).info;
    const session = await load(DIGITS, { backend: 'js', maxMemory: memory.total });
    await session.run({ image: noise([1, 1, 28, 28]).data });
    const many = { data: new Float32Array(1000 * 784), shape: [1000, 1, 28, 28] };
    await expect(session.run({ image: many })).rejects.toThrow(/maxMemory allows/);
    // And is none the worse for it.
    await session.run({ image: noise([1, 1, 28, 28]).data });
  });

  it('integrity is checked first', async () => {
    await expectDigits(await load(DIGITS, { integrity: sha(DIGITS) }));
    await expect(load(damaged(DIGITS), { integrity: sha(DIGITS) })).rejects.toThrow(/^integrity: /);
    await expect(load(damaged(DIGITS))).rejects.toThrow(/^fqz: .*checksum/);
  });
});

describe('cache', () => {
  /** A Cache as far as loading uses one. */
  function fakeCache(stored: Record<string, Uint8Array> = {}) {
    const cache = {
      match: vi.fn(async (request: string) => stored[request] && new Response(stored[request].slice())),
      put: vi.fn(async (request: string, response: Response) => {
        stored[request] = new Uint8Array(await response.arrayBuffer());
      }),
    };
    return { stored, cache: cache as unknown as Cache };
  }

  const stubFetch = (bytes: Uint8Array) =>
    vi.stubGlobal(
      'fetch',
      vi.fn(async () => new Response(bytes.slice())),
    );

  it('keeps what was fetched, and is asked first', async () => {
    const { stored, cache } = fakeCache();
    stubFetch(DIGITS);
    await load(URL_OF_DIGITS, { cache });
    expect(stored).toEqual({ [URL_OF_DIGITS]: DIGITS });
    await expectDigits(await load(URL_OF_DIGITS, { cache, integrity: sha(DIGITS) }));
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['damaged', damaged(DIGITS), undefined],
    ['not what integrity asks for', fixture('digits-cnn.quality'), sha(DIGITS)],
  ])('a copy that is %s is fetched anew, and replaced', async (_, copy, integrity) => {
    const { stored, cache } = fakeCache({ [URL_OF_DIGITS]: copy });
    stubFetch(DIGITS);
    await expectDigits(await load(URL_OF_DIGITS, { cache, ...(integrity && { integrity }) }));
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(stored).toEqual({ [URL_OF_DIGITS]: DIGITS });
  });

  it('takes nothing that is damaged or has the wrong hash', async () => {
    const { stored, cache } = fakeCache();
    stubFetch(damaged(DIGITS));
    await expect(load(URL_OF_DIGITS, { cache })).rejects.toThrow(FormatError);
    stubFetch(DIGITS);
    await expect(load(URL_OF_DIGITS, { cache, integrity: sha(Uint8Array.of(1)) })).rejects.toThrow(FormatError);
    expect(stored).toEqual({});
  });

  it('goes by name, and is done without where there is none', async () => {
    stubFetch(DIGITS);
    await load(URL_OF_DIGITS, { cache: true });
    const { cache } = fakeCache();
    const open = vi.fn(async (_: string) => cache);
    vi.stubGlobal('caches', { open });
    await load(URL_OF_DIGITS, { cache: true });
    await load(URL_OF_DIGITS, { cache: 'models' });
    expect(open.mock.calls).toEqual([['fqz'], ['models']]);
    vi.stubGlobal('caches', { open: () => Promise.reject(new DOMException('no', 'SecurityError')) });
    await load(URL_OF_DIGITS, { cache: true });
    await load(DIGITS, { cache: 'models' });
  });

  it('that fails is no failure', async () => {
    stubFetch(DIGITS);
    const fail = () => Promise.reject(new DOMException('full', 'QuotaExceededError'));
    await expectDigits(await load(URL_OF_DIGITS, { cache: { match: fail, put: fail } as unknown as Cache }));
  });
});

describe('sessions', () => {
  it('live side by side', async () => {
    const sessions = await Promise.all((['wasm', 'js', 'wasm'] as const).map((backend) => load(DIGITS, { backend })));
    await Promise.all(sessions.map(expectDigits));
    sessions[0]!.dispose();
    await expect(sessions[0]!.run({ image })).rejects.toMatchObject({ name: 'InvalidStateError' });
    await Promise.all(sessions.slice(1).map(expectDigits));
  });

  it('run at one size after another', async () => {
    const session = await load(DIGITS);
    for (const batch of [1, 3, 2, 1, 8]) {
      const { scores } = await session.run({ image: noise([batch, 1, 28, 28]).data });
      expect(scores!.shape).toEqual([batch, 10]);
    }
    await expectDigits(session);
  });

  it('warm up', async () => {
    const session = await load(fixture('smooth-unet.fp16'));
    await expect(session.warmup()).rejects.toThrow('warmup needs its shape');
    await session.warmup({ image: [1, 1, 32, 32] });
    expect(session.info.plan!.steps).toBeGreaterThan(3);
  });
});

it('names what this runtime does not run, and what does', async () => {
  await expect(load(fixture('control-flow.lossless'))).rejects.toThrow(UnsupportedError);
  await expect(load(fixture('control-flow.lossless'))).rejects.toThrow('fqz/ort');
});
