/**
 * What a level will cost in the file: the adaptive model of its coder (formats/fqz/SPEC.md, "Levels") in floating point,
 * for decisions that weigh bits against error.
 *
 * A level's context is made of its neighbours one and two places back along each axis. Any order of quantisation in
 * which no place comes before one that is behind it along an axis therefore sees the contexts of the file itself; only
 * the adaptive probabilities are met at another stage of their learning, since the file's order is by frequency.
 */
import { indexOf, nextState, quantizerOf } from '../dependent.ts';
import { type LevelPlaces, levelNeighbours, NEIGHBOURHOODS } from './level-neighbours.ts';

export type { LevelPlaces };

/** Adaptive probabilities of all contexts; one object serves all tensors of a file, as the file's coder does. */
export interface LevelStatistics {
  /** Probability of a 1, for each context. */
  readonly probabilities: Float64Array;
  /** What each context has seen. */
  readonly counts: Float64Array;
}

/** The costs of one matrix's levels, row after row. */
export interface LevelRates {
  /** Starts with a row. The rows above it are known; what never was known counts as 0. */
  beginRow(row: number): void;
  /**
   * Context of the row's entry at `column`.
   *
   * @param own levels of the row's earlier columns, from index `first` on
   * @param quantizer which of the two has the entry; 0 where levels are not dependent
   */
  contextOf(column: number, own: Int32Array, first: number, quantizer: number): number;
  /** Bits of a level with this index in a context, by what is learned from the rows before. Its sign does not matter. */
  bits(context: number, index: number): number;
  /** Makes the row's levels known, and the statistics learn them. */
  endRow(levels: Int32Array): void;
}

const CLASSES = 25;
const MODELLED_BITS = 3;
/** Contexts of uniform levels, and of those of each of the two quantisers of dependent quantisation. */
const KINDS = 3;
const CONTEXTS = KINDS * NEIGHBOURHOODS;
const CLASS_CONTEXTS = CONTEXTS * CLASSES;
/** Probabilities stay this far from certainty. */
const FLOOR = 512 / 65536;
/** Observations that an initial probability counts for, and after which a context stops slowing down. */
const INITIAL_WEIGHT = 2;
const SLOWEST = 254;

/** Statistics before the first level. */
export function initialStatistics(): LevelStatistics {
  const size = CLASS_CONTEXTS + (CLASSES << MODELLED_BITS);
  const probabilities = new Float64Array(size).fill(0.5);
  const counts = new Float64Array(size);
  counts.fill(INITIAL_WEIGHT, 0, CLASS_CONTEXTS);
  for (let context = 0; context < CONTEXTS; context++) {
    const neighbourhood = context % NEIGHBOURHOODS;
    const octave = (neighbourhood - 1) >> 1;
    const start = neighbourhood <= 2 ? Math.max(0, neighbourhood - 1) : 2 ** octave * (neighbourhood & 1 ? 1 : 1.5);
    // Indices of dependent levels are half as large.
    const eighths = (neighbourhood === 0 ? 64 : start + 1) / (context < NEIGHBOURHOODS ? 1 : 2);
    // Magnitudes are supposed to fall off geometrically; each further class doubles them.
    for (let bits = 0, tail = eighths / (eighths + 8); bits < CLASSES; bits++) {
      if (bits > 1) tail *= tail;
      probabilities[context * CLASSES + bits] = Math.min(Math.max(tail, FLOOR), 1 - FLOOR);
    }
  }
  return { probabilities, counts };
}

/** Magnitudes whose bits are remembered while a row lasts. */
const REMEMBERED = 16;

/**
 * The costs of the levels of one matrix.
 *
 * @param levels of the whole tensor, row-major over `places.shape`, into which each row is entered when it ends. Matrices
 *   of one tensor (the groups of a convolution) share it
 * @param isDependent whether rows are chains of dependent quantisation
 */
export function levelRates(
  statistics: LevelStatistics,
  places: LevelPlaces,
  levels: Int32Array,
  isDependent = false,
): LevelRates {
  const { rows, columns } = places;
  const { beginRow, neighbourhood } = levelNeighbours(places);
  const costs = new Float64Array(CONTEXTS * REMEMBERED).fill(Number.NaN);
  let offset = 0;
  const contextOf = (column: number, own: Int32Array, first: number, quantizer: number) =>
    neighbourhood(column, own, first) + (isDependent ? NEIGHBOURHOODS * (1 + quantizer) : 0);
  return {
    beginRow(row) {
      offset = rows[row]!;
      beginRow(row, levels);
    },
    contextOf,
    bits(context, index) {
      const magnitude = Math.abs(index);
      if (magnitude >= REMEMBERED) return bitsOf(statistics, context, magnitude);
      const at = context * REMEMBERED + magnitude;
      if (Number.isNaN(costs[at])) costs[at] = bitsOf(statistics, context, magnitude);
      return costs[at]!;
    },
    endRow(own) {
      for (let column = 0, state = 0; column < columns.length; column++) {
        const level = own[column]!;
        const quantizer = isDependent ? quantizerOf(state) : 0;
        const index = isDependent ? indexOf(quantizer, level) : level;
        learn(statistics, contextOf(column, own, 0, quantizer), Math.abs(index));
        levels[offset + columns[column]!] = level;
        if (isDependent) state = nextState(state, index);
      }
      costs.fill(Number.NaN);
    },
  };
}

/** Bits of a magnitude and, where it is not 0, its sign. */
function bitsOf({ probabilities }: LevelStatistics, context: number, magnitude: number): number {
  let bits = magnitude === 0 ? 0 : 1;
  forEachDecision(context, magnitude, (decision, bit) => {
    const probability = probabilities[decision]!;
    bits -= Math.log2(bit ? probability : 1 - probability);
  });
  const direct = bitLength(magnitude) - 1 - MODELLED_BITS;
  return direct > 0 ? bits + direct : bits;
}

function learn({ probabilities, counts }: LevelStatistics, context: number, magnitude: number): void {
  forEachDecision(context, magnitude, (decision, bit) => {
    const target = bit ? 1 - FLOOR : FLOOR;
    probabilities[decision]! += (target - probabilities[decision]!) / (counts[decision]! + 1.5);
    if (counts[decision]! < SLOWEST) counts[decision]!++;
  });
}

const bitLength = (magnitude: number) => 32 - Math.clz32(magnitude);

/** The modelled decisions of a magnitude: its bit length in unary, then the bits under the leading one. */
function forEachDecision(context: number, magnitude: number, visit: (decision: number, bit: number) => void): void {
  const length = bitLength(magnitude);
  const classes = context * CLASSES;
  for (let at = 0; at < length; at++) visit(classes + at, 1);
  visit(classes + length, 0);
  const mantissas = CLASS_CONTEXTS + (length << MODELLED_BITS);
  for (let below = length - 1, taken = 0, number = 1; below > 0 && taken < MODELLED_BITS; below--, taken++) {
    const bit = (magnitude >> (below - 1)) & 1;
    visit(mantissas + number, bit);
    number = 2 * number + bit;
  }
}
