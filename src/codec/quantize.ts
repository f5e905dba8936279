/**
 * Uniform quantisation of one operand: the coarsest step of the grid that keeps a wanted distortion.
 */
import { keepSums, type SumGroups } from './keep-sums.ts';
import { LARGEST_STEP_CODE, nearestStepCode, stepOf } from './step.ts';

export interface Quantized {
  readonly levels: Int32Array;
  readonly step: number;
  /** Sum of squared differences between the values and levels × step. */
  readonly squaredError: number;
}

/** Levels must fit the file's coder; beyond this a value would be better kept as floating point. */
const LARGEST_LEVEL = 2 ** 22;

/**
 * Values closer to zero than 1/2 + this part of a step go to the lower level: it costs little distortion, and the lower
 * level costs fewer bits (the rounding offset of video coders, as in H.264's reference encoder).
 */
const DEAD_ZONE = 0.08;
/** A core of fewer numbers has no statistics to gain from. */
const FEWEST_FOR_DEAD_ZONE = 4096;

/**
 * Quantises with the largest step for which the sum of squared errors stays within `squaredError`.
 * Throws `RangeError` where even the finest step that the levels allow does not reach it.
 *
 * @param sums entries whose sums the levels are to keep
 */
export function quantizeTo(values: Float64Array, squaredError: number, sums?: SumGroups): Quantized {
  // A method may have spent all of the distortion before.
  if (!(squaredError >= 0)) throw new RangeError('the wanted distortion is too small');
  const offset = 0.5 - (values.length < FEWEST_FOR_DEAD_ZONE ? 0 : DEAD_ZONE);
  const fits = (code: number) => distortion(values, stepOf(code), offset) <= squaredError;
  // Where all values are coded, the error of a step is near step² / 12 each: start there.
  let code = coarsestFitting(nearestStepCode(Math.sqrt((12 * squaredError) / values.length)), fits);
  for (;;) {
    const quantized = quantizeBy(values, stepOf(code), offset, sums);
    // Keeping sums costs a little distortion, which may call for the next finer step.
    if (quantized.squaredError <= squaredError) return quantized;
    if (code <= -LARGEST_STEP_CODE) throw new RangeError('the values are too small for the wanted distortion');
    code--;
  }
}

/** The largest step code that fits, searched from `start` in strides that double, then by halving. */
function coarsestFitting(start: number, fits: (code: number) => boolean): number {
  const clamp = (code: number) => Math.min(Math.max(code, -LARGEST_STEP_CODE), LARGEST_STEP_CODE);
  let fine = start;
  let coarse = start;
  if (fits(start)) {
    for (let stride = 1; fits(coarse) && coarse < LARGEST_STEP_CODE; stride *= 2) {
      fine = coarse;
      coarse = clamp(fine + stride);
    }
    if (coarse === LARGEST_STEP_CODE && fits(coarse)) return coarse;
  } else {
    for (let stride = 1; !fits(fine) && fine > -LARGEST_STEP_CODE; stride *= 2) {
      coarse = fine;
      fine = clamp(coarse - stride);
    }
  }
  while (coarse - fine > 1) {
    const middle = (fine + coarse) >> 1;
    if (fits(middle)) fine = middle;
    else coarse = middle;
  }
  return fine;
}

function distortion(values: Float64Array, step: number, offset: number): number {
  const inverse = 1 / step;
  let sum = 0;
  for (let at = 0; at < values.length; at++) {
    const magnitude = Math.abs(values[at]!);
    const difference = magnitude - Math.floor(magnitude * inverse + offset) * step;
    sum += difference * difference;
  }
  return sum;
}

function quantizeBy(values: Float64Array, step: number, offset: number, sums: SumGroups | undefined): Quantized {
  const levels = new Int32Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const level = Math.floor(Math.abs(values[at]!) / step + offset);
    if (level > LARGEST_LEVEL) throw new RangeError('a value is too large against the wanted distortion');
    levels[at] = values[at]! < 0 ? -level : level;
  }
  if (sums) keepSums(values, levels, step, sums);
  let squaredError = 0;
  for (let at = 0; at < values.length; at++) squaredError += (values[at]! - levels[at]! * step) ** 2;
  return { levels, step, squaredError };
}
