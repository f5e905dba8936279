/** All reference kernels over one memory. */
import type { Kernels } from '../kernels/kernels.ts';
import { arg } from './arg.ts';
import { conv, depthwise } from './conv.ts';
import { convTranspose } from './conv-transpose.ts';
import { copy } from './copy.ts';
import { elementwise } from './elementwise.ts';
import { cosine, expand } from './expand.ts';
import { covariance, expandProject } from './expand-project.ts';
import { fill } from './fill.ts';
import { gather } from './gather.ts';
import { interpolate } from './interpolate.ts';
import { matmul } from './matmul.ts';
import { bound, type Memory, type Reference } from './memory.ts';
import { normalize } from './normalize.ts';
import { packColumns, packRows } from './pack.ts';
import { pool } from './pool.ts';
import { reduce } from './reduce.ts';
import { softmax } from './softmax.ts';

const REFERENCES: { readonly [K in keyof Kernels]: Reference<K> } = {
  elementwise,
  packRows,
  packColumns,
  matmul,
  conv,
  depthwise,
  convTranspose,
  pool,
  reduce,
  arg,
  softmax,
  normalize,
  copy,
  fill,
  gather,
  interpolate,
  expandProject,
  covariance,
  expand,
  cosine,
};

/** The kernels in plain TypeScript, for pages that forbid WebAssembly and as the yardstick of the fast ones. */
export function referenceKernels(memory: Memory): Kernels {
  return bound(REFERENCES, memory);
}
