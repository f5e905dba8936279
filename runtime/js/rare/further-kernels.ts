/** The kernels of operators that are not in every build of the runtime. */
import type { FurtherKernels } from '../../kernels/rare-kernels.ts';
import { bound, type Memory, type Reference } from '../memory.ts';
import { cumulativeSum } from './cumulative-sum.ts';
import { gridSample } from './grid-sample.ts';
import { recurrent } from './recurrent.ts';
import { roiAlign } from './roi-align.ts';
import { scatter } from './scatter.ts';

const FURTHER: { readonly [K in keyof FurtherKernels]: Reference<K> } = {
  cumulativeSum,
  gridSample,
  recurrent,
  roiAlign,
  scatter,
};

/** Those kernels over the memory of a machine. */
export function furtherKernels(memory: Memory): FurtherKernels {
  return bound(FURTHER, memory);
}
