/**
 * Quantisation with error feedback: each weight is rounded so that it makes up for the errors of those before it.
 *
 * This is GPTQ (Frantar et al., arXiv 2210.17323), written with H = U D Uᵀ instead of an inverse: the error of a row,
 * tr(e H eᵀ) = Σ_j D_j (e_j + Σ_{k<j} e_k U_kj)², is a sum over columns in which each sees only those before it, so from
 * left to right each column is left with a target and a weight of its own. (That the two are one is theorem 6 of Chee et
 * al., "QuIP", arXiv 2307.13304.) With second moments of the gradients at the outputs, the same is done along the rows.
 */
import type { FactoredHessian } from './hessian.ts';
import type { LevelRates } from './rate-model.ts';

export interface QuantizeOptions {
  /** Value of level 1; positive. */
  readonly step: number;
  /** What a bit is worth, in units of the error that `quantizeMatrix` returns. Needs `rates` unless it is 0. */
  readonly lambda: number;
  /** What levels cost; the levels are `put` there as they are decided. */
  readonly rates?: LevelRates;
  /** Second moments of the gradients at the outputs, of size `rows`, factored; the identity unless given. */
  readonly outputs?: FactoredHessian;
}

export interface QuantizedMatrix {
  /** (rows, columns), row-major. */
  readonly levels: Int32Array;
  /** tr(G E H Eᵀ), with E the difference to levels × step and G the moments of `outputs`. */
  readonly error: number;
  /** Bits by the rate model at the time of each decision; 0 without one. */
  readonly bits: number;
}

/** Columns whose errors are fed forward at once to all columns behind them. */
const BLOCK = 64;
/** As for the plain quantiser: what is beyond would be better kept as floating point. */
const LARGEST_LEVEL = 2 ** 22;

/**
 * Quantises a matrix (rows, columns), row-major, against the second moments of its inputs, which must be in the basis of
 * the matrix, and damped. Columns are taken in blocks, and in each block row after row, so that before each entry those
 * above it and to its left are known. Throws `RangeError` where a level would be too large.
 */
export function quantizeMatrix(
  weight: Float64Array,
  rows: number,
  hessian: FactoredHessian,
  { step, lambda, rates, outputs }: QuantizeOptions,
): QuantizedMatrix {
  const { size, weights, upper } = hessian;
  if (weight.length !== rows * size)
    throw new TypeError(`${weight.length} numbers for ${rows} rows of ${size} columns`);
  if (outputs && outputs.size !== rows) throw new TypeError(`moments of ${outputs.size} outputs for ${rows} rows`);
  if (!(step > 0)) throw new RangeError(`step must be positive, got ${step}`);
  if (lambda > 0 && !rates) throw new TypeError('a price of bits without rates');

  const levels = new Int32Array(weight.length);
  /** Weights plus what the columns before have left to them. */
  const targets = Float64Array.from(weight);
  /** Errors of the block's columns, (rows, BLOCK), and the same with what the errors of the rows above add to them. */
  const errors = new Float64Array(rows * BLOCK);
  const carried = outputs ? new Float64Array(rows * BLOCK) : errors;
  const choose = rates && lambda > 0 ? chooser(rates, step, lambda) : undefined;
  let error = 0;
  let bits = 0;

  for (let start = 0; start < size; start += BLOCK) {
    const end = Math.min(size, start + BLOCK);
    for (let row = 0; row < rows; row++) {
      const base = row * size;
      const own = row * BLOCK - start;
      if (outputs) feedDown(carried, errors, outputs, row);
      const rowWeight = outputs ? outputs.weights[row]! : 1;
      for (let column = start; column < end; column++) {
        const fed = outputs ? carried[own + column]! : 0;
        const target = targets[base + column]! + fed;
        const nearest = Math.round(target / step);
        if (!(Math.abs(nearest) <= LARGEST_LEVEL)) throw new RangeError('a value is too large against the step');
        const entryWeight = rowWeight * weights[column]!;
        let level = nearest;
        if (rates) {
          const context = rates.contextOf(row, column);
          if (choose) level = choose(context, target, entryWeight);
          bits += rates.bits(context, level);
          rates.put(row, column, context, level);
        }
        levels[base + column] = level;
        error += entryWeight * (target - level * step) ** 2;
        const made = weight[base + column]! - level * step;
        errors[own + column] = made;
        carried[own + column] = made + fed;
        const from = column * size;
        for (let next = column + 1; next < end; next++) targets[base + next]! += (made + fed) * upper[from + next]!;
      }
    }
    feedForward(targets, carried, upper, rows, size, start, end);
  }
  return { levels, error, bits };
}

/** Sets one row of `carried` to what the errors of the rows above leave to it, in the columns of a block. */
function feedDown(carried: Float64Array, errors: Float64Array, { size, upper }: FactoredHessian, row: number): void {
  const own = row * BLOCK;
  carried.fill(0, own, own + BLOCK);
  for (let above = 0; above < row; above++) {
    const part = upper[above * size + row]!;
    if (part === 0) continue;
    const from = above * BLOCK;
    for (let at = 0; at < BLOCK; at++) carried[own + at]! += part * errors[from + at]!;
  }
}

/** Columns of one pass of `feedForward`; the block's rows of U of this length stay in the cache. */
const TILE = 512;

/** Adds to the targets of all columns from `end` on what the carried errors of a block of columns leave to them. */
function feedForward(
  targets: Float64Array,
  errors: Float64Array,
  upper: Float64Array,
  rows: number,
  size: number,
  start: number,
  end: number,
): void {
  const count = end - start;
  for (let first = end; first < size; first += TILE) {
    const length = Math.min(TILE, size - first);
    for (let row = 0; row < rows; row++) {
      const to = row * size + first;
      const own = row * BLOCK;
      let at = 0;
      for (; at + 4 <= count; at += 4) {
        const e0 = errors[own + at]!;
        const e1 = errors[own + at + 1]!;
        const e2 = errors[own + at + 2]!;
        const e3 = errors[own + at + 3]!;
        let from = (start + at) * size + first;
        for (let column = to; column < to + length; column++, from++) {
          targets[column]! +=
            e0 * upper[from]! + e1 * upper[from + size]! + e2 * upper[from + 2 * size]! + e3 * upper[from + 3 * size]!;
        }
      }
      for (; at < count; at++) {
        const made = errors[own + at]!;
        const from = (start + at) * size + first - to;
        for (let column = to; column < to + length; column++) targets[column]! += made * upper[from + column]!;
      }
    }
  }
}

/**
 * The level of least error and bits: of the nearest one, the next smaller one, and zero, since what costs more bits than
 * the nearest level is hardly ever better.
 */
function chooser(rates: LevelRates, step: number, lambda: number) {
  return (context: number, target: number, weight: number): number => {
    const sign = target < 0 ? -1 : 1;
    const nearest = Math.round(Math.abs(target) / step);
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (
      let magnitude = nearest;
      magnitude >= 0;
      magnitude = magnitude > 1 && magnitude < nearest ? 0 : magnitude - 1
    ) {
      const cost = weight * (Math.abs(target) - magnitude * step) ** 2 + lambda * rates.bits(context, magnitude);
      if (cost < least) {
        least = cost;
        best = sign * magnitude;
      }
    }
    return best;
  };
}
