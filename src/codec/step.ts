/**
 * The grid of quantiser steps: floating-point numbers with five bits of mantissa, 32 to the octave. Each is exact in
 * binary, so that every decoder has the same, and a step costs a byte or two in a file.
 */

const PER_OCTAVE = 32;

/** Steps run from 2⁻⁶⁴ to 2⁶⁴. */
export const LARGEST_STEP_CODE = 64 * PER_OCTAVE;

/** The step with number `code`, from −2048 to 2048: (1 + (code mod 32) / 32) × 2^⌊code / 32⌋. */
export function stepOf(code: number): number {
  const octave = Math.floor(code / PER_OCTAVE);
  return (1 + (code - PER_OCTAVE * octave) / PER_OCTAVE) * 2 ** octave;
}

/** Number of the step nearest to `step`, within the grid's ends. */
export function nearestStepCode(step: number): number {
  const inside = Math.min(Math.max(step, stepOf(-LARGEST_STEP_CODE)), stepOf(LARGEST_STEP_CODE));
  const octave = Math.floor(Math.log2(inside));
  return PER_OCTAVE * octave + Math.round((inside / 2 ** octave - 1) * PER_OCTAVE);
}
