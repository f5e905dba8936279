/**
 * The inner loop of the blocked factorisation: products of rows, four by four, so that each number that is loaded is used
 * four times.
 */

/** Columns of one pass: a block's rows of this length stay in the cache. */
const TILE = 256;

/**
 * Takes from each entry (i, j) of a (size, size) matrix, with start ≤ j < end and i ≤ j, the product of rows i and j from
 * column `end` on. In place, row-major.
 */
export function dotRows(matrix: Float64Array, size: number, start: number, end: number): void {
  for (let from = end; from < size; from += TILE) {
    const to = Math.min(size, from + TILE);
    for (let i = 0; i < end; i += 4) {
      for (let j = start + ((i > start ? i - start : 0) & ~3); j < end; j += 4) {
        if (i + 4 <= end && j + 4 <= end) dotFourByFour(matrix, size, i, j, from, to);
        else dotFew(matrix, size, i, Math.min(i + 4, end), j, Math.min(j + 4, end), from, to);
      }
    }
  }
}

function dotFew(
  matrix: Float64Array,
  size: number,
  firstRow: number,
  rowEnd: number,
  firstColumn: number,
  columnEnd: number,
  from: number,
  to: number,
): void {
  for (let i = firstRow; i < rowEnd; i++) {
    for (let j = firstColumn; j < columnEnd; j++) {
      let sum = 0;
      for (let k = from; k < to; k++) sum += matrix[i * size + k]! * matrix[j * size + k]!;
      matrix[i * size + j]! -= sum;
    }
  }
}

function dotFourByFour(matrix: Float64Array, size: number, i: number, j: number, from: number, to: number): void {
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  let s23 = 0;
  let s30 = 0;
  let s31 = 0;
  let s32 = 0;
  let s33 = 0;
  let a = i * size + from;
  let b = j * size + from;
  for (let k = from; k < to; k++, a++, b++) {
    const a0 = matrix[a]!;
    const a1 = matrix[a + size]!;
    const a2 = matrix[a + 2 * size]!;
    const a3 = matrix[a + 3 * size]!;
    const b0 = matrix[b]!;
    const b1 = matrix[b + size]!;
    const b2 = matrix[b + 2 * size]!;
    const b3 = matrix[b + 3 * size]!;
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s03 += a0 * b3;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
    s13 += a1 * b3;
    s20 += a2 * b0;
    s21 += a2 * b1;
    s22 += a2 * b2;
    s23 += a2 * b3;
    s30 += a3 * b0;
    s31 += a3 * b1;
    s32 += a3 * b2;
    s33 += a3 * b3;
  }
  const at = i * size + j;
  matrix[at]! -= s00;
  matrix[at + 1]! -= s01;
  matrix[at + 2]! -= s02;
  matrix[at + 3]! -= s03;
  matrix[at + size]! -= s10;
  matrix[at + size + 1]! -= s11;
  matrix[at + size + 2]! -= s12;
  matrix[at + size + 3]! -= s13;
  matrix[at + 2 * size]! -= s20;
  matrix[at + 2 * size + 1]! -= s21;
  matrix[at + 2 * size + 2]! -= s22;
  matrix[at + 2 * size + 3]! -= s23;
  matrix[at + 3 * size]! -= s30;
  matrix[at + 3 * size + 1]! -= s31;
  matrix[at + 3 * size + 2]! -= s32;
  matrix[at + 3 * size + 3]! -= s33;
}
