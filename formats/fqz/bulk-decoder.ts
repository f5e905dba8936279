/**
 * Long runs of numbers decoded by what a platform offers.
 */

import { CHAIN_CONTEXTS, chainPriors } from './chains-code.ts';
import { type CoreLayout, codedCount } from './coded-order.ts';
import { FLOAT_LAYOUTS, patternContexts, zeroBits } from './float-patterns-code.ts';
import { classPriors, LEVEL_CONTEXTS } from './levels-code.ts';
import type { RunsDecoder } from './number-runs.ts';

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
  /**
   * Reserves contexts, and returns the first one's number. They start at one half, or, as many as there are in `initial`, at
   * these probabilities (see `startingAt`).
   */
  contexts(size: number, initial?: ArrayLike<number>): number;
  /**
   * The levels of an operand, in a new array that is row-major over the chain axis, the frequency axes and then the others.
   * `contexts` are those of the classes and then those of the mantissas. Throws `FormatError` where they are damaged.
   */
  levels(contexts: number, layout: CoreLayout): Int32Array;
  /**
   * `count` patterns of a float type with these numbers of bits, of whose mantissa the `unused` lowest are 0, in a new
   * array. `contexts` are as `patternContexts` says. Throws `FormatError` where they are damaged.
   */
  patterns(contexts: number, count: number, exponentBits: number, mantissaBits: number, unused: number): Uint32Array;
}

/** The codes that leave runs to `bulk`. */
export function bulkRuns(bulk: BulkDecoder): RunsDecoder {
  return (decoder) => {
    bulk.open(decoder.bytes, decoder);
    let levels: number | undefined;
    let chains: number | undefined;
    const places = new Map<string, number>();
    return {
      inCodedOrder: true,
      levels(layout) {
        decoder.expect(codedCount(layout));
        if (layout.chainAxis === undefined) levels ??= bulk.contexts(LEVEL_CONTEXTS, classPriors());
        else chains ??= bulk.contexts(CHAIN_CONTEXTS, chainPriors());
        return bulk.levels((layout.chainAxis === undefined ? levels : chains)!, layout);
      },
      patterns(where, dtype, count) {
        const [exponent, mantissa] = FLOAT_LAYOUTS[dtype];
        const name = `${where} ${dtype}`;
        decoder.expect(count * exponent);
        const unused = zeroBits(decoder, name, mantissa);
        const contexts = places.get(name) ?? bulk.contexts(patternContexts(exponent));
        places.set(name, contexts);
        return bulk.patterns(contexts, count, exponent, mantissa, unused);
      },
    };
  };
}
