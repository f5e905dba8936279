/**
 * The long runs of numbers of a file. A platform may have faster code for them than this folder's own loops, for the same
 * numbers, bit for bit.
 */
import type { BitCoder } from './bit-coder.ts';
import { chainsCode } from './chains-code.ts';
import type { CoreLayout } from './coded-order.ts';
import { floatPatternsCode, type PatternsCode } from './float-patterns-code.ts';
import { levelsCode } from './levels-code.ts';
import type { RangeDecoder } from './range-decoder.ts';

/** Codes the runs of one file. */
export interface NumberRuns {
  readonly patterns: PatternsCode;
  /** Codes the levels of an operand, those of chains as multiples of the step. */
  levels(layout: CoreLayout): Int32Array;
  /** Whether levels have their axes as `axesOf` says, rather than as the layout. */
  readonly inCodedOrder?: boolean;
}

/** Makes the codes for a decoder at the start of the section. */
export type RunsDecoder = (decoder: RangeDecoder) => NumberRuns;

/** This folder's own codes. */
export function plainRuns(coder: BitCoder): NumberRuns {
  const levels = levelsCode(coder);
  const chains = chainsCode(coder);
  return {
    patterns: floatPatternsCode(coder),
    levels: (layout) => (layout.chainAxis === undefined ? levels : chains)(layout),
  };
}
