/**
 * What a platform may offer to decode the long runs of numbers in a file faster than this folder's own loops: the same
 * numbers, bit for bit.
 */
import type { CoreLayout } from './levels-code.ts';

/** Where a range decoder stands: the index of the next byte, and its two numbers. */
export interface RangeState {
  next: number;
  range: number;
  code: number;
}

/** Continues from the state of a range decoder, and leaves it where the run ends. For one section of one file. */
export interface BulkDecoder {
  /** Begins: `bytes` are those of the section. */
  open(bytes: Uint8Array, state: RangeState): void;
  /** Reserves contexts as `BitCoder.contexts` does; a shorter `initial` leaves the rest at one half. */
  contexts(size: number, initial?: ArrayLike<number>): number;
  /**
   * The levels of an operand, in a new array that is row-major over the frequency axes and then the others. `contexts` are
   * those of the classes and then those of the mantissas. Throws `FormatError` where they are damaged.
   */
  levels(contexts: number, layout: CoreLayout): Int32Array;
  /**
   * `count` patterns of a float type with these numbers of bits, of whose mantissa the `unused` lowest are 0, in a new
   * array. `contexts` are the trees of exponents behind each exponent, the flags of zero and of its sign, and the tree of the highest
   * mantissa bits. Throws `FormatError` where they are damaged.
   */
  patterns(contexts: number, count: number, exponentBits: number, mantissaBits: number, unused: number): Uint32Array;
}
