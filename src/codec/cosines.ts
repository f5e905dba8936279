/** The orthonormal DCT-II as a matrix. */

/** Entry (k, x) of the matrix of size `size`: what frequency k adds to sample x. */
export function cosineEntry(k: number, x: number, size: number): number {
  return Math.sqrt((k === 0 ? 1 : 2) / size) * Math.cos((Math.PI * (2 * x + 1) * k) / (2 * size));
}

/** The first `count` rows of the matrix of size `size`, row-major (count, size). */
export function cosineMatrix(count: number, size: number): Float64Array {
  const matrix = new Float64Array(count * size);
  for (let k = 0, at = 0; k < count; k++) for (let x = 0; x < size; x++) matrix[at++] = cosineEntry(k, x, size);
  return matrix;
}
