/**
 * Rounding inside the loop: what the graph is fed are the numbers that the file would hold. Gradients pass the rounding
 * straight through (Bengio et al. 2013), and each step is learned with the coefficients (Esser et al. 2020, learned step
 * size quantisation).
 */
import { type Parameter, storableStep } from './parameter.ts';

/** Where a step starts: the largest value, moved inwards a little, is this level. */
const FIRST_LARGEST_LEVEL = 15;
const LARGEST_VALUE_PART = 0.85;

/** The step that five bits a coefficient would have. */
export function firstStep({ values }: Parameter): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest > 0 ? (LARGEST_VALUE_PART * largest) / FIRST_LARGEST_LEVEL : 1;
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
