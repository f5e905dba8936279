/**
 * The kernels that there are as shaders, a family per file. What is missing here the host runs.
 */
import type { ShaderTable } from './dispatch.ts';
import { conv } from './kernels/conv.ts';
import { convTranspose } from './kernels/conv-transpose.ts';
import { copy, fill } from './kernels/copy.ts';
import { covariance, normalizeExpansion } from './kernels/covariance.ts';
import { cumulativeSum } from './kernels/cumulative-sum.ts';
import { depthwise } from './kernels/depthwise.ts';
import { elementwise } from './kernels/elementwise.ts';
import { expandProject } from './kernels/expand-project.ts';
import { gather, interpolate } from './kernels/gather.ts';
import { matmul } from './kernels/matmul.ts';
import { normalize } from './kernels/normalize.ts';
import { packColumns, packRows } from './kernels/pack.ts';
import { pool } from './kernels/pool.ts';
import { arg, reduce } from './kernels/reduce.ts';
import { scatter } from './kernels/scatter.ts';
import { softmax } from './kernels/softmax.ts';
import { topK } from './kernels/top-k.ts';

export const SHADERS: ShaderTable = {
  arg,
  conv,
  convTranspose,
  copy,
  covariance,
  cumulativeSum,
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
  scatter,
  softmax,
  topK,
};
