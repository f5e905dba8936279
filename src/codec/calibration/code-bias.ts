/**
 * The bias of a coded layer: it takes up the mean error of the outputs, and is stored so finely that its own error is small
 * against the weight's.
 */
import { toFloat32 } from '../../graph/numbers.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { coefficientCount, plainNetwork } from '../network.ts';
import type { PlannedWeight } from '../plan.ts';
import { nearestStepCode, stepOf } from '../step.ts';
import type { CodedLayer } from './code-layer.ts';

/** A bias is stored so finely that its noise is this part of what its layer's weight makes. */
const BIAS_NOISE = 0.02;

/** Codes the bias `tensor`, with the change that its layer wants; `elements` is what is stored. */
export function codeBias(
  name: string,
  tensor: Tensor,
  { biasChange, outputError }: CodedLayer,
): { planned: PlannedWeight; elements: Float64Array } {
  const original = toFloat32(tensor);
  const wanted = Float64Array.from(original, (value, at) => value + (biasChange?.[at] ?? 0));
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // Where the weight happens to be exact, so many levels are enough.
  const finest = largest / 2 ** 15 || 1;
  const step = stepOf(nearestStepCode(Math.max(Math.sqrt(12 * BIAS_NOISE * outputError), finest)));
  const levels = Int32Array.from(wanted, (value) => Math.round(value / step));
  const network = plainNetwork({ kind: 'quantized', shape: tensor.shape, levels, step });
  const elements = Float64Array.from(levels, (level) => level * step);
  const planned: PlannedWeight = {
    stored: { name, dtype: tensor.dtype, shape: tensor.shape, network },
    method: 'plain',
    coefficients: coefficientCount(network),
    relativeError: relativeError(original, elements),
  };
  return { planned, elements };
}

/** ‖stored − original‖ / ‖original‖. */
export function relativeError(original: ArrayLike<number>, stored: ArrayLike<number>): number {
  let [difference, energy] = [0, 0];
  for (let at = 0; at < original.length; at++) {
    difference += (stored[at]! - original[at]!) ** 2;
    energy += original[at]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / energy);
}
