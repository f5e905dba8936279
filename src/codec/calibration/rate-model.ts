/**
 * What a level will cost in the file (formats/fqz/SPEC.md, "Levels" and "Chains"), for decisions that weigh bits against error.
 *
 * Chains are coded one after another, as their rows are quantised: their costs are the file's own, but for what is learned within
 * a row. Uniform levels are coded frequency by frequency. A level's context is made of its neighbours one and two places
 * back along each axis, and any order of quantisation in which no place comes before one that is behind it along an axis therefore sees
 * the contexts of the file itself; only the adaptive probabilities are met at another stage of their learning.
 */
import { type ChainModel, MAGNITUDE_CLASSES, magnitudeClass } from '../chain-model.ts';
import { indexOf, nextState, quantizerOf } from '../dependent.ts';
import { type LevelPlaces, levelNeighbours } from './level-neighbours.ts';
import { type LevelStatistics, levelStatistics } from './level-statistics.ts';

/** The costs of one matrix's levels, row after row. */
export interface LevelRates {
  /** Starts with a row, which is the next one. The rows above it are known; what never was known counts as 0. */
  beginRow(row: number): void;
  /**
   * Context of the row's entry at `column`.
   *
   * @param own levels of the row's earlier columns, from index `first` on
   * @param before sum of their magnitudes
   * @param quantizer which of the two has the entry; 0 where levels are not dependent
   */
  contextOf(column: number, own: Int32Array, first: number, before: number, quantizer: number): number;
  /** Bits of a level with an index of this magnitude in a context, by what is learned from the rows before. */
  bits(context: number, magnitude: number): number;
  /** Makes the row's levels known, and the statistics learn them. */
  endRow(levels: Int32Array): void;
}

/** What is learned of all tensors of a file, as its coder learns it. */
export interface FileStatistics {
  readonly uniform: LevelStatistics;
  readonly chains: LevelStatistics;
}

/** Classes of a mean magnitude of neighbours; the first is of entries that have none. */
const NEIGHBOURHOODS = 24;

/** Statistics before the first level. */
export function initialStatistics(): FileStatistics {
  const neighbourhoods = Array.from({ length: NEIGHBOURHOODS }, (_, at) => {
    if (at === 0) return 8;
    const eighths = at <= 2 ? at - 1 : 2 ** ((at - 1) >> 1) * (at & 1 ? 1 : 1.5);
    return (eighths + 1) / 8;
  });
  const magnitudes = Array.from({ length: MAGNITUDE_CLASSES }, (_, at) => {
    const eighths = at < 2 ? at + 0.5 : 2 ** (at >> 1) * (at & 1 ? 1.75 : 1.25);
    return eighths / 16;
  });
  return {
    uniform: levelStatistics(neighbourhoods),
    chains: levelStatistics([...magnitudes, ...magnitudes]),
  };
}

/**
 * The costs of the uniform levels of one matrix.
 *
 * @param levels of the whole tensor, row-major over `places.shape`, into which each row is entered when it ends. Matrices
 *   of one tensor (the groups of a convolution) share it
 */
export function levelRates({ uniform }: FileStatistics, places: LevelPlaces, levels: Int32Array): LevelRates {
  const { beginRow, sumOf, weights } = levelNeighbours(places);
  const contextOf = (column: number, own: Int32Array, first: number) =>
    neighbourhoodOf(sumOf(column, own, first), weights[column]!);
  const contexts = new Int32Array(places.columns.length);
  let row = 0;
  return {
    beginRow(at) {
      row = at;
      beginRow(at, levels);
    },
    contextOf,
    bits: uniform.bits,
    endRow(own) {
      for (let column = 0; column < contexts.length; column++) contexts[column] = contextOf(column, own, 0);
      uniform.learn(contexts, own.map(Math.abs));
      enterRow(places, row, own, levels);
    },
  };
}

/**
 * The costs of one matrix whose rows are chains.
 *
 * @param model of the tensor's chains, which its matrices share
 * @param levels as those of `levelRates`: multiples of the step
 */
export function chainRates(
  { chains }: FileStatistics,
  model: ChainModel,
  places: LevelPlaces,
  levels: Int32Array,
): LevelRates {
  const { beginRow, sumOf, weights } = levelNeighbours(places);
  const contextOf = (column: number, own: Int32Array, first: number, before: number, quantizer: number) => {
    const sum = sumOf(column, own, first);
    const magnitudes = magnitudeClass(start + before, model.share(column), sum, weights[column]!);
    return quantizer * MAGNITUDE_CLASSES + magnitudes;
  };
  const contexts = new Int32Array(places.columns.length);
  const magnitudes = new Int32Array(places.columns.length);
  /** What the sum of a row starts from. */
  let start = 0;
  let row = 0;
  return {
    beginRow(at) {
      row = at;
      beginRow(at, levels);
      start = model.begin();
    },
    contextOf,
    bits: chains.bits,
    endRow(own) {
      for (let column = 0, state = 0, before = 0; column < contexts.length; column++) {
        const quantizer = quantizerOf(state);
        const index = indexOf(quantizer, own[column]!);
        contexts[column] = contextOf(column, own, 0, before, quantizer);
        magnitudes[column] = Math.abs(index);
        state = nextState(state, index);
        before += Math.abs(own[column]!);
      }
      for (let column = 0; column < contexts.length; column++) model.add(column, Math.abs(own[column]!));
      chains.learn(contexts, magnitudes);
      enterRow(places, row, own, levels);
    },
  };
}

function enterRow({ rows, columns }: LevelPlaces, row: number, own: Int32Array, levels: Int32Array): void {
  const start = rows[row]!;
  for (let column = 0; column < columns.length; column++) levels[start + columns[column]!] = own[column]!;
}

/** Class of a sum of magnitudes over weights: of their mean in eighths, two to the octave. */
function neighbourhoodOf(sum: number, weight: number): number {
  if (weight === 0) return 0;
  const eighths = Math.floor((8 * sum) / weight);
  if (eighths < 2) return 1 + eighths;
  const octave = 31 - Math.clz32(eighths);
  return Math.min(2 * octave + 1 + ((eighths >> (octave - 1)) & 1), NEIGHBOURHOODS - 1);
}
