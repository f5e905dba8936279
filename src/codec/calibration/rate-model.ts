/**
 * What a level will cost in the file: the adaptive model of its coder (formats/fqz/SPEC.md, "Levels") in floating point,
 * for decisions that weigh bits against error.
 *
 * A level's context is made of its neighbours one and two places back along each axis. Any order of quantisation in
 * which no place comes before one that is behind it along an axis therefore sees the contexts of the file itself; only
 * the adaptive probabilities are met at another stage of their learning, since the file's order is by frequency.
 */
import { stridesOf } from '../einsum.ts';

/** Adaptive probabilities of all contexts; one object serves all tensors of a file, as the file's coder does. */
export interface LevelStatistics {
  /** Probability of a 1, for each context. */
  readonly probabilities: Float64Array;
  /** What each context has seen. */
  readonly counts: Float64Array;
}

/** How the entries of a matrix lie in the tensor that the file codes: entry (r, c) is at `rows[r]` + `columns[c]`. */
export interface LevelPlaces {
  /** Shape of the tensor, whose elements are row-major. */
  readonly shape: readonly number[];
  readonly rows: Uint32Array;
  readonly columns: Uint32Array;
}

/** The costs of one matrix's levels, given those that are known already. */
export interface LevelRates {
  /** Context of an entry. Its neighbours must be known; those that never were `put` count as 0. */
  contextOf(row: number, column: number): number;
  /** Bits of a level in a context, as the statistics are now. */
  bits(context: number, level: number): number;
  /** Makes a level known, and the statistics learn it. */
  put(row: number, column: number, context: number, level: number): void;
}

const NEIGHBOURHOODS = 24;
const CLASSES = 25;
const MODELLED_BITS = 3;
const CLASS_CONTEXTS = NEIGHBOURHOODS * CLASSES;
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
  for (let neighbourhood = 0; neighbourhood < NEIGHBOURHOODS; neighbourhood++) {
    const octave = (neighbourhood - 1) >> 1;
    const start = neighbourhood <= 2 ? Math.max(0, neighbourhood - 1) : 2 ** octave * (neighbourhood & 1 ? 1 : 1.5);
    const eighths = neighbourhood === 0 ? 64 : start + 1;
    // Magnitudes are supposed to fall off geometrically; each further class doubles them.
    for (let bits = 0, tail = eighths / (eighths + 8); bits < CLASSES; bits++) {
      if (bits > 1) tail *= tail;
      probabilities[neighbourhood * CLASSES + bits] = Math.min(Math.max(tail, FLOOR), 1 - FLOOR);
    }
  }
  return { probabilities, counts };
}

/** Entries of the table of −log2. */
const PRECISION = 4096;
/** Bits of a decision by its probability in 1/4096, taken at the middle. */
const COSTS = Float64Array.from({ length: PRECISION }, (_, at) => -Math.log2((at + 0.5) / PRECISION));

/**
 * The costs of the levels of one matrix.
 *
 * @param levels of the whole tensor, row-major over `places.shape`; `put` writes them. Matrices of one tensor (the groups of
 *   a convolution) share it
 */
export function levelRates(statistics: LevelStatistics, places: LevelPlaces, levels: Int32Array): LevelRates {
  const { probabilities, counts } = statistics;
  const { shape, rows, columns } = places;
  const strides = stridesOf(shape);
  const axes = shape.map((_, axis) => axis).filter((axis) => shape[axis]! > 1);
  const indicesOf = (offsets: Uint32Array) =>
    axes.map((axis) => Uint32Array.from(offsets, (offset) => Math.floor(offset / strides[axis]!) % shape[axis]!));
  const rowIndices = indicesOf(rows);
  const columnIndices = indicesOf(columns);

  const learn = (context: number, bit: number): void => {
    const target = bit ? 1 - FLOOR : FLOOR;
    probabilities[context]! += (target - probabilities[context]!) / (counts[context]! + 1.5);
    if (counts[context]! < SLOWEST) counts[context]!++;
  };
  const cost = (context: number, bit: number): number => {
    const probability = probabilities[context]!;
    return COSTS[Math.floor((bit ? probability : 1 - probability) * PRECISION)]!;
  };

  return {
    contextOf(row, column) {
      const offset = rows[row]! + columns[column]!;
      let sum = 0;
      let weight = 0;
      for (let at = 0; at < axes.length; at++) {
        const back = rowIndices[at]![row]! + columnIndices[at]![column]!;
        if (back === 0) continue;
        const stride = strides[axes[at]!]!;
        sum += 2 * Math.abs(levels[offset - stride]!);
        weight += 2;
        if (back > 1) {
          sum += Math.abs(levels[offset - 2 * stride]!);
          weight += 1;
        }
      }
      return weight === 0 ? 0 : neighbourhoodOf(Math.floor((8 * sum) / weight));
    },

    bits(context, level) {
      const magnitude = Math.abs(level);
      const length = 32 - Math.clz32(magnitude);
      const classes = context * CLASSES;
      let bits = cost(classes + length, 0);
      if (length === 0) return bits;
      for (let at = 0; at < length; at++) bits += cost(classes + at, 1);
      for (let below = length - 1, taken = 0, number = 1; below > 0; below--, taken++) {
        const bit = (magnitude >> (below - 1)) & 1;
        bits += taken < MODELLED_BITS ? cost(mantissaContext(length, number), bit) : 1;
        number = 2 * number + bit;
      }
      return bits + 1;
    },

    put(row, column, context, level) {
      levels[rows[row]! + columns[column]!] = level;
      const magnitude = Math.abs(level);
      const length = 32 - Math.clz32(magnitude);
      const classes = context * CLASSES;
      for (let at = 0; at < length; at++) learn(classes + at, 1);
      learn(classes + length, 0);
      for (let below = length - 1, taken = 0, number = 1; below > 0 && taken < MODELLED_BITS; below--, taken++) {
        const bit = (magnitude >> (below - 1)) & 1;
        learn(mantissaContext(length, number), bit);
        number = 2 * number + bit;
      }
    },
  };
}

const mantissaContext = (length: number, number: number) => CLASS_CONTEXTS + (length << MODELLED_BITS) + number;

/** Class of a neighbourhood by its mean magnitude in eighths: two to the octave. */
function neighbourhoodOf(eighths: number): number {
  if (eighths < 2) return 1 + eighths;
  const octave = 31 - Math.clz32(eighths);
  return Math.min(2 * octave + 1 + ((eighths >> (octave - 1)) & 1), NEIGHBOURHOODS - 1);
}
