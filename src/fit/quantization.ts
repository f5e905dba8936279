/**
 * Rounding inside the loop: what the graph is fed are the numbers that the file would hold. Gradients pass the rounding
 * straight through (Bengio et al. 2013), and each step is learned with the coefficients (Esser et al. 2020, learned step
 * size quantisation).
 */
import type { Moments } from './optimizer.ts';
import { type Parameter, storableStep } from './parameter.ts';

/** Where a step starts: the largest value, moved inwards a little, is this level. */
const FIRST_LARGEST_LEVEL = 15;
const LARGEST_VALUE_PART = 0.85;

/** The step that five bits a coefficient would have. */
export function firstStep({ values }: Parameter): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest > 0 ? (LARGEST_VALUE_PART * largest) / FIRST_LARGEST_LEVEL : 1;
}

/**
 * Steps grow as this power of the mean square of the slopes. An error of the same cost everywhere would have −1/2; but what is large
 * beside its step costs no more when the step grows further. ResNet-20 in 20,000 bytes after two epochs: 60.4 % with −0.35, 55.2 % with −0.5.
 */
const SENSITIVITY_EXPONENT = -0.35;
/** Halvings of the range, in the logarithm, in which the common factor of all steps is looked for. */
const HALVINGS = 10;
const LARGEST_FACTOR = 32;

/**
 * Sets all steps, the coarser the less the loss minds a weight's errors, so that the file comes to about the `wanted` size.
 *
 * @param sizeOf bytes of the file with the steps that the parameters have
 */
export function setSteps(
  parameters: readonly Parameter[],
  moments: readonly Moments[],
  sizeOf: () => number,
  wanted: number,
): void {
  const shares = parameters.map((parameter, at) => meanSquareSlope(parameter, moments[at]!) ** SENSITIVITY_EXPONENT);
  const middle = Math.exp(shares.reduce((sum, share) => sum + Math.log(share), 0) / shares.length);
  let [fine, coarse] = [1 / LARGEST_FACTOR, LARGEST_FACTOR];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const factor = Math.sqrt(fine * coarse);
    parameters.forEach((parameter, at) => {
      parameter.step = (factor * shares[at]!) / middle;
    });
    if (sizeOf() > wanted) fine = factor;
    else coarse = factor;
  }
}

function meanSquareSlope({ live }: Parameter, { second }: Moments): number {
  let [sum, count] = [Number.MIN_VALUE, 0];
  for (let at = 0; at < live.length; at++) {
    if (!live[at]) continue;
    sum += second[at]!;
    count++;
  }
  return sum / Math.max(1, count);
}

/** The core as numbers: rounded to multiples of the step where `rounded`, with everything behind `cut` in zigzag order 0. */
export function coreOf(parameter: Parameter, rounded: boolean, cut = Number.POSITIVE_INFINITY): Float32Array {
  const { values, scale, live, order } = parameter;
  const core = new Float32Array(values.length);
  const step = rounded ? storableStep(parameter) : 0;
  for (let rank = 0; rank < Math.min(cut, order.length); rank++) {
    const at = order[rank]!;
    if (!live[at]) continue;
    const value = values[at]!;
    core[at] = scale * (rounded ? step * Math.round(value / step) : value);
  }
  return core;
}

/** Slope of the loss by the logarithm of the step, from the slopes by the values. */
export function stepSlope(parameter: Parameter, slopes: Float32Array): number {
  const { values, live } = parameter;
  const step = storableStep(parameter);
  let sum = 0;
  for (let at = 0; at < values.length; at++) {
    if (!live[at]) continue;
    const place = values[at]! / step;
    sum += slopes[at]! * (Math.round(place) - place);
  }
  return sum * step;
}
