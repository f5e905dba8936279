/**
 * The search for one row's levels: several ways to quantise it are followed from left to right side by side, and the
 * dearest are dropped at every column (the M-algorithm; Anderson and Mohan, "Sequential coding algorithms", IEEE
 * Transactions on Communications 1984). Rounding each column to its own best (GPTQ, Babai's nearest plane) is the search
 * with one survivor. A second best level may leave less to the columns behind it, or cheaper contexts to its neighbours.
 */
import type { FactoredHessian } from './hessian.ts';
import type { LevelRates } from './rate-model.ts';

export interface RowLevels {
  /** One for each column. Valid until the next search. */
  readonly levels: Int32Array;
  /** Σ_j D_j (what was left of column j)². */
  readonly error: number;
  readonly bits: number;
}

/**
 * Searches the levels of `row`, which is seen as row + `shift` (what the rows above leave to it).
 *
 * @param lambda what a bit is worth, in units of the row's error
 * @param rates those of this row, which has begun
 */
export type RowSearch = (
  row: Float64Array,
  shift: Float64Array,
  lambda: number,
  rates: LevelRates | undefined,
) => RowLevels;

/** As for the plain quantiser: what is beyond would be better kept as floating point. */
const LARGEST_LEVEL = 2 ** 22;
/** Survivors that disagree on what is so many columns behind are dropped; by then they nearly always agree. */
const WINDOW = 60;
/** Columns whose errors are fed forward at once. */
const BATCH = 4;
const REACH = WINDOW + BATCH;
/** Most levels that are tried for a column: the nearest, the two beside it, and zero. */
const CHOICES = 4;

/** Makes the search for the rows of one matrix. Throws `RangeError` unless `survivors` is a positive integer. */
export function rowSearch(hessian: FactoredHessian, step: number, survivors: number): RowSearch {
  if (!(Number.isInteger(survivors) && survivors >= 1)) {
    throw new RangeError(`survivors must be a positive integer, got ${survivors}`);
  }
  const { size, upper, weights } = hessian;
  const band = columnBand(upper, size);
  const paths = noPaths(survivors, size);
  const choices = noChoices(survivors * CHOICES);
  /** The row, plus what the columns before `fed` leave to it. */
  const targets = new Float64Array(size);

  return (row, shift, lambda, rates) => {
    for (let at = 0; at < size; at++) targets[at] = row[at]! + shift[at]!;
    let fed = 0;
    begin(paths);
    for (let column = 0; column < size; column++) {
      choices.count = 0;
      const before = (column + 1) * REACH - column;
      for (let place = 0; place < paths.alive; place++) {
        const path = paths.active[place]!;
        const own = path * size;
        let target = targets[column]!;
        for (let at = fed; at < column; at++) target += paths.errors[own + at]! * band[before + at]!;
        const context = rates ? rates.contextOf(column, paths.levels, own) : 0;
        propose(choices, paths, path, target / step, weights[column]! * step * step, lambda, context, rates);
      }
      keepCheapest(choices, survivors);
      extend(paths, choices, column, row[column]! + shift[column]!, step);
      agree(paths, column);
      if (paths.decided - fed >= BATCH) {
        feedForward(targets, paths.errors, upper, size, fed, column + 1);
        fed += BATCH;
      }
    }
    const best = paths.active[0]!;
    return {
      levels: paths.levels.subarray(best * size, best * size + size),
      error: paths.distortions[best]!,
      bits: paths.bits[best]!,
    };
  };
}

/** The survivors. */
interface Paths {
  readonly size: number;
  /** Levels of each path, and the errors that they make: (survivors, size). Before `decided` all paths have the same. */
  readonly levels: Int32Array;
  readonly errors: Float64Array;
  /** Of each path until now. */
  readonly costs: Float64Array;
  readonly distortions: Float64Array;
  readonly bits: Float64Array;
  /** Numbers of the `alive` paths that are in use, the cheapest first. */
  readonly active: Int32Array;
  readonly taken: Uint8Array;
  alive: number;
  decided: number;
}

function noPaths(survivors: number, size: number): Paths {
  return {
    size,
    levels: new Int32Array(survivors * size),
    errors: new Float64Array(survivors * size),
    costs: new Float64Array(survivors),
    distortions: new Float64Array(survivors),
    bits: new Float64Array(survivors),
    active: new Int32Array(survivors),
    taken: new Uint8Array(survivors),
    alive: 0,
    decided: 0,
  };
}

function begin(paths: Paths): void {
  paths.alive = 1;
  paths.decided = 0;
  paths.active[0] = 0;
  paths.costs[0] = 0;
  paths.distortions[0] = 0;
  paths.bits[0] = 0;
}

