/**
 * An open model: runs in the order of their calls, and an end that frees everything.
 *
 * Of the engine it uses `prepare`, `run` (whose result may be a promise), `plan`, `memory` and `machine`.
 */
import type { Preparation } from '../src/graph/preparation.ts';
import type { Port } from './decoded-graph.ts';
import { ELEMENT_ARRAYS, type ElementType } from './elements.ts';
import type { BufferTensor, Engine, EngineTensor, MemoryUse } from './engine.ts';
import { isIntegral } from './plan/value.ts';
import { type GpuTensor, type InputValue, inputTensors, shapeText, type Tensor } from './tensor.ts';

/** What a session runs on and what that takes. */
export interface SessionInfo {
  readonly backend: 'js' | 'wasm' | 'webgpu';
  /** Which of the WebAssembly builds runs (`simd` or `relaxed-simd`), or the vendor and architecture of the GPU. */
  readonly variant?: string;
  /** Why `auto` had to do without the GPU, or without WebAssembly. */
  readonly fallback?: string;
  /** The fraction of the model's own width that was asked for. */
  readonly width: number;
  /** Bytes of the file. */
  readonly fileBytes: number;
  readonly memory: MemoryUse;
  /** The plan that ran or was prepared last: how many kernel calls, and how many of each kernel. */
  readonly plan?: { readonly steps: number; readonly kernels: Readonly<Record<string, number>> };
}

/** What a session is told of the file and of how it was loaded. */
export interface SessionFacts extends Pick<SessionInfo, 'width' | 'fileBytes'> {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly preparation?: Preparation;
  readonly labels?: readonly string[];
}

/** A value for every input, by name. */
export type Feeds = Readonly<Record<string, InputValue | GpuTensor>>;

export interface RunOptions {
  signal?: AbortSignal;
}

/** An open model. */
export interface Session {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** How the input is to be prepared, where the file says so. */
  readonly preparation?: Preparation;
  /** Class labels by index, where the file has them. */
  readonly labels?: readonly string[];
  /** Backend, plan and memory as they are now. Throws an `InvalidStateError` after `dispose`. */
  readonly info: SessionInfo;
  /**
   * Runs the model on a value for every input, by name, and resolves to every output by name. Runs are served one after
   * another in the order of their calls; a run that has begun is not interrupted. The arrays must not change before the
   * result is there.
   *
   * On the GPU, inputs may be in buffers of its device, and `location: 'gpu'` leaves the outputs there, in buffers that are the
   * caller's to destroy.
   *
   * Rejects with `TypeError` for a missing, unknown or mistyped input, `RangeError` for shapes that do not fit,
   * the signal's reason where that aborts before the run's turn, an `OperationError` where the GPU's device is lost, and an
   * `InvalidStateError` after `dispose`.
   */
  run(feeds: Feeds, options?: RunOptions & { location?: 'cpu' }): Promise<Record<string, Tensor>>;
  run(feeds: Feeds, options: RunOptions & { location: 'gpu' }): Promise<Record<string, GpuTensor>>;
  /**
   * Runs the model once on zeros, so that the first real run finds memory, plan and compiled code in place. `shapes`
   * are needed for inputs that leave sizes open, other than a batch size, which is 1 unless given.
   */
  warmup(shapes?: Readonly<Record<string, readonly number[]>>): Promise<void>;
  /** Frees everything. A run under way still ends well; those behind it are rejected with an `InvalidStateError`. */
  dispose(): void;
}

/** A session over `engine`. */
export function createSession(engine: Engine, facts: SessionFacts): Session {
  const { inputs, outputs, preparation, labels, width, fileBytes } = facts;
  let open: Engine | undefined = engine;
  let last: Promise<unknown> = Promise.resolve();

  const engineNow = (): Engine => {
    if (!open) throw new DOMException('the session has been disposed of', 'InvalidStateError');
    return open;
  };

  const run = async (
    feeds: Feeds,
    { signal, location = 'cpu' }: RunOptions & { location?: 'cpu' | 'gpu' } = {},
  ): Promise<Record<string, Tensor | GpuTensor>> => {
    engineNow();
    const tensors = inputTensors(inputs, feeds);
    const result = last.then(() => {
      signal?.throwIfAborted();
      return engineNow().run(tensors, location === 'gpu');
    });
    last = result.catch(() => {});
    return Object.fromEntries([...(await result)].map(([name, value]) => [name, tensorOf(value, location)]));
  };

  const session: Session = {
    inputs,
    outputs,
    ...(preparation && { preparation }),
    ...(labels && { labels }),
    get info() {
      const { backend, variant, fallback, memory, plan } = engineNow();
      return {
        backend,
        ...(variant && { variant }),
        ...(fallback && { fallback }),
        width,
        fileBytes,
        memory,
        ...(plan && { plan: { steps: plan.steps.length, kernels: countKernels(plan.steps) } }),
      };
    },
    run: run as Session['run'],
    async warmup(shapes = {}) {
      const feeds = inputs.map((port) => [port.name, zeros(port, shapes[port.name])] as const);
      await session.run(Object.fromEntries(feeds));
    },
    dispose() {
      const closing = open;
      open = undefined;
      // A run under way still needs what is freed here.
      last.then(() => closing?.dispose());
    },
  };
  return session;
}

/** Throws `TypeError` where the result should have stayed on a GPU that there is not, or no longer. */
function tensorOf(value: EngineTensor | BufferTensor, location: 'cpu' | 'gpu'): Tensor | GpuTensor {
  if ('data' in value) {
    if (location === 'gpu') throw new TypeError('outputs stay on the GPU with the backend "webgpu" only');
    return value as Tensor;
  }
  const { dtype, shape, buffer } = value;
  return { location: 'gpu', dtype: isIntegral(dtype) ? 'int32' : 'float32', shape, buffer };
}

function countKernels(steps: readonly { readonly kernel: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kernel } of steps) counts[kernel] = (counts[kernel] ?? 0) + 1;
  return counts;
}

function zeros({ name, dtype, shape: declared }: Port, given: readonly number[] | undefined): InputValue {
  const shape = given ?? declared?.map((dim, axis) => (typeof dim === 'number' || axis > 0 ? dim : 1));
  if (!shape?.every((size) => typeof size === 'number')) {
    throw new TypeError(`input "${name}" is [${shapeText(declared)}]: warmup needs its shape`);
  }
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, data: new ELEMENT_ARRAYS[dtype as ElementType](count) };
}
