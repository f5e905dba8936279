/**
 * Where a model's bytes may come from: everything a page has, read to its end, with progress, aborts and limits.
 */
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isRemote, type LoadProgress, readSource, type Source } from '../../runtime/source.ts';

const BYTES = Uint8Array.from({ length: 1000 }, (_, at) => at * 7);
const copy = () => BYTES.slice();

/** A stream that gives the bytes in four chunks; `pulled` counts them. */
function stream(): { stream: ReadableStream<Uint8Array>; pulled: () => number; cancelled: () => unknown } {
  let at = 0;
  let reason: unknown;
  return {
    stream: new ReadableStream(
      {
        pull(controller) {
          if (at === 4) controller.close();
          else controller.enqueue(BYTES.slice(250 * at, 250 * ++at));
        },
        cancel(why) {
          reason = why ?? 'cancelled';
        },
      },
      { highWaterMark: 0 },
    ),
    pulled: () => at,
    cancelled: () => reason,
  };
}

afterEach(() => vi.unstubAllGlobals());

function stubFetch(answer: (...args: Parameters<typeof fetch>) => Promise<Response>): void {
  vi.stubGlobal('fetch', vi.fn(answer));
}

describe('readSource', () => {
  const foreign = runInNewContext('Uint8Array.from({ length: 1000 }, (_, at) => at * 7).buffer');
  const buffer = new Uint8Array(1010);
  buffer.set(BYTES, 5);

  it.each<[string, () => Source]>([
    ['Uint8Array', copy],
    ['a view into a larger buffer', () => new DataView(buffer.buffer, 5, 1000)],
    ['ArrayBuffer', () => copy().buffer],
    ['ArrayBuffer of another realm', () => foreign as ArrayBuffer],
    ['Blob', () => new Blob([copy()])],
    ['File', () => new File([copy()], 'model.fqz')],
    ['Response', () => new Response(copy())],
    ['Response without a stream', () => Object.defineProperty(new Response(copy()), 'body', { value: null })],
    ['ReadableStream', () => stream().stream],
    ['data URL', () => `data:application/octet-stream;base64,${btoa(String.fromCharCode(...BYTES))}`],
  ])('%s', async (_, source) => {
    expect(await readSource(source())).toEqual(BYTES);
  });

  it.each<[string, Source]>([
    ['string', 'https://example.test/model.fqz'],
    ['URL', new URL('https://example.test/model.fqz')],
    ['Request', new Request('https://example.test/model.fqz', { headers: { a: 'b' } })],
  ])('fetches a %s', async (_, source) => {
    stubFetch(async () => new Response(copy()));
    expect(await readSource(source)).toEqual(BYTES);
    expect(fetch).toHaveBeenCalledExactlyOnceWith(source, {});
    expect(isRemote(source)).toBe(true);
    expect(isRemote(copy())).toBe(false);
  });

  it('does not copy what is in memory already', async () => {
    const bytes = copy();
    expect((await readSource(bytes)).buffer).toBe(bytes.buffer);
  });

  it.each([[undefined], [null], [1], [{}], [[1, 2]]])('refuses %j', async (source) => {
    await expect(readSource(source as unknown as Source)).rejects.toThrow(TypeError);
  });

  it('refuses a stream of anything but bytes', async () => {
    const strings = new ReadableStream({ start: (controller) => controller.enqueue('text') });
    await expect(readSource(strings)).rejects.toThrow('Uint8Array chunks');
  });

  it('says what a server did not give', async () => {
    stubFetch(async () => new Response('no', { status: 404 }));
    const failed = readSource('https://example.test/model.fqz');
    await expect(failed).rejects.toMatchObject({ name: 'NetworkError', message: expect.stringContaining('404') });
    stubFetch(() => Promise.reject(new TypeError('Failed to fetch')));
    await expect(readSource('https://example.test/model.fqz')).rejects.toMatchObject({
      name: 'NetworkError',
      message: 'https://example.test/model.fqz cannot be fetched: Failed to fetch',
    });
  });
});

describe('progress', () => {
  const seen = async (source: Source) => {
    const all: LoadProgress[] = [];
    await readSource(source, { onProgress: (progress) => all.push(progress) });
    return all;
  };

  it('tells what has come, and the total where it is known', async () => {
    expect(await seen(stream().stream)).toEqual([250, 500, 750, 1000].map((loaded) => ({ phase: 'download', loaded })));
    const headers = { 'content-length': '1000' };
    expect((await seen(new Response(stream().stream, { headers }))).at(-1)).toEqual({
      phase: 'download',
      loaded: 1000,
      total: 1000,
    });
    expect((await seen(new Blob([copy()]))).at(-1)).toEqual({ phase: 'download', loaded: 1000, total: 1000 });
  });

  it('does not take the length of compressed bytes for the total', async () => {
    const headers = { 'content-length': '600', 'content-encoding': 'br' };
    expect((await seen(new Response(stream().stream, { headers }))).at(-1)).toEqual({
      phase: 'download',
      loaded: 1000,
    });
  });

  it('that throws ends the reading', async () => {
    const { stream: source, pulled, cancelled } = stream();
    const onProgress = () => {
      throw new Error('enough');
    };
    await expect(readSource(source, { onProgress })).rejects.toThrow('enough');
    expect(pulled()).toBe(1);
    expect(cancelled()).toBe('cancelled');
  });
});

describe('a signal', () => {
  it('that is aborted already stops everything', async () => {
    stubFetch(async () => new Response(copy()));
    await expect(readSource('https://example.test/', { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow(
      'gone',
    );
    expect(fetch).not.toHaveBeenCalled();
  });

  it('stops a fetch', async () => {
    stubFetch(
      (_, init) =>
        new Promise((_, reject) =>
          init!.signal!.addEventListener('abort', () => reject(new DOMException('', 'AbortError'))),
        ),
    );
    const controller = new AbortController();
    const reading = readSource('https://example.test/', { signal: controller.signal });
    controller.abort(new Error('gone'));
    await expect(reading).rejects.toThrow('gone');
  });

  it('stops a stream that has nothing to say, and cancels it', async () => {
    let cancelled: unknown;
    const silent = new ReadableStream<Uint8Array>({
      cancel(reason) {
        cancelled = reason;
      },
    });
    const controller = new AbortController();
    const reading = readSource(silent, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('gone')));
    await expect(reading).rejects.toThrow('gone');
    expect(cancelled).toMatchObject({ message: 'gone' });
  });
});

it('reads no more than it may', async () => {
  const { stream: source, pulled, cancelled } = stream();
  await expect(readSource(source, { maxBytes: 600 })).rejects.toThrow(RangeError);
  expect(pulled()).toBe(3);
  expect(cancelled()).toBe('cancelled');
});
