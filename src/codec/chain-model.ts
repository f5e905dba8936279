/**
 * What the numbers of chains (see dependent.ts) are expected to be, from the numbers before them (formats/fqz/SPEC.md, "Chains").
 *
 * The rows of an ordinary trained weight differ in scale, and so do its columns, the same columns in every row. So a magnitude
 * is expected to be its column's mean times what the row so far has of its own columns' means, corrected by its neighbours.
 *
 * Everything here is sums, products and quotients of 64-bit floating-point numbers in the order of the specification, so that
 * every machine comes to the same classes. Files of ResNet-20 are 5 % smaller than with neighbours alone, where the quantiser knows.
 */

/** Magnitudes are put into this many classes: two to the octave, in eighths of a step. */
export const MAGNITUDE_CLASSES = 24;
const MOST_EIGHTHS = 4095;

/** Chains that a column's mean counts the overall mean for, and numbers for which a row's scale counts 1. */
const COLUMN_PRIOR = 3;
const ROW_PRIOR = 6;

/** The means of the chains of one operand. Magnitudes are in steps. */
export interface ChainModel {
  /** Begins a chain. */
  begin(): void;
  /**
   * Magnitude to be expected at a place of the chain.
   *
   * @param before sum of the magnitudes before it in the chain
   */
  expected(place: number, before: number): number;
  /** Takes note of a magnitude, when the chain's numbers are known. */
  add(place: number, magnitude: number): void;
}

/** The model of chains of `length` numbers, before the first. */
export function chainModel(length: number): ChainModel {
  /** Of the magnitudes of each column. */
  const sums = new Float64Array(length);
  /** What is to be expected at each place, in parts of the row so far. */
  const shares = new Float64Array(length);
  let total = 0;
  let chains = 0;
  let prior = 0;
  return {
    begin() {
      const mean = (total + 1) / (chains * length + 1);
      const inverse = 1 / (chains + COLUMN_PRIOR);
      prior = ROW_PRIOR * mean;
      for (let place = 0, before = prior; place < length; place++) {
        const column = (sums[place]! + COLUMN_PRIOR * mean) * inverse;
        shares[place] = column / before;
        before += column;
      }
      chains++;
    },
    expected(place, before) {
      return (before + prior) * shares[place]!;
    },
    add(place, magnitude) {
      sums[place]! += magnitude;
      total += magnitude;
    },
  };
}

/**
 * The class of a magnitude.
 *
 * @param expected as the model says
 * @param neighbours mean magnitude of the neighbours that are known; `expected` where there are none
 */
export function magnitudeClass(expected: number, neighbours: number): number {
  const eighths = Math.floor(Math.min(6 * expected + 2 * neighbours, MOST_EIGHTHS));
  if (eighths < 2) return eighths;
  const octave = 31 - Math.clz32(eighths);
  return 2 * octave + ((eighths >> (octave - 1)) & 1);
}
