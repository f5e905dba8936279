/**
 * Weights on their way from Keras' order of axes to ONNX's.
 */
import { permuted } from '../../src/graph/permute.ts';
import { float32Tensor, type NumericTensor } from '../../src/graph/tensor.ts';
import type { KerasArray } from './keras-model.ts';

/** The array as a tensor, over the same memory. */
export function arrayTensor({ shape, values }: KerasArray): NumericTensor {
  return float32Tensor(shape, values);
}

/** The array with axis i of the result being axis `perm[i]`. */
export function permutedArray(array: KerasArray, perm: readonly number[]): NumericTensor {
  return permuted(arrayTensor(array), perm);
}

/** A (rows, columns) array with row `order[i]` at place i. */
export function withRows({ shape, values }: KerasArray, order: readonly number[]): KerasArray {
  const columns = shape.slice(1).reduce((product, size) => product * size, 1);
  const moved = new Float32Array(values.length);
  order.forEach((row, place) => {
    moved.set(values.subarray(row * columns, (row + 1) * columns), place * columns);
  });
  return { shape, values: moved };
}

/** An array of `count` times `value`. */
export function filledArray(count: number, value: number): KerasArray {
  return { shape: [count], values: new Float32Array(count).fill(value) };
}
