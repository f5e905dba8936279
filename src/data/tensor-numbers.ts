/**
 * Numbers into tensors of any plain number type, as inputs of a model need them, and out of its outputs.
 */
import { UnsupportedError } from '../errors.ts';
import type { DType } from '../graph/dtype.ts';
import { fromFloats, isFloat, toFloat32, toNumbers } from '../graph/numbers.ts';
import { type NumericTensor, numericTensor, type Tensor } from '../graph/tensor.ts';

const INTEGER_ARRAYS = {
  uint8: Uint8Array,
  bool: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
} as const;

const LONG_ARRAYS = { int64: BigInt64Array, uint64: BigUint64Array } as const;

/**
 * A tensor of type `dtype` with these elements; integer types take them rounded to the nearest integer. Throws
 * `UnsupportedError` for strings, complex, 4-bit and 8-bit float types.
 */
export function tensorFromNumbers(dtype: DType, shape: readonly number[], values: ArrayLike<number>): NumericTensor {
  if (isFloat(dtype)) return fromFloats(dtype, shape, values);
  if (dtype === 'int64' || dtype === 'uint64') {
    const elements = new LONG_ARRAYS[dtype](values.length);
    for (let index = 0; index < values.length; index++) elements[index] = BigInt(Math.round(values[index]!));
    return numericTensor(dtype, shape, new Uint8Array(elements.buffer));
  }
  if (!(dtype in INTEGER_ARRAYS)) throw new UnsupportedError(`inputs of type ${dtype} cannot be made from numbers`);
  const elements = new INTEGER_ARRAYS[dtype as keyof typeof INTEGER_ARRAYS](values.length);
  for (let index = 0; index < values.length; index++) elements[index] = Math.round(values[index]!);
  return numericTensor(dtype as keyof typeof INTEGER_ARRAYS, shape, new Uint8Array(elements.buffer));
}

/** Elements as numbers, as a typed array where the tensor is one. Throws as `toNumbers` does. */
export function elementsOf(tensor: Tensor): ArrayLike<number> {
  return isFloat(tensor.dtype) && tensor.dtype !== 'float64' ? toFloat32(tensor) : toNumbers(tensor);
}
