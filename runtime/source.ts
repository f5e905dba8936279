/**
 * Whatever a model may come from, as bytes: fetched, read to its end, or just there.
 */

/** Where a model may come from. A string is a URL, relative to the page as everywhere on the web. */
export type Source =
  | string
  | URL
  | Request
  | Response
  | Blob
  | ArrayBuffer
  | ArrayBufferView
  | ReadableStream<Uint8Array>;

/** How far loading is. */
export interface LoadProgress {
  readonly phase: 'download' | 'compile' | 'plan' | 'weights';
  /** Bytes of the download and of the memory that the plan takes, 1 of 1 for the others. */
  readonly loaded: number;
  /** Absent where a server does not tell. */
  readonly total?: number;
}

export interface ReadOptions {
  onProgress?: (progress: LoadProgress) => void;
  signal?: AbortSignal | undefined;
  /** More bytes than this are not read. */
  maxBytes?: number;
  /** Given what has arrived of something that is on its way, until it returns true. */
  onBeginning?: ((bytes: Uint8Array) => boolean) | undefined;
}

/**
 * All bytes of `source`; those of buffers are not copied. Rejects with `TypeError` for anything else than a source, the
 * signal's reason where that aborts, a `NetworkError` for what a server does not give, and `RangeError` past `maxBytes`.
 */
export async function readSource(source: Source, options: ReadOptions = {}): Promise<Uint8Array> {
  options.signal?.throwIfAborted();
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  switch (tagOf(source)) {
    case 'ArrayBuffer':
    case 'SharedArrayBuffer':
      return new Uint8Array(source as ArrayBuffer);
    case 'Blob':
    case 'File':
      return readStream((source as Blob).stream(), (source as Blob).size, options);
    case 'ReadableStream':
      return readStream(source as ReadableStream<Uint8Array>, undefined, options);
    case 'Response':
      return readResponse(source as Response, options);
    case 'String':
    case 'URL':
    case 'Request':
      return readResponse(await fetchSource(source as string | URL | Request, options.signal), options);
  }
  throw new TypeError('a model is loaded from a URL, Request, Response, Blob, buffer or ReadableStream');
}

/** Whether a source names something that has yet to be fetched. */
export function isRemote(source: Source): source is string | URL | Request {
  return ['String', 'URL', 'Request'].includes(tagOf(source));
}

/** What kind of object this is, by a name that holds for objects of another frame too. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

async function fetchSource(source: string | URL | Request, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return await fetch(source, signal ? { signal } : {});
  } catch (cause) {
    signal?.throwIfAborted();
    throw new DOMException(`${nameOf(source)} cannot be fetched: ${(cause as Error).message}`, 'NetworkError');
  }
}

const nameOf = (source: string | URL | Request) =>
  typeof source === 'object' && 'url' in source ? source.url : `${source}`;

async function readResponse(response: Response, options: ReadOptions): Promise<Uint8Array> {
  const { ok, status, url, headers, body } = response;
  if (!ok) throw new DOMException(`${url || 'the response'} has HTTP status ${status}`, 'NetworkError');
  if (!body) return new Uint8Array(await response.arrayBuffer());
  // The length of a compressed body is not that of what comes out of it.
  const length = headers.get('content-encoding') ? null : headers.get('content-length');
  return readStream(body, length === null ? undefined : Number(length), options);
}

async function readStream(
  stream: ReadableStream<Uint8Array>,
  total: number | undefined,
  { onProgress, signal, maxBytes = Number.POSITIVE_INFINITY, onBeginning }: ReadOptions,
): Promise<Uint8Array> {
  const reader = stream.getReader();
  const cancel = () => reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener('abort', cancel);
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  let isBeginning = onBeginning !== undefined;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        signal?.throwIfAborted();
        throw error;
      });
      // An aborted read ends as if the stream did.
      signal?.throwIfAborted();
      if (done) break;
      if (!ArrayBuffer.isView(value)) throw new TypeError('the stream must give Uint8Array chunks');
      chunks.push(value);
      loaded += value.byteLength;
      if (loaded > maxBytes) throw new RangeError(`the file has more than the ${maxBytes} bytes that maxMemory allows`);
      onProgress?.({ phase: 'download', loaded, ...(total !== undefined && { total }) });
      // What comes in one piece is not worth it.
      if (isBeginning && loaded !== total && (total !== undefined || chunks.length > 1)) {
        isBeginning = !onBeginning!(joined(chunks, loaded));
      }
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
  }
  return joined(chunks, loaded);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
