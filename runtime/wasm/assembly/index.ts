/** The kernels that WebAssembly offers: see ../../kernels/kernels.ts for what each does. */

/** First byte behind this module's own constants. */
export const heapBase: usize = __heap_base;

export { arg } from './arg';
export { conv } from './conv';
export { convTranspose } from './conv-transpose';
export { copy, fill } from './copy';
export { covariance } from './covariance';
export { depthwise } from './depthwise';
export { elementwise } from './elementwise';
export { cosine, expand } from './expand';
export { expandProject } from './expand-project';
export { gather } from './gather';
export { interpolate } from './interpolate';
export { matmul } from './matmul';
export { multiplyRow, multiplyTile } from './micro-kernel';
export { normalize } from './normalize';
export { packColumns, packRows } from './pack';
export { pool } from './pool';
export {
  code,
  decodeLevels,
  decodePatterns,
  decodeRow,
  next,
  prepareDecoder,
  range,
  resumeDecoder,
} from './range-decoder';
export { reduce } from './reduce';
export { softmax } from './softmax';
