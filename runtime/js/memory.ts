/**
 * The linear memory that kernels work in, as typed arrays.
 */
import type { AllKernels } from '../kernels/all-kernels.ts';

/** Views over the whole memory. They are replaced when it grows, so kernels must not keep them from call to call. */
export interface Memory {
  floats: Float32Array;
  words: Int32Array;
}

/** A kernel in TypeScript: the kernel's own arguments behind the memory they point into. */
export type Reference<K extends keyof AllKernels> = (memory: Memory, ...args: Parameters<AllKernels[K]>) => void;

/** Binds references to the memory that they are to work in. */
export function bound<Names extends keyof AllKernels>(
  references: { readonly [K in Names]: Reference<K> },
  memory: Memory,
): Pick<AllKernels, Names> {
  const calls = Object.entries(references).map(([name, kernel]) => [
    name,
    (kernel as (memory: Memory, ...numbers: number[]) => void).bind(undefined, memory),
  ]);
  return Object.fromEntries(calls) as Pick<AllKernels, Names>;
}
