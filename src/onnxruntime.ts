/**
 * onnxruntime behind one small interface over the project's own tensors: onnxruntime-node where it is installed,
 * onnxruntime-web (WebAssembly) elsewhere and in browsers. Neither is loaded before the first session is opened.
 */
import type { InferenceSession, Tensor as OrtTensor, TypedTensor } from 'onnxruntime-web';
import { UnsupportedError } from './errors.ts';
import type { DType } from './graph/dtype.ts';
import type { Dim } from './graph/graph.ts';
import { type NumericTensor, numericTensor, type Tensor } from './graph/tensor.ts';
import { TYPED_ARRAYS } from './graph/typed-arrays.ts';

/** onnxruntime refused a model or failed to run it; `message` is one line, `cause` what onnxruntime threw. */
export class OnnxruntimeError extends Error {
  override readonly name = 'OnnxruntimeError';
}

export interface OpenOptions {
  /** `auto` is onnxruntime-node where it can be imported, else onnxruntime-web. */
  engine?: 'auto' | 'node' | 'web';
  /**
   * Threads for one operator; onnxruntime's own choice unless given. onnxruntime-web fixes its number with the first
   * session of a process.
   */
  threads?: number;
  /** Checked before opening and before each run; a run under way is not interrupted. */
  signal?: AbortSignal;
}

/** An input or output of a session. A symbolic dimension is its name, or `null` where it has none. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  /** Empty for a scalar, and where the model does not tell the rank. */
  readonly shape: readonly Dim[];
}

/** An open model. `release` frees its memory; a session that is not needed any more must be released. */
export interface OnnxSession {
  readonly engine: 'node' | 'web';
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /**
   * Runs the model on `feeds` (by input name) and returns every output by name. Calls are served one after another.
   * Throws `TypeError` for a missing or unknown input, `UnsupportedError` for an element type that onnxruntime's
   * JavaScript interface does not have, and `OnnxruntimeError` for what onnxruntime itself refuses.
   */
  run(feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>>;
  release(): Promise<void>;
}

/** What evaluating and comparing need of a model; an `OnnxSession` is one. */
export type Runnable = Pick<OnnxSession, 'inputs' | 'outputs' | 'run'>;

type Runtime = Pick<typeof import('onnxruntime-web'), 'InferenceSession' | 'Tensor' | 'env'>;

/** onnxruntime's log level "fatal": failures reach the caller as errors and need no second line on the console. */
const FATAL = 4;

/**
 * Opens a serialised ONNX model (its weights inside, not in external files). Throws `OnnxruntimeError` when
 * onnxruntime refuses the model and `UnsupportedError` when an input or output is not a tensor.
 */
export async function openOnnx(modelBytes: Uint8Array, options: OpenOptions = {}): Promise<OnnxSession> {
  const { signal, threads } = options;
  if (threads !== undefined && !(Number.isInteger(threads) && threads > 0)) {
    throw new RangeError(`threads must be a positive integer, got ${threads}`);
  }
  signal?.throwIfAborted();
  const { engine, runtime } = await loadRuntime(options.engine ?? 'auto');
  runtime.env.logLevel = 'fatal';
  if (engine === 'web' && threads !== undefined) runtime.env.wasm.numThreads = threads;
  const session = await failingInOneLine(() =>
    runtime.InferenceSession.create(modelBytes, {
      logSeverityLevel: FATAL,
      executionProviders: [engine === 'node' ? 'cpu' : 'wasm'],
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    }),
  );
  const [inputs, outputs] = await portsOf(session);

  const runOnce = async (feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> => {
    signal?.throwIfAborted();
    for (const name of feeds.keys()) {
      if (!inputs.some((input) => input.name === name)) throw new TypeError(`the model has no input ${name}`);
    }
    const missing = inputs.find((input) => !feeds.has(input.name));
    if (missing) throw new TypeError(`input ${missing.name} is missing`);
    const ortFeeds: Record<string, OrtTensor> = {};
    for (const [name, tensor] of feeds) ortFeeds[name] = toOrt(runtime, tensor, name);
    const results = await failingInOneLine(() => session.run(ortFeeds, { logSeverityLevel: FATAL }));
    return new Map(outputs.map(({ name }) => [name, fromOrt(results[name] as OrtTensor)]));
  };

  let last: Promise<unknown> = Promise.resolve();
  return {
    engine,
    inputs,
    outputs,
    run(feeds) {
      const result = last.then(() => runOnce(feeds));
      last = result.catch(() => {});
      return result;
    },
    async release() {
      await last;
      await session.release();
    },
  };
}

/** A name that bundlers cannot follow: onnxruntime-node is optional, and no page needs it. */
const NODE_PACKAGE: string = 'onnxruntime-node';

async function loadRuntime(engine: 'auto' | 'node' | 'web'): Promise<{ engine: 'node' | 'web'; runtime: Runtime }> {
  const inNode = typeof process !== 'undefined' && process.versions?.node !== undefined;
  if (engine === 'node' || (engine === 'auto' && inNode)) {
    try {
      const runtime = (await import(/* @vite-ignore */ NODE_PACKAGE)) as Runtime;
      return { engine: 'node', runtime };
    } catch (cause) {
      if (engine === 'node') throw new UnsupportedError('onnxruntime-node cannot be loaded here', { cause });
    }
  }
  return { engine: 'web', runtime: await import('onnxruntime-web') };
}

async function failingInOneLine<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const [, essence = text] = /ERROR_MESSAGE:\s*(.*)$/s.exec(text) ?? [];
    throw new OnnxruntimeError(`onnxruntime: ${essence.replace(/\s+/g, ' ').trim()}`, { cause });
  }
}

