/**
 * The second moments of a layer's inputs, as the quantiser needs them: centred, damped, in the basis in which the weight
 * is stored, and factored.
 *
 * A matrix W (outputs, inputs) that is stored with the error E changes the layer's outputs by E x, and its squared error
 * over all inputs is tr(E H Eᵀ) with H = Σ x xᵀ (Hassibi and Stork 1993; Frantar et al., "Optimal brain compression",
 * arXiv 2208.11580).
 */
import { dct } from '../dct.ts';
import { dotRows } from './dot-rows.ts';

/** Second moments of a layer's inputs: symmetric and, once damped, positive definite. */
export interface Hessian {
  /** Inputs of the layer: columns of its weight. */
  readonly size: number;
  /** (size, size), row-major. */
  readonly values: Float64Array;
}

/**
 * Takes out what the inputs' mean contributes, in place: H − s sᵀ / T. A layer with a bias takes the mean output error up
 * by its bias, so that the rest is what counts.
 *
 * @param sums s = Σ x over the same inputs, of length `size`
 * @param count T, how many inputs were summed
 */
export function centre({ size, values }: Hessian, sums: Float64Array, count: number): void {
  if (sums.length !== size) throw new TypeError(`${sums.length} sums for ${size} inputs`);
  if (!(count > 0)) throw new RangeError(`second moments of ${count} inputs`);
  for (let row = 0; row < size; row++) {
    const part = sums[row]! / count;
    if (part === 0) continue;
    const start = row * size;
    for (let column = 0; column < size; column++) values[start + column]! -= part * sums[column]!;
  }
}

/** How much of the mean diagonal is added to the diagonal (Frantar et al., arXiv 2210.17323, section 3.3). */
const DAMPING = 0.01;

/**
 * Adds a part of the mean diagonal to the diagonal, in place, so that inputs which never vary and few samples leave the
 * matrix positive definite. Where nothing varies at all it becomes the identity.
 */
export function damp({ size, values }: Hessian, part = DAMPING): void {
  const mean = meanDiagonal({ size, values });
  const added = mean > 0 ? part * mean : 1;
  for (let at = 0; at < values.length; at += size + 1) values[at]! += added;
}

/** Mean of the diagonal: the mean energy of an input. */
export function meanDiagonal({ size, values }: Hessian): number {
  let sum = 0;
  for (let at = 0; at < values.length; at += size + 1) sum += values[at]!;
  return sum / size;
}

/**
 * Second moments of the transformed inputs, in place: H ← T H Tᵀ, where T is the orthonormal DCT along `axes` of inputs
 * that lie as `shape`. With the weight transformed likewise, W ← W Tᵀ, the error tr(E H Eᵀ) is the same number.
 *
 * @param shape of one row of the weight, such as (channels, height, width) of a filter; its product is `size`
 * @param axes of `shape`
 */
export function changeBasis({ size, values }: Hessian, shape: readonly number[], axes: readonly number[]): void {
  if (shape.reduce((product, length) => product * length, 1) !== size) {
    throw new TypeError(`inputs of shape (${shape}) are not ${size}`);
  }
  dct(values, [...shape, ...shape], [...axes, ...axes.map((axis) => axis + shape.length)]);
}

/** H = U D Uᵀ with U upper triangular, of unit diagonal, and D diagonal. */
export interface FactoredHessian {
  readonly size: number;
  /** U: (size, size), row-major; its diagonal and what is below it are not used. */
  readonly upper: Float64Array;
  /** Diagonal of D, all positive: what is left of each input's energy when those behind it are known. */
  readonly weights: Float64Array;
}

/** Columns that are factored together; half a kilobyte of a row. */
const BLOCK = 64;

/**
 * Factors H = U D Uᵀ, from the last column to the first, a block at a time: n³ / 6 multiplications and n² numbers of
 * memory, which for n = 4608 are 170 MB and some seconds. `values` is left as it is. Throws `RangeError` for what is not positive definite.
 *
 * The Cholesky factor of the inverse that GPTQ uses (upper, called V here) is the same thing: V = D^(−1/2) U⁻¹, so that
 * D = 1 / V², but no inverse has to be computed.
 */
export function factor({ size, values }: Hessian): FactoredHessian {
  if (values.length !== size * size) throw new TypeError(`${values.length} numbers for a (${size}, ${size}) matrix`);
  // As a Cholesky factor R with H = R Rᵀ, R upper, until the last step.
  const upper = Float64Array.from(values);
  for (let end = size; end > 0; end -= BLOCK) {
    const start = Math.max(0, end - BLOCK);
    dotRows(upper, size, start, end);
    for (let j = end - 1; j >= start; j--) factorColumn(upper, size, j, end);
  }
  const weights = new Float64Array(size);
  for (let j = 0; j < size; j++) weights[j] = upper[j * size + j]! ** 2;
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) upper[i * size + j]! /= Math.sqrt(weights[j]!);
  }
  return { size, upper, weights };
}

/** Column `j` of R, when all columns behind it are known, and its entries are less what those behind `end` explain. */
function factorColumn(upper: Float64Array, size: number, j: number, end: number): void {
  const own = j * size;
  let square = upper[own + j]!;
  for (let k = j + 1; k < end; k++) square -= upper[own + k]! ** 2;
  if (!(square > 0 && square < Number.MAX_VALUE))
    throw new RangeError('a matrix of second moments is not positive definite');
  const diagonal = Math.sqrt(square);
  upper[own + j] = diagonal;
  for (let i = 0; i < j; i++) {
    const row = i * size;
    let sum = upper[row + j]!;
    for (let k = j + 1; k < end; k++) sum -= upper[row + k]! * upper[own + k]!;
    upper[row + j] = sum / diagonal;
  }
}
