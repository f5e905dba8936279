/**
 * The ways to quantise a row that are followed side by side: of each the levels so far, what they leave to the columns
 * behind them, and their cost. Each is in a state, and of each state the same number at most is kept.
 */

/** Survivors that disagree on what is so many columns behind are dropped; by then they nearly always agree. */
export const WINDOW = 60;

export interface Paths {
  readonly size: number;
  /** Levels of each path, and the errors that they make: (paths, size). Before `decided` all paths have the same. */
  readonly levels: Int32Array;
  readonly errors: Float64Array;
  readonly states: Uint8Array;
  /** Of each path until now. */
  readonly costs: Float64Array;
  readonly bits: Float64Array;
  /** Sum of the magnitudes of each path's levels. */
  readonly magnitudes: Float64Array;
  /** Numbers of the `alive` paths that are in use, the cheapest first, the others in no order. */
  readonly active: Int32Array;
  readonly taken: Uint8Array;
  alive: number;
  decided: number;
}

/** Room for `count` paths through rows of `size` columns. */
export function noPaths(count: number, size: number): Paths {
  return {
    size,
    levels: new Int32Array(count * size),
    errors: new Float64Array(count * size),
    states: new Uint8Array(count),
    costs: new Float64Array(count),
    bits: new Float64Array(count),
    magnitudes: new Float64Array(count),
    active: new Int32Array(count),
    taken: new Uint8Array(count),
    alive: 0,
    decided: 0,
  };
}

/** Starts a row: one path, in state 0. */
export function begin(paths: Paths): void {
  paths.alive = 1;
  paths.decided = 0;
  paths.active[0] = 0;
  paths.states[0] = 0;
  paths.costs[0] = 0;
  paths.bits[0] = 0;
  paths.magnitudes[0] = 0;
}

/** The cheapest ways to go on, `survivors` of each state at most: those of state s from s × `survivors` on, in order. */
export interface Choices {
  readonly survivors: number;
  readonly counts: Int32Array;
  readonly parents: Int32Array;
  readonly levels: Int32Array;
  readonly costs: Float64Array;
  readonly bits: Float64Array;
  readonly magnitudes: Float64Array;
}

export function noChoices(states: number, survivors: number): Choices {
  const size = states * survivors;
  return {
    survivors,
    counts: new Int32Array(states),
    parents: new Int32Array(size),
    levels: new Int32Array(size),
    costs: new Float64Array(size),
    bits: new Float64Array(size),
    magnitudes: new Float64Array(size),
  };
}

/** Enters a choice that leads to `state`, unless those that are there are cheaper; its numbers are of the whole path. */
export function offer(
  choices: Choices,
  state: number,
  parent: number,
  level: number,
  cost: number,
  bits: number,
  magnitude: number,
): void {
  const { survivors, counts, parents, levels, costs } = choices;
  const first = state * survivors;
  const count = counts[state]!;
  if (count === survivors && cost >= costs[first + count - 1]!) return;
  let at = first + (count < survivors ? counts[state]!++ : count - 1);
  for (; at > first && costs[at - 1]! > cost; at--) {
    costs[at] = costs[at - 1]!;
    parents[at] = parents[at - 1]!;
    levels[at] = levels[at - 1]!;
    choices.bits[at] = choices.bits[at - 1]!;
    choices.magnitudes[at] = choices.magnitudes[at - 1]!;
  }
  costs[at] = cost;
  parents[at] = parent;
  levels[at] = level;
  choices.bits[at] = bits;
  choices.magnitudes[at] = magnitude;
}

/**
 * Makes paths of the choices, and takes these out: the first child of a path takes its place, others that of a path without
 * children.
 *
 * @param value of the column, of which the errors are counted
 */
export function extend(paths: Paths, choices: Choices, column: number, value: number, step: number): void {
  const { size, levels, errors, active, taken, decided } = paths;
  const { survivors, counts, parents } = choices;
  taken.fill(0);
  for (let state = 0; state < counts.length; state++) {
    const first = state * survivors;
    for (let at = first; at < first + counts[state]!; at++) taken[parents[at]!] = PARENT;
  }
  let [alive, free, cheapest] = [0, 0, 0];
  for (let state = 0; state < counts.length; state++) {
    const first = state * survivors;
    for (let at = first; at < first + counts[state]!; at++) {
      let path = parents[at]!;
      if (taken[path] === CHILD) {
        const from = path * size;
        while (taken[free]) free++;
        path = free;
        levels.copyWithin(path * size + decided, from + decided, from + column);
        errors.copyWithin(path * size + decided, from + decided, from + column);
      }
      taken[path] = CHILD;
      const level = choices.levels[at]!;
      levels[path * size + column] = level;
      errors[path * size + column] = value - level * step;
      paths.states[path] = state;
      paths.costs[path] = choices.costs[at]!;
      paths.bits[path] = choices.bits[at]!;
      paths.magnitudes[path] = choices.magnitudes[at]!;
      active[alive] = path;
      if (paths.costs[path]! < paths.costs[active[cheapest]!]!) cheapest = alive;
      alive++;
    }
    counts[state] = 0;
  }
  const best = active[cheapest]!;
  active[cheapest] = active[0]!;
  active[0] = best;
  paths.alive = alive;
}

/** What a path is taken by: it has children, or a child has its place. */
const [PARENT, CHILD] = [1, 2];

/** Takes as decided what all survivors agree on, and, where it is long ago, what the cheapest says; others are dropped. */
export function agree(paths: Paths, column: number): void {
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
