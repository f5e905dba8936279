/** The rare kernels of every build over one memory. */
import type { RareKernels } from '../../kernels/rare-kernels.ts';
import { bound, type Memory, type Reference } from '../memory.ts';
import { normalizeExpansion } from './normalize-expansion.ts';
import { topK } from './top-k.ts';

const RARE: { readonly [K in keyof RareKernels]: Reference<K> } = {
  topK,
  normalizeExpansion,
};

/** The kernels that are TypeScript on every backend, over the memory of one. */
export function rareKernels(memory: Memory): RareKernels {
  return bound(RARE, memory);
}
