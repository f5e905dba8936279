/**
 * The codes of a file's long runs of numbers. A platform may have faster ones than this folder's own loops, for the same
 * numbers, bit for bit.
 */
import type { BitCoder } from './bit-coder.ts';
import type { CoreLayout } from './coded-order.ts';
import { type FloatPatternsCode, floatPatternsCode } from './float-patterns-code.ts';
import { levelsCode } from './levels-code.ts';
import type { RangeDecoder } from './range-decoder.ts';

/** Takes the levels of an operand when writing, and returns them. */
export type LevelsCode = (layout: CoreLayout, levels?: Int32Array) => Int32Array;

/** The codes of one file. */
export interface NumberRuns {
  readonly levels: LevelsCode;
  /** Whether levels have the frequency axes first, then the others, rather than the axes of the layout. */
  readonly frequenciesFirst?: boolean;
  /** Makes a code with statistics of its own. */
  floats(): FloatPatternsCode;
}

/** Makes the codes for a decoder at the start of the section. */
export type RunsDecoder = (decoder: RangeDecoder) => NumberRuns;

/** This folder's own codes. */
export function plainRuns(coder: BitCoder): NumberRuns {
  return { levels: levelsCode(coder), floats: () => floatPatternsCode(coder) };
}
