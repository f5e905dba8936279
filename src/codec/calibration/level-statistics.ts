/**
 * The adaptive coder of levels (formats/fqz/SPEC.md, "Levels") in floating point: what a level costs, and how that is learned. A
 * level's situation says which probabilities its class has; the bits under the leading one have contexts of their own.
 */

/** What levels cost in a number of situations. */
export interface LevelStatistics {
  /** Bits of a level of this magnitude, and of its sign where it has one. */
  bits(situation: number, magnitude: number): number;
  /** Learns levels, in order. */
  learn(situations: ArrayLike<number>, magnitudes: ArrayLike<number>): void;
}

const CLASSES = 25;
const MODELLED_BITS = 3;
/** Probabilities stay this far from certainty. */
const FLOOR = 512 / 65536;
/** Observations that an initial probability counts for, and after which a context stops slowing down. */
const INITIAL_WEIGHT = 2;
const SLOWEST = 254;
/** Magnitudes whose bits are remembered until more is learned. */
const REMEMBERED = 16;
const UNKNOWN = -1;

/**
 * Statistics before the first level.
 *
 * @param means magnitude to start from in each situation; magnitudes are supposed to fall off geometrically
 */
export function levelStatistics(means: readonly number[]): LevelStatistics {
  /** Of the mantissas, behind those of the classes. */
  const mantissas = means.length * CLASSES;
  const probabilities = new Float64Array(mantissas + (CLASSES << MODELLED_BITS)).fill(0.5);
  const counts = new Float64Array(probabilities.length).fill(INITIAL_WEIGHT, 0, mantissas);
  for (const [situation, mean] of means.entries()) {
    // Each further class doubles the magnitude.
    for (let bits = 0, tail = mean / (mean + 1); bits < CLASSES; bits++) {
      if (bits > 1) tail *= tail;
      probabilities[situation * CLASSES + bits] = Math.min(Math.max(tail, FLOOR), 1 - FLOOR);
    }
  }
  const costs = new Float64Array(means.length * REMEMBERED).fill(UNKNOWN);

  const count = (situation: number, magnitude: number): number => {
    let bits = magnitude === 0 ? 0 : 1;
    forEachDecision(situation, mantissas, magnitude, (context, bit) => {
      const probability = probabilities[context]!;
      bits -= Math.log2(bit ? probability : 1 - probability);
    });
    const direct = bitLength(magnitude) - 1 - MODELLED_BITS;
    return direct > 0 ? bits + direct : bits;
  };
  const adapt = (context: number, bit: number): void => {
    const target = bit ? 1 - FLOOR : FLOOR;
    probabilities[context]! += (target - probabilities[context]!) / (counts[context]! + 1.5);
    if (counts[context]! < SLOWEST) counts[context]!++;
  };

  return {
    bits(situation, magnitude) {
      if (magnitude >= REMEMBERED) return count(situation, magnitude);
      const at = situation * REMEMBERED + magnitude;
      const known = costs[at]!;
      if (known !== UNKNOWN) return known;
      costs[at] = count(situation, magnitude);
      return costs[at]!;
    },
    learn(situations, magnitudes) {
      for (let at = 0; at < situations.length; at++) {
        forEachDecision(situations[at]!, mantissas, magnitudes[at]!, adapt);
      }
      costs.fill(UNKNOWN);
    },
  };
}

const bitLength = (magnitude: number) => 32 - Math.clz32(magnitude);

/** The modelled decisions of a magnitude: its bit length in unary, then the bits under the leading one. */
function forEachDecision(
  situation: number,
  mantissas: number,
  magnitude: number,
  visit: (context: number, bit: number) => void,
): void {
  const length = bitLength(magnitude);
  const classes = situation * CLASSES;
  for (let at = 0; at < length; at++) visit(classes + at, 1);
  visit(classes + length, 0);
  const own = mantissas + (length << MODELLED_BITS);
  for (let below = length - 1, taken = 0, number = 1; below > 0 && taken < MODELLED_BITS; below--, taken++) {
    const bit = (magnitude >> (below - 1)) & 1;
    visit(own + number, bit);
    number = 2 * number + bit;
  }
}
