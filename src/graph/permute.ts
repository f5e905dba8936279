/**
 * Transposes constant tensors of any type whose elements are whole bytes.
 */
import { DTYPES } from './dtype.ts';
import { elementCount, type NumericTensor, numericTensor } from './tensor.ts';

/** `tensor` with axis i of the result being axis `perm[i]`. Throws `RangeError` for 4-bit types, which share bytes. */
export function permuted(tensor: NumericTensor, perm: readonly number[]): NumericTensor {
  const width = DTYPES[tensor.dtype].bits / 8;
  if (!Number.isInteger(width)) throw new RangeError(`${tensor.dtype} elements cannot be moved one by one`);
  const shape = perm.map((axis) => tensor.shape[axis]!);
  const strides = perm.map((axis) => elementCount(tensor.shape.slice(axis + 1)) * width);
  const data = new Uint8Array(tensor.data.length);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < data.length; to += width) {
    for (let byte = 0; byte < width; byte++) data[to + byte] = tensor.data[from + byte]!;
    // The next index in row-major order, with `from` kept in step.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return numericTensor(tensor.dtype, shape, data);
}
