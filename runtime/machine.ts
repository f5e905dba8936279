/**
 * A machine is a linear memory and the kernels that work in it: what a session of the `js` or the `wasm` backend runs on.
 */
import { referenceKernels } from './js/kernels.ts';
import type { Memory } from './js/memory.ts';
import { rareKernels } from './js/rare/kernels.ts';
import type { AllKernels } from './kernels/all-kernels.ts';

/** Bytes at the start of every memory that no buffer may have, so that pointer 0 can stand for nothing. */
const NULL_BYTES = 64;

export interface Machine {
  readonly backend: 'js' | 'wasm';
  /** Which of the WebAssembly builds runs. */
  readonly variant?: 'simd' | 'relaxed-simd';
  readonly memory: Memory;
  readonly kernels: AllKernels;
  /** First byte that is free for buffers. */
  readonly base: number;
  /** Makes the memory at least `bytes` long; contents stay. Throws `RangeError` where the platform has no more. */
  reserve(bytes: number): void;
}

/** A machine in plain TypeScript. */
export function referenceMachine(): Machine {
  const memory: Memory = { floats: new Float32Array(0), words: new Int32Array(0) };
  return {
    backend: 'js',
    memory,
    kernels: { ...referenceKernels(memory), ...rareKernels(memory) },
    base: NULL_BYTES,
    reserve(bytes) {
      if (bytes <= memory.words.byteLength) return;
      const words = new Int32Array(Math.ceil(bytes / 4));
      words.set(memory.words);
      memory.words = words;
      memory.floats = new Float32Array(words.buffer);
    },
  };
}
