/**
 * What the quantiser of a layer aims at: the weight that makes up for the layers before it, and how much its errors matter.
 */
import type { LayerForm } from './forms.ts';
import { centre, damp, factor, type Hessian } from './hessian.ts';
import type { GroupMoments, Moments } from './moments.ts';
import { solveRows } from './solve.ts';

export interface LayerTarget {
  /** What to quantise: (rows, columns). */
  readonly target: Float64Array;
  /** Of the inputs, damped. */
  readonly hessian: Hessian;
  /** tr(W H Wᵀ), of the original weight. */
  readonly outputEnergy: number;
}

/** What of a layer's errors the rest of the calibration takes care of. */
export interface TargetOptions {
  /** The mean of the outputs, which the bias takes. */
  readonly isCentred: boolean;
  /** Whether what is missing of the outputs is made up for. */
  readonly isSequential: boolean;
}

/**
 * Damping of the moments in parts of their mean diagonal (0.01 as in Frantar et al., arXiv 2210.17323), to which as much is added as is
 * noise in them: the moments of K inputs from T observations are off by about K / T (Ledoit and Wolf, "A well-conditioned estimator for
 * large-dimensional covariance matrices", Journal of Multivariate Analysis 2004). A dense layer sees one observation per sample.
 */
const LEAST_DAMPING = 0.01;

/** Damping of the target: what is missing can be noise of few samples, and is made up for where inputs are strong. */
const TARGET_DAMPING = 0.1;

/** The target of one group, whose weight is (rows, columns). `count` is how many inputs were summed. */
export function layerTarget(
  { columns }: LayerForm,
  weight: Float64Array,
  moments: GroupMoments,
  count: number,
  { isCentred, isSequential }: TargetOptions,
): LayerTarget {
  const hessian = { size: columns, values: Float64Array.from(moments.products) };
  const missing = Float64Array.from(moments.missing);
  if (isCentred) {
    centre(hessian, moments.sums, count);
    addOuter(missing, moments.missingSums, moments.sums, -1 / count);
  }
  const outputEnergy = energyThrough(weight, hessian);
  const isMissing = isSequential && missing.some((value) => value !== 0);
  const target = isMissing ? madeUp(weight, missing, hessian) : weight;
  damp(hessian, LEAST_DAMPING + columns / count);
  return { target, hessian, outputEnergy };
}

/** W + M (H + δ I)⁻¹: the weight whose outputs on the present inputs come nearest to the original outputs. */
function madeUp(weight: Float64Array, missing: Float64Array, { size, values }: Hessian): Float64Array {
  const damped = { size, values: Float64Array.from(values) };
  damp(damped, TARGET_DAMPING);
  solveRows(factor(damped), missing);
  return weight.map((value, at) => value + missing[at]!);
}

/**
 * What to add to each output's bias: the mean of what is missing, and of what the stored weight makes of the mean input.
 *
 * @param weight and `stored`: (groups, rows, columns)
 */
export function biasChanges(
  { groups, rows, columns }: LayerForm,
  weight: Float64Array,
  stored: Float64Array,
  moments: Moments,
): Float64Array {
  const changes = new Float64Array(groups * rows);
  for (const [group, { sums, missingSums }] of moments.groups.entries()) {
    for (let row = 0; row < rows; row++) {
      const output = group * rows + row;
      let change = missingSums[row]!;
      for (let column = 0, at = output * columns; column < columns; column++, at++) {
        change += (weight[at]! - stored[at]!) * sums[column]!;
      }
      changes[output] = change / moments.count;
    }
  }
  return changes;
}

/** Adds factor × a bᵀ to a matrix (a.length, b.length). */
function addOuter(matrix: Float64Array, a: Float64Array, b: Float64Array, factor: number): void {
  for (let row = 0, at = 0; row < a.length; row++) {
    for (let column = 0; column < b.length; column++, at++) matrix[at]! += factor * a[row]! * b[column]!;
  }
}

/** tr(W H Wᵀ). */
export function energyThrough(weight: Float64Array, { size, values }: Hessian): number {
  let energy = 0;
  for (let base = 0; base < weight.length; base += size) {
    for (let row = 0; row < size; row++) {
      const own = row * size;
      let sum = 0;
      for (let column = 0; column < size; column++) sum += values[own + column]! * weight[base + column]!;
      energy += weight[base + row]! * sum;
    }
  }
  return energy;
}
