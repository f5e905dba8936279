/** All rare kernels over one memory. */
import type { RareKernels } from '../../kernels/rare-kernels.ts';
import { bound, type Memory, type Reference } from '../memory.ts';
import { cumulativeSum } from './cumulative-sum.ts';
import { normalizeExpansion } from './normalize-expansion.ts';
import { scatter } from './scatter.ts';
import { topK } from './top-k.ts';

const RARE: { readonly [K in keyof RareKernels]: Reference<K> } = {
  cumulativeSum,
  topK,
  scatter,
  normalizeExpansion,
};

/** The kernels that are TypeScript on every backend, over the memory of one. */
export function rareKernels(memory: Memory): RareKernels {
  return bound(RARE, memory);
}
