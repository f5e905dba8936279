/**
 * The adaptive binary model, and the interface that the range encoder and the range decoder share.
 *
 * What a file means is written once, as a reader: functions that ask a coder for one symbol after another. To write is to
 * run them over an encoder, which was given the symbols in the order of the file and hands them out as it codes them. So a
 * writer and a reader cannot drift apart. Only the few functions of symbols.ts that break a symbol into bits know of
 * both directions.
 */
export interface BitCoder {
  /** The contexts of each kind of symbol, by name. */
  readonly statistics: Map<string, Contexts>;
  /** The next symbol to be written; when reading, which is about to find out, any number stands in for it. */
  given(): number;
  /** Codes a bit in the context `contexts[at]`, and returns it. Here and below, `value` is ignored when reading. */
  bit(contexts: Contexts, at: number, value: number): number;
  /** Codes `width` (0 to 16) bits that are not worth modelling. */
  direct(width: number, value: number): number;
  /**
   * Says that at least `decisions` more bits and direct codes follow. A reader throws `FormatError` where the bytes left
   * cannot hold them; to be called before memory is taken for what they stand for.
   */
  expect(decisions: number): void;
  /**
   * Counts `items` things (nodes, list elements, bytes of text, …) against what a section of its length may hold, see
   * `largestItemCount`. A reader throws `FormatError` beyond that.
   */
  countItems(items: number): void;
}

/** Adaptive contexts: for each the probability of a 1, in 1/65536, above eight bits that count what it has seen; at first 0. */
export type Contexts = Int32Array;

/** Probabilities stay this far from certainty. */
const FLOOR = 512;
const UNUSED = 32768 << 8;
/** Observations after which a context stops slowing down. */
const SLOWEST = 254;
/** Observations that an initial probability counts for. */
const INITIAL_WEIGHT = 2;

/** A context that begins with other than one half. */
export function startingAt(probability: number): number {
  return (Math.min(Math.max(probability, FLOOR), 65536 - FLOOR) << 8) | INITIAL_WEIGHT;
}

/** Which part of `range` belongs to a 1. */
export function shareOfOne(range: number, context: number): number {
  return (range >>> 16) * ((context || UNUSED) >> 8);
}

/** The context after a bit: one that had seen n of them moves by 1 / (n + 1.5) of the way. */
export function adapted(context: number, bit: number): number {
  const probability = (context || UNUSED) >> 8;
  const seen = context & 255;
  const way = (bit ? 65536 - FLOOR : FLOOR) - probability;
  return ((probability + ((way * Math.round(16384 / (seen + 1.5))) >> 14)) << 8) | Math.min(seen + 1, SLOWEST);
}
