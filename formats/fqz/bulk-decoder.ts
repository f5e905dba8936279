/**
 * Long runs of numbers decoded by what a platform offers.
 */
import { type CoreLayout, codedCount } from './coded-order.ts';
import { FLOAT_LAYOUTS, type PatternDType, zeroBitsCode } from './float-patterns-code.ts';
import { CLASS_CONTEXTS, classPriors, MANTISSA_CONTEXTS } from './levels-code.ts';
import type { RunsDecoder } from './number-runs.ts';
import { perKey } from './symbols.ts';

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

/** The codes that leave runs to `bulk`. */
export function bulkRuns(bulk: BulkDecoder): RunsDecoder {
  return (decoder) => {
    bulk.open(decoder.bytes, decoder);
    const levels = bulk.contexts(CLASS_CONTEXTS + MANTISSA_CONTEXTS, classPriors());
    const floatsOf = (dtype: PatternDType) => {
      const { exponent, mantissa } = FLOAT_LAYOUTS[dtype];
      const zeroBits = zeroBitsCode(decoder, mantissa);
      const contexts = bulk.contexts((1 << (2 * exponent)) + 6);
      return (count: number) => {
        decoder.expect(count * exponent);
        return bulk.patterns(contexts, count, exponent, mantissa, zeroBits());
      };
    };
    return {
      frequenciesFirst: true,
      levels(layout) {
        decoder.expect(codedCount(layout));
        return bulk.levels(levels, layout);
      },
      floats() {
        const codes = perKey(floatsOf);
        return (dtype, count) => codes(dtype)(count);
      },
    };
  };
}
