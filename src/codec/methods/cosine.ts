/**
 * Plain quantisation and the DCT along some axes: one method, since a plain tensor is a DCT along no axis.
 *
 * The DCT along all axes is Frequency Regularization's (Zhao et al. 2023, section 3.1); along the axes of a filter
 * window alone it is what ordinary nets gain from, whose channels come in no order.
 */
import { f16round } from '@petamoriken/float16';
import { dct } from '../dct.ts';
import { sumGroups } from '../keep-sums.ts';
import { type CodedOperand, dctNetwork } from '../network.ts';
import { quantizeTo } from '../quantize.ts';
import { estimateBits } from '../rate.ts';
import { boundingBox, gather, smallestSupport } from '../support.ts';
import { indexSums } from '../zigzag.ts';
import type { Encoded, Method, Proposal, WeightTensor } from './method.ts';

/** Part of the tolerated error that may go into leaving out high frequencies, rather than into coarser steps. */
const TRUNCATION_SHARE = 0.1;

/** The tensor as it is. */
export const plain: Method = (tensor) => [propose('plain', tensor, [], 0)];

/** The DCT along every axis. */
export const fullDct: Method = (tensor, tolerance) => {
  const axes = longAxes(tensor.shape, 0);
  return axes.length === 0 ? [] : [propose('dct', tensor, axes, tolerance)];
};

/** The DCT along the axes of the filter window, from the third axis on. */
export const windowDct: Method = (tensor, tolerance) => {
  const axes = longAxes(tensor.shape, 2);
  return axes.length === 0 ? [] : [propose('window dct', tensor, axes, tolerance)];
};

function longAxes(shape: readonly number[], first: number): number[] {
  return shape.flatMap((size, axis) => (axis >= first && size > 1 ? [axis] : []));
}

function propose(method: string, tensor: WeightTensor, axes: number[], tolerance: number): Proposal {
  const { shape, values, energy, outputAxis } = tensor;
  const coefficients = values();
  const count = coefficients.length;
  dct(coefficients, shape, axes);
  const core = smallestSupport(coefficients, shape, axes, TRUNCATION_SHARE * tolerance);
  // By Parseval, errors of coefficients are errors of the tensor; what lies outside the support is lost.
  const kept = core.values.reduce((sum, value) => sum + value * value, 0);
  const lost = axes.length === 0 ? 0 : Math.max(0, energy - kept);

  const encoded = (operand: CodedOperand, squaredError: number): Encoded => ({
    network: dctNetwork(operand, shape, axes),
    relativeError: Math.sqrt(squaredError / energy),
  });

  return {
    method,
    size: core.size,
    bits: (relativeError) => {
      const { groups, groupCount } = scaleGroups(core.shape, axes);
      const step = Math.sqrt((12 * energy) / count) * relativeError;
      return estimateBits(core.values, groups, groupCount, step);
    },
    encode: (relativeError) => {
      const sums = outputAxis === undefined ? undefined : sumGroups(core.shape, outputAxis, axes);
      const { levels, step, squaredError } = quantizeTo(core.values, relativeError ** 2 * energy - lost, sums);
      const box = boundingBox(levels, core.shape, axes);
      const operand = { kind: 'quantized', shape: box, levels: gather(levels, core.shape, box), step } as const;
      return encoded(operand, squaredError + lost);
    },
    encodeHalf: () => {
      const rounded = Float32Array.from(core.values, f16round);
      if (!rounded.every(Number.isFinite)) return undefined;
      const squaredError = core.values.reduce((sum, value, at) => sum + (value - rounded[at]!) ** 2, lost);
      return encoded({ kind: 'float', shape: core.shape, values: rounded, precision: 'float16' }, squaredError);
    },
  };
}

/**
 * Groups of coefficients that share a scale, for the estimate: entries of one place of the window, be it a frequency or
 * not; with channel frequencies, entries of one index sum. One period of the group numbers is enough, since they repeat
 * along the leading axes.
 */
function scaleGroups(shape: readonly number[], axes: readonly number[]): { groups: Uint32Array; groupCount: number } {
  const first = axes.some((axis) => axis < 2) ? 0 : Math.min(2, shape.length);
  const tail = shape.slice(first);
  const length = tail.reduce((product, size) => product * size, 1);
  if (first > 0) return { groups: Uint32Array.from({ length }, (_, place) => place), groupCount: length };
  return { groups: indexSums(shape), groupCount: shape.reduce((sum, size) => sum + size - 1, 1) };
}
