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

/** Eighths of a step that come of what the model expects, and of what the neighbours are. */
const [EXPECTED, NEIGHBOURS] = [6, 2];

/** The means of the chains of one operand. Magnitudes are in steps. */
export interface ChainModel {
  /** Begins a chain, and returns what the row's sum starts from. */
  begin(): number;
  /** What is to be expected at a place of the chain for each step of the row's sum, in eighths of a step. */
  share(place: number): number;
  /** Takes note of a magnitude, when the chain's numbers are known. */
  add(place: number, magnitude: number): void;
}

/** The model of chains of `length` numbers, before the first. */
export function chainModel(length: number): ChainModel {
  /** Of the magnitudes of each column. */
  const sums = new Float64Array(length);
  const shares = new Float64Array(length);
  let total = 0;
  let chains = 0;
  return {
    begin() {
      const mean = (total + 1) / (chains * length + 1);
      const inverse = 1 / (chains + COLUMN_PRIOR);
      for (let place = 0, row = ROW_PRIOR * mean; place < length; place++) {
        const column = (sums[place]! + COLUMN_PRIOR * mean) * inverse;
        shares[place] = (EXPECTED * column) / row;
        row += column;
      }
      chains++;
      return ROW_PRIOR * mean;
    },
    share: (place) => shares[place]!,
    add(place, magnitude) {
      sums[place]! += magnitude;
      total += magnitude;
    },
  };
}

/**
 * The class of the magnitude to be expected.
 *
 * @param row sum of the chain so far
 * @param share of the place
 * @param sum of the neighbours' magnitudes, in parts of `weight`
 */
export function magnitudeClass(row: number, share: number, sum: number, weight: number): number {
  const near = weight > 0 ? sum * (NEIGHBOURS / weight) : 0;
  const eighths = Math.floor(Math.min(row * share + near, MOST_EIGHTHS));
  if (eighths < 2) return eighths;
  const octave = 31 - Math.clz32(eighths);
  return 2 * octave + ((eighths >> (octave - 1)) & 1);
}
