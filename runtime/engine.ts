/**
 * What a session runs on: something that keeps the weights, and runs the plans for the shapes that come up.
 */
import type { Elements, ElementType } from './elements.ts';
import type { Operators } from './operators/operator.ts';
import type { Plan } from './plan/plan.ts';
import type { PlanInputs } from './planner.ts';

/** A tensor as an engine takes and gives it. */
export interface EngineTensor {
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  readonly data: Elements;
}

/** A tensor whose elements are 32-bit words in a buffer of the GPU. */
export interface BufferTensor {
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  readonly buffer: GPUBuffer;
}

/** What an engine takes for an input. */
export type Feed = EngineTensor | BufferTensor;

/** Bytes of memory. */
export interface MemoryUse {
  /** Weights in the layout of the kernels. */
  readonly weights: number;
  /** The largest that inputs, outputs and everything between have needed at once, with the plan's tables. */
  readonly activations: number;
  /** All of the memory, as far as it has been reserved. */
  readonly total: number;
}

export interface Engine {
  readonly backend: 'js' | 'wasm' | 'webgpu';
  /** Which of the WebAssembly builds runs, or what kind of GPU. */
  readonly variant?: string;
  /** Why it is not what is best in general. */
  readonly fallback?: string;
  /** Plans for inputs of these types and shapes, so that the first run finds everything in place. */
  prepare(inputs: PlanInputs): void | Promise<void>;
  /**
   * Runs the model; every input of the graph is given, with the type that the graph declares. Outputs stay on the GPU where
   * `onGpu` is set and the engine has one.
   */
  run(feeds: ReadonlyMap<string, Feed>, onGpu?: boolean): Outputs | Promise<Outputs>;
  /** The plan that ran or was prepared last. */
  readonly plan: Plan | undefined;
  readonly memory: MemoryUse;
  /** Frees what garbage collection does not. */
  dispose(): void;
}

export type Outputs = ReadonlyMap<string, EngineTensor | BufferTensor>;

/** What an engine is to do otherwise than by default. */
export interface EngineOptions {
  /** Fraction of the model's own width, above 0 and at most 1. */
  readonly width?: number;
  /** The operators that it knows. */
  readonly operators?: Operators;
  /** Told what a new plan takes, before the memory is taken and weights are placed. */
  readonly onPlan?: (memory: MemoryUse) => void;
  /** Why the engine is not what is best in general. */
  readonly fallback?: string | undefined;
}