/** How onnxruntime-web tells an unknown dimension without a name: −1 as an unsigned word. */
const NAMELESS_IN_WEB = 2 ** 32 - 1;

/** The session's inputs and outputs. A session with ports that cannot be used is released before the error goes out. */
async function portsOf(session: InferenceSession): Promise<[TensorInfo[], TensorInfo[]]> {
  try {
    return [session.inputMetadata.map(tensorInfo), session.outputMetadata.map(tensorInfo)];
  } catch (error) {
    await session.release();
    throw error;
  }
}

function tensorInfo(metadata: InferenceSession.ValueMetadata): TensorInfo {
  if (!metadata.isTensor) {
    throw new UnsupportedError(`${metadata.name} is not a tensor but a sequence, map or optional`);
  }
  // onnxruntime-node ends the whole process when it hands out a 4-bit tensor.
  if (metadata.type === 'int4' || metadata.type === 'uint4') {
    throw new UnsupportedError(
      `${metadata.name} is of type ${metadata.type}, which onnxruntime cannot pass to JavaScript`,
    );
  }
  const shape = metadata.shape.map((dim) => (dim === '' || dim === NAMELESS_IN_WEB ? null : dim));
  return { name: metadata.name, dtype: metadata.type, shape };
}

/** The arrays that onnxruntime's JavaScript interface takes; float16 as bits, whether or not Float16Array exists. */
const ARRAYS = { ...TYPED_ARRAYS, float16: Uint16Array } as const;

function toOrt({ Tensor }: Runtime, tensor: Tensor, name: string): OrtTensor {
  if (tensor.dtype === 'string') {
    const decoder = new TextDecoder();
    return new Tensor(
      'string',
      tensor.strings.map((bytes) => decoder.decode(bytes)),
      [...tensor.shape],
    );
  }
  const dtype = tensor.dtype as keyof typeof ARRAYS;
  const Elements = ARRAYS[dtype] as (typeof ARRAYS)[typeof dtype] | undefined;
  if (!Elements)
    throw new UnsupportedError(`input ${name}: onnxruntime takes no ${tensor.dtype} tensors from JavaScript`);
  const width = Elements.BYTES_PER_ELEMENT;
  const data = tensor.data.byteOffset % width === 0 ? tensor.data : tensor.data.slice();
  const elements = new Elements(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / width);
  return new Tensor(dtype, elements as OrtTensor.DataTypeMap[typeof dtype], [...tensor.shape]) as TypedTensor<
    typeof dtype
  >;
}

function fromOrt(tensor: OrtTensor): Tensor {
  if (tensor.type === 'string') {
    const encoder = new TextEncoder();
    return {
      dtype: 'string',
      shape: [...tensor.dims],
      strings: (tensor.data as string[]).map((s) => encoder.encode(s)),
    };
  }
  const { buffer, byteOffset, byteLength } = tensor.data as ArrayBufferView;
  const dtype = tensor.type as NumericTensor['dtype'];
  return numericTensor(dtype, [...tensor.dims], new Uint8Array(buffer, byteOffset, byteLength));
}