/** Ways to go on from the survivors. */
interface Choices {
  count: number;
  readonly parents: Int32Array;
  readonly levels: Int32Array;
  readonly costs: Float64Array;
  readonly distortions: Float64Array;
  readonly bits: Float64Array;
  /** Numbers of those that are kept, the cheapest first. */
  readonly kept: Int32Array;
  keptCount: number;
}

function noChoices(size: number): Choices {
  return {
    count: 0,
    parents: new Int32Array(size),
    levels: new Int32Array(size),
    costs: new Float64Array(size),
    distortions: new Float64Array(size),
    bits: new Float64Array(size),
    kept: new Int32Array(size),
    keptCount: 0,
  };
}

/**
 * Enters what one path may do with its next column.
 *
 * @param target in steps
 * @param weight of a squared step
 */
function propose(
  choices: Choices,
  paths: Paths,
  path: number,
  target: number,
  weight: number,
  lambda: number,
  context: number,
  rates: LevelRates | undefined,
): void {
  const size = Math.abs(target);
  const nearest = Math.round(size);
  if (!(nearest <= LARGEST_LEVEL)) throw new RangeError('a value is too large against the step');
  // What is beyond the nearest level is worth a try only for what it leaves to others.
  const first = paths.active.length > 1 && nearest < size ? nearest + 1 : nearest;
  const last = lambda > 0 || (paths.active.length > 1 && nearest > size) ? Math.max(nearest - 1, 0) : nearest;
  for (let level = first; level >= 0; level = level > last ? level - 1 : level > 0 && lambda > 0 ? 0 : -1) {
    const distortion = weight * (size - level) ** 2;
    const bits = rates ? rates.bits(context, level) : 0;
    const at = choices.count++;
    choices.parents[at] = path;
    choices.levels[at] = target < 0 ? -level : level;
    choices.costs[at] = paths.costs[path]! + distortion + lambda * bits;
    choices.distortions[at] = paths.distortions[path]! + distortion;
    choices.bits[at] = paths.bits[path]! + bits;
  }
}

/** Keeps the cheapest `most` choices, in order. */
function keepCheapest(choices: Choices, most: number): void {
  const { kept, costs, count } = choices;
  let length = 0;
  for (let at = 0; at < count; at++) {
    const cost = costs[at]!;
    if (length === most && cost >= costs[kept[length - 1]!]!) continue;
    let place = length < most ? length++ : length - 1;
    for (; place > 0 && costs[kept[place - 1]!]! > cost; place--) kept[place] = kept[place - 1]!;
    kept[place] = at;
  }
  choices.keptCount = length;
}

/**
 * Makes paths of the kept choices: the first child of a path takes its place, others that of a path without children.
 *
 * @param value of the column, of which the errors are counted
 */
function extend(paths: Paths, choices: Choices, column: number, value: number, step: number): void {
  const { size, levels, errors, active, taken, decided } = paths;
  const { kept, keptCount, parents } = choices;
  taken.fill(0);
  for (let place = 0; place < keptCount; place++) {
    const parent = parents[kept[place]!]!;
    active[place] = taken[parent] ? -1 : parent;
    taken[parent] = 1;
  }
  for (let place = 0, free = 0; place < keptCount; place++) {
    const choice = kept[place]!;
    if (active[place]! < 0) {
      while (taken[free]) free++;
      taken[free] = 1;
      active[place] = free;
      const from = parents[choice]! * size;
      levels.copyWithin(free * size + decided, from + decided, from + column);
      errors.copyWithin(free * size + decided, from + decided, from + column);
    }
    const path = active[place]!;
    const level = choices.levels[choice]!;
    levels[path * size + column] = level;
    errors[path * size + column] = value - level * step;
    paths.costs[path] = choices.costs[choice]!;
    paths.distortions[path] = choices.distortions[choice]!;
    paths.bits[path] = choices.bits[choice]!;
  }
  paths.alive = keptCount;
}

/** Takes as decided what all survivors agree on, and, where it is long ago, what the cheapest says; others are dropped. */
function agree(paths: Paths, column: number): void {
  const { size, levels, errors, active, taken } = paths;
  for (; paths.decided <= column; paths.decided++) {
    const at = paths.decided;
    const own = active[0]! * size + at;
    let agreeing = 1;
    for (let place = 1; place < paths.alive; place++) {
      if (levels[active[place]! * size + at] === levels[own]) active[agreeing++] = active[place]!;
      else if (column - at < WINDOW) return;
    }
    paths.alive = agreeing;
    // Paths that are not in use will get what others have from here on only.
    for (let path = 0; path < taken.length; path++) {
      levels[path * size + at] = levels[own]!;
      errors[path * size + at] = errors[own]!;
    }
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
