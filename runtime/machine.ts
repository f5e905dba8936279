/**
 * A machine is a linear memory and the kernels that work in it: what a session of the `js` or the `wasm` backend runs on.
 */
import { bulkRuns, type RunsDecoder } from '../formats/fqz/read.ts';
import type { Memory } from './js/memory.ts';
import { rareKernels } from './js/rare/kernels.ts';
import type { AllKernels } from './kernels/all-kernels.ts';
import type { FurtherKernels } from './kernels/rare-kernels.ts';
import { type WasmOptions, wasmKernels } from './wasm/instantiate.ts';

export interface Machine {
  readonly backend: 'js' | 'wasm';
  /** Which of the WebAssembly builds runs. */
  readonly variant?: 'simd' | 'relaxed-simd';
  readonly memory: Memory;
  readonly kernels: AllKernels;
  /** First byte that is free for buffers. */
  readonly base: number;
  /** How a file's numbers are decoded. */
  readonly runs: RunsDecoder;
  /** Makes the memory at least `bytes` long; contents stay. Throws `RangeError` where the platform has no more. */
  reserve(bytes: number): void;
}

const PAGE_BYTES = 65536;
/** Kernels may read, not write, so far behind the last buffer: they load whole vectors. */
const BYTES_BEHIND = 64;

export interface WasmMachineOptions extends WasmOptions {
  /** Makes the kernels of operators that are not in every build of the runtime. */
  readonly further?: (memory: Memory) => FurtherKernels;
}

/**
 * A machine whose kernels are WebAssembly, as far as there are such. Rejects with `WebAssembly.CompileError` where the
 * engine or the page's content security policy has no WebAssembly with SIMD.
 */
export async function wasmMachine(options: WasmMachineOptions = {}): Promise<Machine> {
  const linear = new WebAssembly.Memory({ initial: 1 });
  const { kernels, heapBase, variant, decoder } = await wasmKernels(linear, options);
  const memory: Memory = { floats: new Float32Array(linear.buffer), words: new Int32Array(linear.buffer) };
  return {
    backend: 'wasm',
    variant,
    runs: (coder) => bulkRuns(decoder())(coder),
    memory,
    // No plan names kernels of operators that its build of the runtime does not have.
    kernels: { ...rareKernels(memory), ...options.further?.(memory), ...kernels } as AllKernels,
    base: heapBase,
    reserve(bytes) {
      const missing = Math.ceil((bytes + BYTES_BEHIND - linear.buffer.byteLength) / PAGE_BYTES);
      if (missing <= 0) return;
      linear.grow(missing);
      memory.words = new Int32Array(linear.buffer);
      memory.floats = new Float32Array(linear.buffer);
    },
  };
}
