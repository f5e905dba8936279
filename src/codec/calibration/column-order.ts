/**
 * The order of a matrix's columns in the file, which is the order in which they are quantised: frequencies in zigzag order, under
 * each the other axes. And where rows and columns lie in the tensor.
 */
import { stridesOf } from '../einsum.ts';
import { forEachInZigzag } from '../zigzag.ts';
import type { LayerForm } from './forms.ts';
import type { Hessian } from './hessian.ts';
import type { LevelPlaces } from './level-neighbours.ts';

/** The order in which a file has the entries of a row that lies as `shape`, with frequencies along `frequencies`. */
export function codedOrder(shape: readonly number[], frequencies: readonly number[]): Uint32Array {
  const order = new Uint32Array(shape.reduce((product, size) => product * size, 1));
  let place = 0;
  forEachInZigzag(shape, frequencies, order.length, (offset) => {
    order[place++] = offset;
  });
  return order;
}

/** A matrix with its columns in another order. */
export function permuteColumns(matrix: Float64Array, order: Uint32Array): Float64Array {
  const permuted = new Float64Array(matrix.length);
  for (let start = 0; start < matrix.length; start += order.length) {
    for (let place = 0; place < order.length; place++) permuted[start + place] = matrix[start + order[place]!]!;
  }
  return permuted;
}

/** The inverse of `permuteColumns`, into `matrix`. */
export function restoreColumns(matrix: Int32Array, permuted: Int32Array, order: Uint32Array): void {
  for (let start = 0; start < matrix.length; start += order.length) {
    for (let place = 0; place < order.length; place++) matrix[start + order[place]!] = permuted[start + place]!;
  }
}

/** A symmetric matrix with its rows and columns in another order. */
export function permuteBoth({ size, values }: Hessian, order: Uint32Array): Hessian {
  const permuted = new Float64Array(values.length);
  for (let row = 0, at = 0; row < size; row++) {
    const from = order[row]! * size;
    for (let place = 0; place < size; place++, at++) permuted[at] = values[from + order[place]!]!;
  }
  return { size, values: permuted };
}

/**
 * The axis of the outputs, which makes a row of the matrix a chain; `undefined` where outputs do not lie along one axis, as in a transposed
 * convolution of several groups.
 */
export function chainAxisOf({ shape, groups, rows, columns, outer }: LayerForm): number | undefined {
  const strides = stridesOf(shape);
  const axis = shape.findIndex((size, at) => size === groups * rows && strides[at] === columns / outer);
  return axis < 0 || (groups > 1 && outer > 1) ? undefined : axis;
}

/** Where the rows and columns of a group lie in the tensor, the columns in the given order. */
export function placesOf(
  { shape, groups, rows, columns, outer }: LayerForm,
  group: number,
  order: Uint32Array,
): LevelPlaces {
  const inner = columns / outer;
  const first = (group * shape.reduce((product, size) => product * size, 1)) / groups;
  return {
    shape,
    rows: Uint32Array.from({ length: rows }, (_, row) => first + row * inner),
    columns: order.map((at) => Math.floor(at / inner) * rows * inner + (at % inner)),
  };
}
