/**
 * How close stored weights must stay to the originals: the scales of quality, and what they mean for one tensor.
 */

/** What a conversion is asked for. */
export type Fidelity =
  /** Quality 1 to 100 (fractions allowed): finer for small tensors than for large ones. */
  | { readonly kind: 'quality'; readonly quality: number }
  /** Every tensor within this relative error. */
  | { readonly kind: 'max-error'; readonly error: number }
  /** Numbers rounded to float16. */
  | { readonly kind: 'fp16' }
  | { readonly kind: 'lossless' };

/** Number of coefficients at which a tensor gets the quality's own error. */
const REFERENCE_SIZE = 100_000;
/** A tensor that may not be a weight at all is kept this much closer. */
const AMBIGUOUS_FACTOR = 0.25;

/**
 * The relative error (Frobenius norm) that a quality stands for: 4.6 % at 90, 0.16 % at 100, all at 1.
 */
export function errorOfQuality(quality: number): number {
  return ((101 - quality) / 100) ** 1.4;
}

/**
 * Relative error allowed to a tensor of `size` coefficients.
 *
 * At quality, the error grows with the fourth root of the size up to a reference. Equal slopes of rate and distortion
 * would let it grow with the square root (R = −K log ε per tensor against Σ ε²), but errors of few coefficients are
 * felt by a whole layer at once while those of many average out; half way between that and equal errors is where the
 * small networks of Frequency Regularization and ordinary dense layers both keep their accuracy.
 */
export function allowedError(fidelity: Fidelity, size: number, ambiguous: boolean): number {
  const factor = ambiguous ? AMBIGUOUS_FACTOR : 1;
  switch (fidelity.kind) {
    case 'quality':
      return factor * errorOfQuality(fidelity.quality) * Math.min(1, (size / REFERENCE_SIZE) ** 0.25);
    case 'max-error':
      return factor * fidelity.error;
    case 'fp16':
      return LARGEST_HALF_ERROR;
    case 'lossless':
      return 0;
  }
}

/**
 * Relative error of float16 rounding that is accepted. Normal float16 numbers round within 2⁻¹¹ each; a tensor that comes
 * out worse is out of float16's range.
 */
export const LARGEST_HALF_ERROR = 2 ** -11;
