/**
 * The kernels that there are as shaders, a family per file. What is missing here the host runs.
 */
import type { ShaderTable } from './dispatch.ts';
import { conv } from './kernels/conv.ts';
import { copy, fill } from './kernels/copy.ts';
import { elementwise } from './kernels/elementwise.ts';
import { gather, interpolate } from './kernels/gather.ts';

export const SHADERS: ShaderTable = {
  conv,
  copy,
  elementwise,
  fill,
  gather,
  interpolate,
};
