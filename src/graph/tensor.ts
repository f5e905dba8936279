/**
 * A tensor: element type, shape and the elements as ONNX's raw data holds them (little-endian, row-major).
 * Keeping raw bytes lets every type, also those that JavaScript has no array for, pass through unchanged.
 */
import { byteLength, type DType } from './dtype.ts';
import type { Unmodelled } from './unmodelled.ts';

/** A tensor of anything but strings. `data` holds exactly `byteLength(dtype, elementCount(shape))` bytes. */
export interface NumericTensor extends Unmodelled {
  readonly dtype: Exclude<DType, 'string'>;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** A tensor of strings, as bytes because ONNX does not promise UTF-8. */
export interface StringTensor extends Unmodelled {
  readonly dtype: 'string';
  readonly shape: readonly number[];
  readonly strings: readonly Uint8Array[];
}

export type Tensor = NumericTensor | StringTensor;

/** Coordinate-format sparse tensor, as ONNX's SparseTensorProto: `values` (NNZ), `indices` (NNZ) or (NNZ, rank) of int64. */
export interface SparseTensor extends Unmodelled {
  readonly shape: readonly number[];
  readonly values: Tensor;
  readonly indices: Tensor;
}

/** Number of elements of a shape; 1 for a scalar. Throws `RangeError` where a dimension is no size, or there are too many to count. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dim of shape) count = Number.isInteger(dim) && dim >= 0 ? count * dim : Number.NaN;
  if (!Number.isSafeInteger(count)) throw new RangeError(`shape [${shape}] has no valid element count`);
  return count;
}

/** Makes a numeric tensor and checks that `data` fits `shape`; throws `RangeError` otherwise. */
export function numericTensor(
  dtype: NumericTensor['dtype'],
  shape: readonly number[],
  data: Uint8Array,
): NumericTensor {
  const expected = byteLength(dtype, elementCount(shape));
  if (data.byteLength !== expected) {
    throw new RangeError(`${dtype} tensor [${shape}] needs ${expected} bytes, got ${data.byteLength}`);
  }
  return { dtype, shape, data };
}

/** A float32 tensor over the memory of `values`. */
export function float32Tensor(shape: readonly number[], values: Float32Array): NumericTensor {
  return numericTensor('float32', shape, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/** An int64 tensor with these values, as shape arithmetic uses it; 1-D unless `shape` is given. */
export function int64Tensor(values: readonly number[], shape: readonly number[] = [values.length]): NumericTensor {
  return numericTensor('int64', shape, new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
}
