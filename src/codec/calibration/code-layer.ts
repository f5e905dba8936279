/**
 * One layer's weight against what its inputs look like: its step, its basis, its levels, and the bias that takes up what is left
 * of the mean error.
 */
import { chainModel } from '../chain-model.ts';
import { dct, idct } from '../dct.ts';
import { dctNetwork, type TensorNetwork } from '../network.ts';
import { nearestStepCode, stepOf } from '../step.ts';
import { boundingBox, gather } from '../support.ts';
import { chainAxisOf, codedOrder, permuteBoth, permuteColumns, placesOf, restoreColumns } from './column-order.ts';
import { quantizeMatrix } from './feedback.ts';
import { changeBasis, factor, type Hessian, meanDiagonal } from './hessian.ts';
import { biasChanges, energyThrough, type LayerTarget, layerTarget } from './layer-target.ts';
import { elementsOfRows, type Layer, rowsOf } from './layers.ts';
import type { Moments } from './moments.ts';
import { chainRates, type FileStatistics, levelRates } from './rate-model.ts';
import { ratePrior } from './rate-prior.ts';

/** What makes a calibrated file better than a rounded one; each part can be left out, to see what it is worth. */
export interface Stages {
  /** Rounding makes up for the errors before it, instead of each weight for itself. */
  readonly feedback: boolean;
  /** Levels are chosen by error and bits. */
  readonly rateDistortion: boolean;
  /** Biases take the mean error, and the moments are centred accordingly. */
  readonly biasCorrection: boolean;
  /** The moments are centred where biases are corrected. */
  readonly centred: boolean;
  /** Each layer sees what the layers before it became, and makes up for it. */
  readonly sequential: boolean;
  /** Windows are stored as frequencies. */
  readonly windowDct: boolean;
  /** Levels are those of dependent quantisation, where there is feedback. */
  readonly trellis: boolean;
  /** Rows make up for the errors of those above, and are weighed against each other, where gradients at the outputs are known. */
  readonly rowFeedback: boolean;
}

export const ALL_STAGES: Stages = {
  feedback: true,
  rateDistortion: true,
  biasCorrection: true,
  centred: true,
  sequential: true,
  windowDct: true,
  trellis: true,
  rowFeedback: true,
};

export interface CodedLayer {
  readonly network: TensorNetwork;
  /** The stored weight in the order of its tensor. */
  readonly elements: Float64Array;
  /** What to add to the bias, one for each output; where there is one. */
  readonly biasChange?: Float64Array;
  /** Mean squared error of an output, in the units of its square, that coding the weight alone makes. */
  readonly outputError: number;
}

/**
 * What a bit is worth, in squared distances of a quantiser's levels, of a weight of mean energy: in the high-rate limit half a bit more
 * halves the squared error, distance² / 12, so that 2 ln 2 / 12 ≈ 0.115 would be a fair exchange; decisions gain most from somewhat less.
 */
const BIT_PRICE = 0.08;

/**
 * Part of the price that holds where there are more observations than inputs: 1 − inputs / observations. Below it, levels are rather rounded than
 * traded, and not dependent: with 512 samples the first dense layer of LeNet-5, of 0.3 bits per weight, has half the mean
 * squared error at its size with all of the price and chains, but the file 10 % more bytes at one divergence of the classes. What is
 * zeroed for bits fades coherently in all rows, and later layers hear that more than they do noise.
 */
const LEAST_KNOWN = 0.5;

/** How much finer the step of dependent levels is that make the error of uniform ones: its quantisers' distance is two steps. */
const DEPENDENT_FINENESS = 1.75;

/**
 * Codes the weight `elements` (in the order of its tensor). `scale` sets the rate: it is the step of a layer whose output energy equals
 * that of one of its inputs. `undefined` where a layer's outputs never vary, or its numbers are out of range.
 *
 * @param gradients second moments of the gradients at the outputs of each group, positive definite; the identity unless given
 */
export function codeLayer(
  layer: Layer,
  elements: ArrayLike<number>,
  moments: Moments,
  scale: number,
  statistics: FileStatistics,
  stages: Stages,
  gradients?: readonly Hessian[],
): CodedLayer | undefined {
  const { groups, rows, columns, columnShape } = layer;
  const correctsBias = stages.biasCorrection && layer.bias !== undefined;
  const matrix = rowsOf(layer, elements);
  const targets = moments.groups.map((group, at) => {
    const own = matrix.subarray(at * rows * columns, (at + 1) * rows * columns);
    const options = { isCentred: correctsBias && stages.centred, isSequential: stages.sequential };
    return layerTarget(layer, own, group, moments.count, options);
  });

  const meanEnergy = targets.reduce((sum, { hessian }) => sum + meanDiagonal(hessian), 0) / groups;
  const outputEnergy = targets.reduce((sum, group) => sum + group.outputEnergy, 0);
  if (!(outputEnergy > 0 && meanEnergy > 0)) return undefined;
  const known = stages.rateDistortion ? Math.max(0, 1 - columns / moments.count) : 0;
  const hasChains = stages.feedback && stages.trellis && !(stages.rateDistortion && known < LEAST_KNOWN);
  const chainAxis = hasChains ? chainAxisOf(layer) : undefined;
  const isDependent = chainAxis !== undefined;
  const fineness = isDependent ? DEPENDENT_FINENESS : 1;
  const step = stepOf(nearestStepCode((scale / fineness) * Math.sqrt(outputEnergy / meanEnergy)));
  const distance = isDependent ? 2 * step : step;
  const lambda = known * BIT_PRICE * distance * distance * meanEnergy;

  // Chosen for each tensor, it would save 0.2 % of SqueezeNet (layers of 16 channels) and nothing of ResNet-20.
  const isTransformed = stages.windowDct && columnShape.some((size, axis) => axis > 0 && size > 1);
  const frequencies = isTransformed ? columnShape.map((_, axis) => axis).slice(1) : [];
  const quantize = stages.feedback ? withFeedback : rounded;
  const { levels, error } = quantize(layer, targets, frequencies, { step, lambda, isDependent, statistics, gradients });

  const stored = Float64Array.from(levels, (level) => level * step);
  transformRows(idct, stored, columnShape, frequencies);
  return {
    network: networkOf(layer, elementsOfRows(layer, levels), isTransformed, step, chainAxis),
    elements: elementsOfRows(layer, stored),
    outputError: error / (moments.count * groups * rows),
    ...(correctsBias && { biasChange: biasChanges(layer, matrix, stored, moments) }),
  };
}

