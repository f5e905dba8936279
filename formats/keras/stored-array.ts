/**
 * Arrays as files store them, of any plain number type, as the float32 arrays that layers have.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { isFloat, toFloat32, toNumbers } from '../../src/graph/numbers.ts';
import { type NumericTensor, numericTensor } from '../../src/graph/tensor.ts';
import type { KerasArray } from './keras-model.ts';

/**
 * The array with the little-endian elements `data`, of which there must be as many as `shape` says. Throws
 * `UnsupportedError` where there is no type, for elements are then not plain numbers; `what` names the array.
 */
export function storedArray(
  what: string,
  dtype: NumericTensor['dtype'] | undefined,
  shape: readonly number[],
  data: Uint8Array,
): KerasArray {
  if (dtype === undefined) throw new UnsupportedError(`Keras: ${what} holds elements that are not plain numbers`);
  const tensor = numericTensor(dtype, [...shape], data);
  return { shape: [...shape], values: isFloat(dtype) ? toFloat32(tensor) : Float32Array.from(toNumbers(tensor)) };
}
