/**
 * The search for the smallest support: how few low frequencies explain a tensor.
 */
import { stridesOf } from './einsum.ts';
import { indexSums, zigzagOrder } from './zigzag.ts';

/** Low frequencies in a box; what stands behind the support in zigzag order is zero. */
export interface Support {
  /** Of the box. */
  readonly shape: readonly number[];
  /** Row-major over the box. */
  readonly values: Float64Array;
  /** Entries that belong to the support. */
  readonly size: number;
}

/**
 * The smallest support: the first frequencies in zigzag order, without which less than `tolerance`² of the energy is
 * lost. All of them where the energy does not fall off with frequency.
 *
 * @param coefficients orthonormal DCT coefficients, row-major over `shape`
 * @param axes the axes whose index is a frequency; the others are kept whole
 * @param tolerance relative error (Frobenius norm) that may be left out
 */
export function smallestSupport(
  coefficients: Float64Array,
  shape: readonly number[],
  axes: readonly number[],
  tolerance: number,
): Support {
  if (axes.length === 0) return { shape, values: coefficients, size: coefficients.length };
  const energies = shellEnergies(coefficients, shape, axes);
  const allowed = tolerance ** 2 * energies.reduce((sum, energy) => sum + energy, 0);
  let last = energies.length - 1;
  let tail = 0;
  while (last > 0 && tail + energies[last]! <= allowed) tail += energies[last--]!;
  const box = shape.map((size, axis) => (axes.includes(axis) ? Math.min(size, last + 1) : size));
  const values = gather(coefficients, shape, box);
  const isMixed = shape.some((size, axis) => size > 1 && !axes.includes(axis));
  if (isMixed) return { shape: box, values, size: values.length };
  return { shape: box, values, size: cutTail(values, box, last, allowed - tail) };
}

/**
 * Sets entries of an index sum above `last` to zero, and before them the last ones in zigzag order while their energy
 * stays within `allowed`; returns how many are left.
 */
function cutTail(values: Float64Array, shape: readonly number[], last: number, allowed: number): number {
  const order = zigzagOrder(shape);
  const sums = indexSums(shape);
  let size = order.length;
  while (sums[order[size - 1]!]! > last) values[order[--size]!] = 0;
  for (let tail = 0; size > 0; size--) {
    const at = order[size - 1]!;
    tail += values[at]! ** 2;
    if (tail > allowed) break;
    values[at] = 0;
  }
  return size;
}

/** Energy (sum of squares) of all coefficients of each index sum. */
export function shellEnergies(values: Float64Array, shape: readonly number[], axes: readonly number[]): Float64Array {
  const energies = new Float64Array(axes.reduce((sum, axis) => sum + shape[axis]! - 1, 1));
  const steps = shape.map((_, axis) => (axes.includes(axis) ? 1 : 0));
  forEachRow(shape, (start, length, index) => {
    const step = steps.at(-1) ?? 0;
    let shell = index.reduce((sum, place, axis) => sum + place * steps[axis]!, 0);
    for (let at = start; at < start + length; at++, shell += step) energies[shell]! += values[at]! * values[at]!;
  });
  return energies;
}

/** Visits the rows (runs along the last axis) of an array: first offset, length, index of the row's first entry. */
function forEachRow(
  shape: readonly number[],
  visit: (start: number, length: number, index: readonly number[]) => void,
): void {
  const length = shape.at(-1) ?? 1;
  const rows = shape.reduce((product, size) => product * size, 1) / length;
  const index = shape.map(() => 0);
  for (let row = 0; row < rows; row++) {
    visit(row * length, length, index);
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** The corner of size `box` of an array; the array itself where that is all of it. */
export function gather<T extends Float64Array | Int32Array>(
  values: T,
  shape: readonly number[],
  box: readonly number[],
): T {
  if (box.every((size, axis) => size === shape[axis])) return values;
  const strides = stridesOf(shape);
  const corner = new (values.constructor as new (length: number) => T)(box.reduce((a, b) => a * b, 1));
  forEachRow(box, (start, length, index) => {
    const from = index.reduce((sum, place, axis) => sum + place * strides[axis]!, 0);
    corner.set(values.subarray(from, from + length) as never, start);
  });
  return corner;
}

/** The smallest corner that holds all entries other than zero, cut along `axes` only. */
export function boundingBox(levels: Int32Array, shape: readonly number[], axes: readonly number[]): number[] {
  const box = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const last = shape.length - 1;
  forEachRow(shape, (start, length, index) => {
    let end = length;
    while (end > 0 && levels[start + end - 1] === 0) end--;
    if (end === 0) return;
    for (const axis of axes) box[axis] = Math.max(box[axis]!, axis === last ? end : index[axis]! + 1);
  });
  return box;
}
