/**
 * An open model: runs in the order of their calls, and an end that frees everything.
 *
 * Of the engine it uses `prepare`, `run` (whose result may be a promise), `plan`, `memory` and `machine`.
 */
import type { Preparation } from '../src/graph/preparation.ts';
import type { Port } from './decoded-graph.ts';
import { ELEMENT_ARRAYS, type ElementType } from './elements.ts';
import type { Engine, MemoryUse } from './engine.ts';
import { type InputValue, inputTensors, shapeText, type Tensor } from './tensor.ts';

/** What a session runs on and what that takes. */
export interface SessionInfo {
  readonly backend: 'js' | 'wasm';
  /** Which of the WebAssembly builds runs. */
  readonly variant?: 'simd' | 'relaxed-simd';
  /** Why it is `js`, where `auto` had to do without WebAssembly. */
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
export interface SessionFacts extends Pick<SessionInfo, 'fallback' | 'width' | 'fileBytes'> {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly preparation?: Preparation;
  readonly labels?: readonly string[];
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
   * Rejects with `TypeError` for a missing, unknown or mistyped input, `RangeError` for shapes that do not fit,
   * the signal's reason where that aborts before the run's turn, and an `InvalidStateError` after `dispose`.
   */
  run(feeds: Readonly<Record<string, InputValue>>, options?: { signal?: AbortSignal }): Promise<Record<string, Tensor>>;
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
  const { inputs, outputs, preparation, labels, fallback, width, fileBytes } = facts;
  let open: Engine | undefined = engine;
  let last: Promise<unknown> = Promise.resolve();

  const engineNow = (): Engine => {
    if (!open) throw new DOMException('the session has been disposed of', 'InvalidStateError');
    return open;
  };

  const session: Session = {
    inputs,
    outputs,
    ...(preparation && { preparation }),
    ...(labels && { labels }),
    get info() {
      const { machine, memory, plan } = engineNow();
      const { backend, variant } = machine;
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
    async run(feeds, { signal } = {}) {
      engineNow();
      const tensors = inputTensors(inputs, feeds);
      const result = last.then(() => {
        signal?.throwIfAborted();
        return engineNow().run(tensors);
      });
      last = result.catch(() => {});
      return Object.fromEntries(await result) as Record<string, Tensor>;
    },
    async warmup(shapes = {}) {
      const feeds = inputs.map((port) => [port.name, zeros(port, shapes[port.name])] as const);
      await session.run(Object.fromEntries(feeds));
    },
    dispose() {
      open = undefined;
    },
  };
  return session;
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
