/**
 * The kernels that there are as shaders in every build, a family per file. What is missing the host runs.
 */
import type { ShaderTable } from './dispatch.ts';
import { INSTRUCTIONS, type Instructions } from './instructions.ts';
import { conv } from './kernels/conv.ts';
import { convTranspose } from './kernels/conv-transpose.ts';
import { copy, fill } from './kernels/copy.ts';
import { covariance, normalizeExpansion } from './kernels/covariance.ts';
import { depthwise } from './kernels/depthwise.ts';
import { elementwise } from './kernels/elementwise.ts';
import { expandProject } from './kernels/expand-project.ts';
import { gather, interpolate } from './kernels/gather.ts';
import { matmul } from './kernels/matmul.ts';
import { normalize } from './kernels/normalize.ts';
import { packColumns, packRows } from './kernels/pack.ts';
import { pool } from './kernels/pool.ts';
import { arg, reduce } from './kernels/reduce.ts';
import { softmax } from './kernels/softmax.ts';
import { topK } from './kernels/top-k.ts';

/** What a build of the runtime has as shaders. */
export interface Shaders {
  readonly kernels: ShaderTable;
  readonly instructions: Instructions;
}

const kernels: ShaderTable = {
  arg,
  conv,
  convTranspose,
  copy,
  covariance,
  depthwise,
  elementwise,
  expandProject,
  fill,
  gather,
  interpolate,
  matmul,
  normalize,
  normalizeExpansion,
  packColumns,
  packRows,
  pool,
  reduce,
  softmax,
  topK,
};

export const SHADERS: Shaders = { kernels, instructions: INSTRUCTIONS };