interface LevelOptions {
  readonly step: number;
  readonly lambda: number;
  readonly isDependent: boolean;
  readonly statistics: FileStatistics;
  readonly gradients: readonly Hessian[] | undefined;
}

interface LayerLevels {
  /** (groups, rows, columns), in the basis in which they are stored. */
  readonly levels: Int32Array;
  readonly error: number;
}

/** The levels of a layer whose windows become `frequencies` (axes of `columnShape`). */
function withFeedback(
  layer: Layer,
  targets: readonly LayerTarget[],
  frequencies: readonly number[],
  { step, lambda, isDependent, statistics, gradients }: LevelOptions,
): LayerLevels {
  const { groups, rows, columns, columnShape } = layer;
  const order = codedOrder(columnShape, frequencies);
  const levels = new Int32Array(groups * rows * columns);
  const tensorLevels = new Int32Array(levels.length);
  const model = chainModel(columns);
  let error = 0;
  for (const [group, target] of targets.entries()) {
    const { weight, hessian } = inBasis(target, columnShape, frequencies);
    const wanted = permuteColumns(weight, order);
    const ordered = permuteBoth(hessian, order);
    const prior = lambda > 0 ? ratePrior(wanted, columns, lambda) : undefined;
    prior?.forEach((added, column) => {
      ordered.values[column * (columns + 1)]! += added;
    });
    const places = placesOf(layer, group, order);
    const quantized = quantizeMatrix(wanted, rows, factor(ordered), {
      step,
      lambda,
      isDependent,
      rates: isDependent
        ? chainRates(statistics, model, places, tensorLevels)
        : levelRates(statistics, places, tensorLevels),
      ...(prior && { prior }),
      ...(gradients && { outputs: factor(gradients[group]!) }),
    });
    const first = group * rows * columns;
    restoreColumns(levels.subarray(first, first + rows * columns), quantized.levels, order);
    error += quantized.error;
  }
  return { levels, error };
}

/** The levels of a layer, each number for itself. */
function rounded(
  { groups, rows, columns, columnShape }: Layer,
  targets: readonly LayerTarget[],
  frequencies: readonly number[],
  { step }: LevelOptions,
): LayerLevels {
  const levels = new Int32Array(groups * rows * columns);
  let error = 0;
  for (const [group, target] of targets.entries()) {
    const { weight, hessian } = inBasis(target, columnShape, frequencies);
    const own = Int32Array.from(weight, (value) => Math.round(value / step));
    levels.set(own, group * rows * columns);
    error += energyThrough(
      weight.map((value, at) => value - own[at]! * step),
      hessian,
    );
  }
  return { levels, error };
}

/** Brings a group's target and moments into the basis in which the weight is stored; the moments in place, since they can be large. */
function inBasis(
  { target, hessian }: LayerTarget,
  columnShape: readonly number[],
  frequencies: readonly number[],
): { weight: Float64Array; hessian: Hessian } {
  const weight = target.slice();
  transformRows(dct, weight, columnShape, frequencies);
  changeBasis(hessian, columnShape, frequencies);
  return { weight, hessian };
}

/** The network of levels in the order of the tensor; without the highest frequencies, where these are zero: but in a chain, zeros count. */
function networkOf(
  { shape, windowAxes }: Layer,
  levels: Int32Array,
  isTransformed: boolean,
  step: number,
  chainAxis: number | undefined,
): TensorNetwork {
  const axes = isTransformed ? windowAxes.filter((axis) => shape[axis]! > 1) : [];
  if (chainAxis !== undefined) return dctNetwork({ kind: 'quantized', shape, levels, step, chainAxis }, shape, axes);
  const box = boundingBox(levels, shape, axes);
  return dctNetwork({ kind: 'quantized', shape: box, levels: gather(levels, shape, box), step }, shape, axes);
}

/** Transforms every row of a matrix whose rows lie as `columnShape`, in place. */
function transformRows(
  transform: typeof dct,
  matrix: Float64Array,
  columnShape: readonly number[],
  axes: readonly number[],
): void {
  const columns = columnShape.reduce((product, size) => product * size, 1);
  transform(
    matrix,
    [matrix.length / columns, ...columnShape],
    axes.map((axis) => axis + 1),
  );
}
