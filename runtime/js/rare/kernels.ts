/** All rare kernels over one memory. */
import type { RareKernels } from '../../kernels/rare-kernels.ts';
import type { Memory, Reference } from '../memory.ts';
import { cumulativeSum } from './cumulative-sum.ts';
import { gridSample } from './grid-sample.ts';
import { normalizeExpansion } from './normalize-expansion.ts';
import { recurrent } from './recurrent.ts';
import { roiAlign } from './roi-align.ts';
import { scatter } from './scatter.ts';
import { topK } from './top-k.ts';

const RARE: { readonly [K in keyof RareKernels]: Reference<K> } = {
  cumulativeSum,
  topK,
  scatter,
  recurrent,
  gridSample,
  roiAlign,
  normalizeExpansion,
};

/** The kernels that are TypeScript on every backend, over the memory of one. */
export function rareKernels(memory: Memory): RareKernels {
  const bound = Object.entries(RARE).map(([name, kernel]) => [
    name,
    (...numbers: number[]) => (kernel as (memory: Memory, ...numbers: number[]) => void)(memory, ...numbers),
  ]);
  return Object.fromEntries(bound) as unknown as RareKernels;
}
