/**
 * One layer's weight against what its inputs look like: the target that the quantiser aims at, its step, its levels, and
 * the bias that takes up what is left of the mean error.
 */
import { chainModel } from '../chain-model.ts';
import { dct, idct } from '../dct.ts';
import { stridesOf } from '../einsum.ts';
import { dctNetwork, type TensorNetwork } from '../network.ts';
import { nearestStepCode, stepOf } from '../step.ts';
import { boundingBox, gather } from '../support.ts';
import { forEachInZigzag } from '../zigzag.ts';
import { quantizeMatrix } from './feedback.ts';
import { centre, changeBasis, damp, factor, type Hessian, meanDiagonal } from './hessian.ts';
import { elementsOfRows, type Layer, rowsOf } from './layers.ts';
import type { GroupMoments, Moments } from './moments.ts';
import { chainRates, type FileStatistics, type LevelPlaces, levelRates } from './rate-model.ts';
import { solveRows } from './solve.ts';

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
}

export const ALL_STAGES: Stages = {
  feedback: true,
  rateDistortion: true,
  biasCorrection: true,
  centred: true,
  sequential: true,
  windowDct: true,
  trellis: true,
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
const BIT_PRICE = 0.05;

/** How much finer the step of dependent levels is that make the error of uniform ones: its quantisers' distance is two steps. */
const DEPENDENT_FINENESS = 1.75;

/**
 * Damping of the moments in parts of their mean diagonal (0.01 as in Frantar et al., arXiv 2210.17323), to which as much is added as is
 * noise in them: the moments of K inputs from T observations are off by about K / T (Ledoit and Wolf, "A well-conditioned estimator for
 * large-dimensional covariance matrices", Journal of Multivariate Analysis 2004). A dense layer sees one observation per sample.
 */
const LEAST_DAMPING = 0.01;

/** Damping of the target: what is missing can be noise of few samples, and is made up for where inputs are strong. */
const TARGET_DAMPING = 0.1;

/**
 * Codes the weight `elements` (in the order of its tensor). `scale` sets the rate: it is the step of a layer whose output energy equals
 * that of one of its inputs. `undefined` where a layer's outputs never vary, or its numbers are out of range.
 */
export function codeLayer(
  layer: Layer,
  elements: ArrayLike<number>,
  moments: Moments,
  scale: number,
  statistics: FileStatistics,
  stages: Stages,
): CodedLayer | undefined {
  const { groups, rows, columns, shape } = layer;
  const correctsBias = stages.biasCorrection && layer.bias !== undefined;
  const { columnShape } = layer;
  const isTransformed = stages.windowDct && columnShape.some((size, axis) => axis > 0 && size > 1);
  const frequencies = isTransformed ? columnShape.map((_, axis) => axis).slice(1) : [];
  const windowAxes = isTransformed ? layer.windowAxes.filter((axis) => shape[axis]! > 1) : [];
  const matrix = rowsOf(layer, elements);
  transformRows(dct, matrix, columnShape, frequencies);
  const prepared = moments.groups.map((group, at) => {
    const own = matrix.subarray(at * rows * columns, (at + 1) * rows * columns);
    return prepareGroup(layer, own, group, moments.count, frequencies, { ...stages, biasCorrection: correctsBias });
  });

  const meanEnergy = prepared.reduce((sum, { hessian }) => sum + meanDiagonal(hessian), 0) / groups;
  const outputEnergy = prepared.reduce((sum, group) => sum + group.outputEnergy, 0);
  if (!(outputEnergy > 0 && meanEnergy > 0)) return undefined;
  const chainAxis = stages.feedback && stages.trellis ? chainAxisOf(layer) : undefined;
  const isDependent = chainAxis !== undefined;
  const fineness = isDependent ? DEPENDENT_FINENESS : 1;
  const step = stepOf(nearestStepCode((scale / fineness) * Math.sqrt(outputEnergy / meanEnergy)));
  const distance = isDependent ? 2 * step : step;
  // Where there are hardly more observations than inputs, what seems not to matter may matter on other samples: nothing is traded for bits.
  const known = Math.max(0, 1 - columns / moments.count);
  const lambda = stages.rateDistortion ? known * BIT_PRICE * distance * distance * meanEnergy : 0;

  const order = codedOrder(columnShape, frequencies);
  const model = chainModel(columns);
  const tensorLevels = new Int32Array(matrix.length);
  const levels = new Int32Array(matrix.length);
  let error = 0;
  for (const [at, { target, hessian }] of prepared.entries()) {
    const first = at * rows * columns;
    if (!stages.feedback) {
      const rounded = Int32Array.from(target, (value) => Math.round(value / step));
      levels.set(rounded, first);
      error += energyThrough(
        target.map((value, at) => value - rounded[at]! * step),
        hessian,
      );
      continue;
    }
    const places = placesOf(layer, at, order);
    const rates = isDependent
      ? chainRates(statistics, model, places, tensorLevels)
      : levelRates(statistics, places, tensorLevels);
    const factored = factor(permuteBoth(hessian, order));
    const quantized = quantizeMatrix(permuteColumns(target, order), rows, factored, {
      step,
      lambda,
      rates,
      isDependent,
    });
    for (let at = 0; at < quantized.levels.length; at += columns) {
      for (let place = 0; place < columns; place++) {
        levels[first + at + order[place]!] = quantized.levels[at + place]!;
      }
    }
    error += quantized.error;
  }

  const stored = Float64Array.from(levels, (level) => level * step);
  const biasChange = correctsBias ? biasChanges(layer, matrix, stored, moments, frequencies) : undefined;
  const core = elementsOfRows(layer, levels);
  const operand = isDependent
    ? ({ kind: 'quantized', shape, levels: core, step, chainAxis } as const)
    : cornerOf(core, shape, windowAxes, step);
  transformRows(idct, stored, columnShape, frequencies);
  return {
    network: dctNetwork(operand, shape, windowAxes),
    elements: elementsOfRows(layer, stored),
    outputError: error / (moments.count * groups * rows),
    ...(biasChange && { biasChange }),
  };
}

interface PreparedGroup {
  /** What to quantise: (rows, columns), in the basis in which it is stored. */
  readonly target: Float64Array;
  /** Of the inputs in that basis, damped. */
  readonly hessian: Hessian;
  /** tr(W H Wᵀ), of the original weight. */
  readonly outputEnergy: number;
}

function prepareGroup(
  { columns, columnShape }: Layer,
  weight: Float64Array,
  moments: GroupMoments,
  count: number,
  frequencies: readonly number[],
  stages: Stages,
): PreparedGroup {
  const hessian = { size: columns, values: Float64Array.from(moments.products) };
  const missing = Float64Array.from(moments.missing);
  if (stages.biasCorrection && stages.centred) {
    centre(hessian, moments.sums, count);
    addOuter(missing, moments.missingSums, moments.sums, -1 / count);
  }
  changeBasis(hessian, columnShape, frequencies);
  transformRows(dct, missing, columnShape, frequencies);
  const outputEnergy = energyThrough(weight, hessian);
  const isMissing = stages.sequential && missing.some((value) => value !== 0);
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

/** What to add to each output's bias: the mean of what is missing, and of what the stored weight makes of the mean input. */
function biasChanges(
  { groups, rows, columns, columnShape }: Layer,
  weight: Float64Array,
  stored: Float64Array,
  moments: Moments,
  frequencies: readonly number[],
): Float64Array {
  const changes = new Float64Array(groups * rows);
  for (const [group, { sums, missingSums }] of moments.groups.entries()) {
    const means = sums.map((sum) => sum / moments.count);
    transformRows(dct, means, columnShape, frequencies);
    for (let row = 0; row < rows; row++) {
      const output = group * rows + row;
      let change = missingSums[row]! / moments.count;
      for (let column = 0, at = output * columns; column < columns; column++, at++) {
        change += (weight[at]! - stored[at]!) * means[column]!;
      }
      changes[output] = change;
    }
  }
  return changes;
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

/** Adds factor × a bᵀ to a matrix (a.length, b.length). */
function addOuter(matrix: Float64Array, a: Float64Array, b: Float64Array, factor: number): void {
  for (let row = 0, at = 0; row < a.length; row++) {
    for (let column = 0; column < b.length; column++, at++) matrix[at]! += factor * a[row]! * b[column]!;
  }
}

/** tr(W H Wᵀ). */
function energyThrough(weight: Float64Array, { size, values }: Hessian): number {
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

/**
 * The axis of the outputs, which makes a row of the matrix a chain; `undefined` where outputs do not lie along one axis, as in a transposed
 * convolution of several groups.
 */
function chainAxisOf({ shape, groups, rows, columns, outer }: Layer): number | undefined {
  const strides = stridesOf(shape);
  const axis = shape.findIndex((size, at) => size === groups * rows && strides[at] === columns / outer);
  return axis < 0 || (groups > 1 && outer > 1) ? undefined : axis;
}

/** The levels without the highest frequencies, where these are zero. In a chain zeros count as well. */
function cornerOf(levels: Int32Array, shape: readonly number[], axes: readonly number[], step: number) {
  const box = boundingBox(levels, shape, axes);
  return { kind: 'quantized', shape: box, levels: gather(levels, shape, box), step } as const;
}

/** Where the rows and columns of a group lie in the tensor, the columns in the given order. */
function placesOf({ shape, groups, rows, columns, outer }: Layer, group: number, order: Uint32Array): LevelPlaces {
  const inner = columns / outer;
  const first = (group * shape.reduce((product, size) => product * size, 1)) / groups;
  return {
    shape,
    rows: Uint32Array.from({ length: rows }, (_, row) => first + row * inner),
    columns: order.map((at) => Math.floor(at / inner) * rows * inner + (at % inner)),
  };
}

/** The order in which a file has the entries of a row that lies as `shape`. */
function codedOrder(shape: readonly number[], frequencies: readonly number[]): Uint32Array {
  const order = new Uint32Array(shape.reduce((product, size) => product * size, 1));
  let place = 0;
  forEachInZigzag(shape, frequencies, order.length, (offset) => {
    order[place++] = offset;
  });
  return order;
}

/** A matrix with its columns in another order. */
function permuteColumns(matrix: Float64Array, order: Uint32Array): Float64Array {
  const permuted = new Float64Array(matrix.length);
  for (let start = 0; start < matrix.length; start += order.length) {
    for (let place = 0; place < order.length; place++) permuted[start + place] = matrix[start + order[place]!]!;
  }
  return permuted;
}

/** A symmetric matrix with its rows and columns in another order. */
function permuteBoth({ size, values }: Hessian, order: Uint32Array): Hessian {
  const permuted = new Float64Array(values.length);
  for (let row = 0, at = 0; row < size; row++) {
    const from = order[row]! * size;
    for (let place = 0; place < size; place++, at++) permuted[at] = values[from + order[place]!]!;
  }
  return { size, values: permuted };
}
