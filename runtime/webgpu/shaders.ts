/**
 * The kernels that there are as shaders, a family per file. What is missing here the host runs.
 */
import type { ShaderTable } from './dispatch.ts';
import { conv } from './kernels/conv.ts';
import { elementwise } from './kernels/elementwise.ts';
import { fill } from './kernels/fill.ts';

export const SHADERS: ShaderTable = {
  conv,
  elementwise,
  fill,
};
