/**
 * The grid of quantiser steps: eight to the octave, so that a step costs a byte or less in a file. The factors are
 * literals because `Math.pow` may differ in its last bit from engine to engine, and a decoder must not.
 */

const FACTORS = [
  1, 1.0905077326652577, 1.189207115002721, 1.2968395546510096,
  // biome-ignore lint/suspicious/noApproximativeNumericConstant: one of eight factors, not the root of two for its own sake
  1.4142135623730951,
  1.542210825407941, 1.6817928305074292, 1.8340080864093424,
] as const;

/** Steps run from 2⁻⁶⁴ to 2⁶⁴. */
export const LARGEST_STEP_CODE = 512;

/** The step with number `code`: 2^(code / 8), for codes from −512 to 512. */
export function stepOf(code: number): number {
  const octave = Math.floor(code / 8);
  return FACTORS[(code - 8 * octave) as 0] * 2 ** octave;
}

/** Number of the step nearest to `step`, within the grid's ends. */
export function nearestStepCode(step: number): number {
  const code = Math.round(8 * Math.log2(step));
  return Math.min(Math.max(code, -LARGEST_STEP_CODE), LARGEST_STEP_CODE);
}
