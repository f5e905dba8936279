/** A machine in plain TypeScript: for pages that forbid WebAssembly, and as the yardstick of the fast one. */
import { plainRuns } from '../../formats/fqz/read.ts';
import type { Machine } from '../machine.ts';
import { referenceKernels } from './kernels.ts';
import type { Memory } from './memory.ts';
import { furtherKernels } from './rare/further-kernels.ts';
import { rareKernels } from './rare/kernels.ts';

/** Bytes at the start of every memory that no buffer may have, so that pointer 0 can stand for nothing. */
const NULL_BYTES = 64;

/** A new machine with all kernels. */
export function referenceMachine(): Machine {
  const memory: Memory = { floats: new Float32Array(0), words: new Int32Array(0) };
  return {
    backend: 'js',
    runs: plainRuns,
    memory,
    kernels: { ...referenceKernels(memory), ...rareKernels(memory), ...furtherKernels(memory) },
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
