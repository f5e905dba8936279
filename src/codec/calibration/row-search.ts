/**
 * The search for one row's levels: several ways to quantise it are followed from left to right side by side, and the
 * dearest are dropped at every column (the M-algorithm; Anderson and Mohan, "Sequential coding algorithms", IEEE
 * Transactions on Communications 1984). Rounding each column to its own best (GPTQ, Babai's nearest plane) is the search
 * with one survivor. A second best level may leave less to the columns behind it, or cheaper contexts to its neighbours.
 *
 * With dependent quantisation each way is in a state of its machine, and the dearest are dropped among those that end in the
 * same state: with one survivor of each that is the Viterbi algorithm, with more its list form (Seshadri and Sundberg, "List
 * Viterbi decoding algorithms", IEEE Transactions on Communications 1994), where each path sees targets of its own.
 */
import { nextState, quantizerOf, STATES } from '../dependent.ts';
import type { FactoredHessian } from './hessian.ts';
import type { LevelRates } from './rate-model.ts';
import { agree, begin, type Choices, extend, noChoices, noPaths, offer, type Paths, WINDOW } from './survivors.ts';

export interface RowLevels {
  /** One for each column. Valid until the next search. */
  readonly levels: Int32Array;
  /** Σ_j D_j (what was left of column j)² − Σ_j `refunds`_j (value of column j)². */
  readonly error: number;
  readonly bits: number;
}

/**
 * Searches the levels of a row.
 *
 * @param lambda what a bit is worth, in units of the row's error
 * @param rates those of this row, which has begun
 */
export type RowSearch = (row: Float64Array, lambda: number, rates: LevelRates | undefined) => RowLevels;

/** As for the plain quantiser: what is beyond would be better kept as floating point. */
const LARGEST_LEVEL = 2 ** 22;
/** Columns whose errors are fed forward at once. */
const BATCH = 4;
const REACH = WINDOW + BATCH;

export interface RowSearchOptions {
  /** Value of level 1. */
  readonly step: number;
  /** Whether levels are those of dependent quantisation, a row being a chain; any integers otherwise. */
  readonly isDependent: boolean;
  /** How many ways are followed that end in the same state; without dependent quantisation there is but one. */
  readonly survivors: number;
  /** What each column gets back of its squared value (see rate-prior.ts); nothing unless given. */
  readonly refunds?: Float64Array;
}

/** Makes the search for the rows of one matrix. Throws `RangeError` unless `survivors` is a positive integer. */
export function rowSearch(
  { size, upper, weights }: FactoredHessian,
  { step, isDependent, survivors, refunds }: RowSearchOptions,
): RowSearch {
  if (!(Number.isInteger(survivors) && survivors >= 1)) {
    throw new RangeError(`survivors must be a positive integer, got ${survivors}`);
  }
  const states = isDependent ? STATES : 1;
  const band = columnBand(upper, size);
  const paths = noPaths(states * survivors, size);
  const choices = noChoices(states, survivors);
  /** The row, plus what the columns before `fed` leave to it. */
  const targets = new Float64Array(size);

  return (row, lambda, rates) => {
    targets.set(row);
    let fed = 0;
    begin(paths);
    for (let column = 0; column < size; column++) {
      const before = (column + 1) * REACH - column;
      const weight = weights[column]! * step * step;
      const refund = refunds ? refunds[column]! * step * step : 0;
      for (let place = 0; place < paths.alive; place++) {
        const path = paths.active[place]!;
        const own = path * size;
        let target = targets[column]!;
        for (let at = fed; at < column; at++) target += paths.errors[own + at]! * band[before + at]!;
        const quantizer = isDependent ? quantizerOf(paths.states[path]!) : 0;
        const context = rates ? rates.contextOf(column, paths.levels, own, paths.magnitudes[path]!, quantizer) : 0;
        propose(choices, paths, path, target / step, weight, refund, lambda, context, rates, isDependent);
      }
      extend(paths, choices, column, row[column]!, step);
      agree(paths, column);
      if (paths.decided - fed >= BATCH) {
        feedForward(targets, paths.errors, upper, size, fed, column + 1);
        fed += BATCH;
      }
    }
    const best = paths.active[0]!;
    return {
      levels: paths.levels.subarray(best * size, best * size + size),
      error: paths.costs[best]! - lambda * paths.bits[best]!,
      bits: paths.bits[best]!,
    };
  };
}

/**
 * Offers what one path may do with its next column: the two levels around its target, the next smaller one, and zero. (Of the odd
 * quantiser, zero can be nearer than the larger of the two.)
 *
 * @param target in steps
 * @param weight of a squared step that is left, and `refund` of one that is coded
 */
function propose(
  choices: Choices,
  paths: Paths,
  path: number,
  target: number,
  weight: number,
  refund: number,
  lambda: number,
  context: number,
  rates: LevelRates | undefined,
  isDependent: boolean,
): void {
  const state = paths.states[path]!;
  const quantizer = isDependent ? quantizerOf(state) : 0;
  const spacing = isDependent ? 2 : 1;
  const size = Math.abs(target);
  const below = Math.floor((size + quantizer) / spacing);
  if (!(below < LARGEST_LEVEL)) throw new RangeError('a value is too large against the step');
  const last = Math.max(below - 1, 0);
  for (let index = below + 1; index >= 0; index = index > last ? index - 1 : index > 0 ? 0 : -1) {
    const level = index === 0 ? 0 : spacing * index - quantizer;
    const distortion = weight * (size - level) ** 2 - refund * level * level;
    const bits = rates ? rates.bits(context, index) : 0;
    offer(
      choices,
      isDependent ? nextState(state, index) : 0,
      path,
      target < 0 ? -level : level,
      paths.costs[path]! + distortion + lambda * bits,
      paths.bits[path]! + bits,
      paths.magnitudes[path]! + level,
    );
  }
}

/** What the last `REACH` columns leave to each column, (size, REACH): of column c, U[j, c] for j from c − REACH. */
function columnBand(upper: Float64Array, size: number): Float64Array {
  const band = new Float64Array(size * REACH);
  for (let column = 0; column < size; column++) {
    const before = (column + 1) * REACH - column;
    for (let at = Math.max(0, column - REACH); at < column; at++) band[before + at] = upper[at * size + column]!;
  }
  return band;
}

/** Adds to the targets from column `first` on what the errors of `BATCH` decided columns leave to them. */
function feedForward(
  targets: Float64Array,
  errors: Float64Array,
  upper: Float64Array,
  size: number,
  start: number,
  first: number,
): void {
  const e0 = errors[start]!;
  const e1 = errors[start + 1]!;
  const e2 = errors[start + 2]!;
  const e3 = errors[start + 3]!;
  let from = start * size + first;
  for (let column = first; column < size; column++, from++) {
    targets[column]! +=
      e0 * upper[from]! + e1 * upper[from + size]! + e2 * upper[from + 2 * size]! + e3 * upper[from + 3 * size]!;
  }
}
