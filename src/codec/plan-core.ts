/**
 * How a weight is stored whose coefficients were trained: those that lie on a quantiser's grid as the levels that they are, the
 * others as closely as is asked for, but always in the support that they were trained in.
 */
import { f16round } from '@petamoriken/float16';
import type { StoredWeight } from './archive.ts';
import { allowedError, type Fidelity } from './fidelity.ts';
import { type CodedOperand, coefficientCount, dctNetwork } from './network.ts';
import type { PlannedWeight } from './plan.ts';
import { quantizeTo } from './quantize.ts';
import { nearestStepCode, stepOf } from './step.ts';
import { boundingBox, gather } from './support.ts';
import type { TrainedCore } from './trained-cores.ts';

/** Stores a core exactly where it is on a grid, otherwise within the fidelity. */
export function planCore(name: string, core: TrainedCore, fidelity: Fidelity): PlannedWeight {
  const { shape, folded, axes, box, values } = core;
  const operand = codedCore(core, fidelity);
  const cut = operand.kind === 'quantized' ? boundingBox(operand.levels, box, axes) : box;
  const network = dctNetwork(
    operand.kind === 'quantized' ? { ...operand, shape: cut, levels: gather(operand.levels, box, cut) } : operand,
    folded,
    axes,
  );
  const stored: StoredWeight = { name, dtype: 'float32', shape, network };
  // By Parseval, errors of coefficients are errors of the weight.
  const numberAt = (at: number) =>
    operand.kind === 'float' ? operand.values[at]! : operand.levels[at]! * operand.step;
  const squaredError = values.reduce((sum, value, at) => sum + (value - numberAt(at)) ** 2, 0);
  return {
    stored,
    method: axes.length === 0 ? 'plain' : 'dct',
    coefficients: coefficientCount(network),
    relativeError: Math.sqrt(squaredError / energyOf(values)) || 0,
  };
}

function codedCore({ box, values }: TrainedCore, fidelity: Fidelity): CodedOperand {
  const onGrid = asLevels(values);
  if (onGrid) return { kind: 'quantized', shape: box, ...onGrid };
  const exact = { kind: 'float', shape: box, values, precision: 'float32' } as const;
  if (fidelity.kind === 'lossless') return exact;
  if (fidelity.kind === 'fp16') {
    const halves = Float32Array.from(values, f16round);
    return halves.every(Number.isFinite) ? { ...exact, values: halves, precision: 'float16' } : exact;
  }
  const error = allowedError(fidelity, values.length, false);
  try {
    const { levels, step } = quantizeTo(Float64Array.from(values), error ** 2 * energyOf(values));
    return { kind: 'quantized', shape: box, levels, step };
  } catch (cause) {
    // Values too far apart for levels, or none at all.
    if (cause instanceof RangeError) return exact;
    throw cause;
  }
}

const energyOf = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);

/** The smallest of the numbers other than zero may be this level, and the largest that. */
const LARGEST_SMALLEST_LEVEL = 64;
const LARGEST_LEVEL = 2 ** 12;

/** Multiples of a step are rounded to float32, whose numbers are 2⁻²⁴ of themselves away at most; twice for a scale. */
const ROUNDING = 2 ** -22;

/** The levels of numbers that are multiples of one of the file's steps, as float32 has them; `undefined` of others. */
export function asLevels(values: Float32Array): { levels: Int32Array; step: number } | undefined {
  let [smallest, largest] = [Number.POSITIVE_INFINITY, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) return undefined;
    if (value !== 0) smallest = Math.min(smallest, Math.abs(value));
    largest = Math.max(largest, Math.abs(value));
  }
  if (largest === 0) return { levels: new Int32Array(values.length), step: 1 };
  for (let level = 1; level <= LARGEST_SMALLEST_LEVEL; level++) {
    const step = stepOf(nearestStepCode(smallest / level));
    if (largest / step > LARGEST_LEVEL) return undefined;
    const isMultiple = (value: number) =>
      Math.abs(value - step * Math.round(value / step)) <= ROUNDING * Math.abs(value);
    if (values.every(isMultiple)) return { levels: Int32Array.from(values, (value) => Math.round(value / step)), step };
  }
  return undefined;
}
