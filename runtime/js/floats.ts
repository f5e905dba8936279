/**
 * Float elements of exact tensors as float32, without a library: what the reference decoder hands out.
 */
import { floatFromHalf } from '../../src/codec/half.ts';
import type { DType } from '../../src/graph/dtype.ts';
import { elementCount, type NumericTensor } from '../../src/graph/tensor.ts';

/** Reads element `at` of little-endian raw data. */
type ElementReader = (view: DataView, at: number) => number;

const word = new DataView(new ArrayBuffer(4));

/** The float32 number with this bit pattern. */
function floatOfPattern(pattern: number): number {
  word.setUint32(0, pattern);
  return word.getFloat32(0);
}

const READERS: Partial<Record<DType, ElementReader>> = {
  float32: (view, at) => view.getFloat32(4 * at, true),
  float64: (view, at) => view.getFloat64(8 * at, true),
  float16: (view, at) => floatOfPattern(floatFromHalf(view.getUint16(2 * at, true))),
  bfloat16: (view, at) => floatOfPattern(view.getUint16(2 * at, true) << 16),
};

/**
 * A new array with the elements of a float32, float16, bfloat16 or float64 tensor; `undefined` for any other type.
 */
export function floatsOf({ dtype, shape, data }: NumericTensor): Float32Array | undefined {
  const read = READERS[dtype];
  if (!read) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Float32Array.from({ length: elementCount(shape) }, (_, at) => read(view, at));
}
