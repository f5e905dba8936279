/**
 * Every kernel and instruction that there is as a shader: in the build that has all operators.
 */
import { ALL_INSTRUCTIONS } from './further-instructions.ts';
import { cumulativeSum } from './kernels/cumulative-sum.ts';
import { scatter } from './kernels/scatter.ts';
import { SHADERS, type Shaders } from './shaders.ts';

export const ALL_SHADERS: Shaders = {
  kernels: { ...SHADERS.kernels, cumulativeSum, scatter },
  instructions: ALL_INSTRUCTIONS,
};
