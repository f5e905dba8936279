/**
 * From a source to a session.
 */
import { openFqz } from '../formats/fqz/read.ts';
import { memoryOf } from '../formats/fqz/weight-header.ts';
import { FormatError } from '../src/errors.ts';
import { type Backend, limited, type Machines, openMachine, type WasmSource } from './backend.ts';
import { openCache } from './cache.ts';
import { graphOf } from './decoded-graph.ts';
import type { MemoryUse } from './engine.ts';
import { fixedShapes } from './fixed-shapes.ts';
import { checkIntegrity, parseIntegrity } from './integrity.ts';
import type { Foresee, OpenEngine } from './open-engine.ts';
import type { Operators } from './operators/operator.ts';
import { createSession, type Session } from './session.ts';
import { isRemote, type LoadProgress, readSource, type Source } from './source.ts';

export interface LoadOptions {
  /**
   * `auto` is the GPU where there is one and the model is large enough to gain, else WebAssembly, or plain JavaScript where a content
   * security policy forbids that; all of them as far as this build of the runtime has them.
   */
  backend?: Backend;
  /** The GPU device to run on, which stays the caller's; by default one that all sessions share. */
  device?: GPUDevice;
  /**
   * How wide to run the model, as a fraction of its own width, where its channels are coded by cosines: 0.25 is several
   * times faster.
   */
  width?: number;
  /** Called as loading goes on. */
  onProgress?: (progress: LoadProgress) => void;
  /** Aborts loading. */
  signal?: AbortSignal;
  /** Hashes as in HTML's `integrity` attribute, checked before anything of the file is used. */
  integrity?: string;
  /**
   * Keeps what is fetched in the Cache API, where there is one: in the cache of this name (`fqz` for `true`), or this
   * one. What is there is used as long as it is sound and fits `integrity`, so give that, or a URL that changes with
   * its content.
   */
  cache?: boolean | string | Cache;
  /**
   * The WebAssembly build to use, for pages that host it, and platforms that do not compile bytes; the embedded one
   * unless given.
   */
  wasm?: WasmSource;
  /** Bytes that the file, and then weights with activations, may take; more is refused before it is taken. */
  maxMemory?: number;
}

export const LOAD_DEFAULTS = { backend: 'auto', width: 1, maxMemory: 2 ** 31 } as const satisfies LoadOptions;

/**
 * Opens a `.fqz` file.
 *
 * @throws {FormatError} for anything but a whole, undamaged file of a known version, and for one that misses its `integrity`
 * @throws {UnsupportedError} where the model has an operator that this runtime does not have; `fqz/ort` may run it
 * @throws {RangeError} where the model needs more memory than `maxMemory`, or cannot be run at that width
 * @throws {TypeError} for a source or options of the wrong kind
 */
export type Load = (source: Source, options?: LoadOptions) => Promise<Session>;

/** What a build of the runtime has. */
export interface Edition {
  readonly operators: Operators;
  readonly machines: Machines;
  readonly openEngine: OpenEngine;
  /** Prepares for a file of which only the beginning is there. */
  readonly foresee?: Foresee;
}

/** The `load` of a build of the runtime. */
export function loaderOf(edition: Edition): Load {
  return (source, options = {}) => loadWith(edition, source, options);
}

async function loadWith(edition: Edition, source: Source, options: LoadOptions): Promise<Session> {
  const settings: Settings = { ...LOAD_DEFAULTS, ...options };
  const { width, maxMemory, integrity, signal, onProgress } = settings;
  if (!(width > 0 && width <= 1)) throw new RangeError(`width must be above 0 and at most 1, got ${width}`);
  if (!(maxMemory > 0)) throw new RangeError(`maxMemory must be a number of bytes, got ${maxMemory}`);
  if (integrity !== undefined) parseIntegrity(integrity);
  const reading = {
    maxBytes: maxMemory,
    signal,
    onBeginning: edition.foresee?.(edition, settings),
    ...(onProgress && { onProgress }),
  };

  const cache = isRemote(source) ? await openCache(settings.cache) : undefined;
  const cached = await cache?.match(source as Request);
  if (cached) {
    try {
      return await open(edition, await readSource(cached, reading), settings);
    } catch (error) {
      // Damaged, or replaced by what integrity asks for now: fetched anew.
      if (!(error instanceof FormatError)) throw error;
    }
  }
  const bytes = await readSource(source, reading);
  const session = await open(edition, bytes, settings);
  await cache?.put(source as Request, bytes);
  return session;
}

export type Settings = LoadOptions & Required<Pick<LoadOptions, keyof typeof LOAD_DEFAULTS>>;

async function open(
  { operators, machines, openEngine }: Edition,
  bytes: Uint8Array,
  settings: Settings,
): Promise<Session> {
  const { backend, width, integrity, wasm, maxMemory, signal, onProgress } = settings;
  if (integrity !== undefined) await checkIntegrity(bytes, integrity);
  onProgress?.({ phase: 'compile', loaded: 0, total: 1 });
  // Compiled beside this thread while the file is opened.
  const opening = openMachine(machines, backend, { signal, ...(wasm && { wasm }) });
  opening.catch(() => {});
  const opened = openFqz(bytes);
  const largest = opened.headers.reduce((most, header) => Math.max(most, memoryOf(header)), 0);
  if (largest > maxMemory) {
    throw new RangeError(`a weight has ${largest} bytes of numbers, maxMemory allows ${maxMemory}`);
  }
  const { preparation, labels } = opened;
  const { inputs, outputs } = graphOf(opened);

  const { machine, fallback } = await opening;
  signal?.throwIfAborted();
  onProgress?.({ phase: 'compile', loaded: 1, total: 1 });

  let isLoading = true;
  const onPlan = ({ total }: MemoryUse) => {
    if (!isLoading) return;
    onProgress?.({ phase: 'plan', loaded: total, total });
    onProgress?.({ phase: 'weights', loaded: 0, total: 1 });
  };
  const engine = await openEngine(opened, limited(machine, maxMemory), fixedShapes(inputs), {
    ...settings,
    operators,
    onPlan,
    fallback,
  });
  isLoading = false;
  onProgress?.({ phase: 'weights', loaded: 1, total: 1 });
  return createSession(engine, {
    inputs,
    outputs,
    width,
    fileBytes: bytes.length,
    ...(preparation && { preparation }),
    ...(labels && { labels }),
  });
}
