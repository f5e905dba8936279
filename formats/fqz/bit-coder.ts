/**
 * The adaptive binary model, and the interface that the range encoder and the range decoder share.
 *
 * Everything above this file is written once for both directions: `bit(context, value)` codes `value` when writing,
 * and ignores it and returns the coded one when reading. So a writer and a reader cannot drift apart.
 */
export interface BitCoder {
  readonly reading: boolean;
  /**
   * Reserves `size` adaptive contexts and returns the first one's number. They start at one half, or at `initial`: the
   * probabilities of a 1 in 1/65536, which then count as `INITIAL_WEIGHT` observations.
   */
  contexts(size: number, initial?: ArrayLike<number>): number;
  /** Codes one bit with the adaptive probability of `context`. */
  bit(context: number, value: number): number;
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
  /** Bits spent or consumed until now, with fractions; for reports. */
  readonly position: number;
}

/** Probabilities are of a 1, in 1/65536; they stay this far from certainty. */
const FLOOR = 512;
const HALF = 1 << 15;
const INITIAL_WEIGHT = 2;
/** Observations after which a context stops slowing down. */
const SLOWEST = 254;
/** A context that has seen n bits moves by 1 / (n + 1.5) of the way, here in 1/16384. */
const RATES = Int32Array.from({ length: SLOWEST + 1 }, (_, seen) => Math.round(16384 / (seen + 1.5)));

/** The adaptive probabilities of all contexts. */
export class ContextModel {
  private readonly probabilities: number[] = [];
  private readonly seen: number[] = [];

  allocate(size: number, initial?: ArrayLike<number>): number {
    const first = this.seen.length;
    for (let at = 0; at < size; at++) {
      this.probabilities.push(initial ? Math.min(Math.max(initial[at]!, FLOOR), 65536 - FLOOR) : HALF);
      this.seen.push(initial ? INITIAL_WEIGHT : 0);
    }
    return first;
  }

  /** Probability of a 1 in 1/65536, from 512 to 65024. */
  probability(context: number): number {
    return this.probabilities[context]!;
  }

  update(context: number, bit: number): void {
    const seen = this.seen[context]!;
    const probability = this.probabilities[context]!;
    const target = bit ? 65536 - FLOOR : FLOOR;
    this.probabilities[context] = probability + (((target - probability) * RATES[seen]!) >> 14);
    if (seen < SLOWEST) this.seen[context] = seen + 1;
  }
}
