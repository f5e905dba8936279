/**
 * One step of a fit: the graph's loss and gradients for a batch, the rate term, the steps of the quantiser, the optimiser.
 */
import type { OpenGraph } from '../codec/calibration/executor.ts';
import { toFloat32 } from '../graph/numbers.ts';
import { float32Tensor, type Tensor } from '../graph/tensor.ts';
import { clipNorm, descend, type Moments, newMoments, type OptimizerOptions } from './optimizer.ts';
import { cutOf, type Parameter } from './parameter.ts';
import { coreOf, stepSlope } from './quantization.ts';
import { addRateSlopes } from './rate.ts';
import type { TrainingGraph } from './training-graph.ts';

/** All that a fit changes as it goes; together with its options it is where a fit can go on from. */
export interface FitState {
  /** Steps taken. */
  taken: number;
  readonly parameters: readonly Parameter[];
  /** Of each parameter's values. */
  readonly moments: readonly Moments[];
  /** Of the logarithms of the parameters' quantiser steps. */
  readonly stepMoments: Moments;
  /** Steps taken since rounding began; 0 before. */
  roundedSteps: number;
  /** Loss for each estimated bit. */
  rateWeight: number;
  /** Size of the file when rounding began; 0 before. */
  bytesAtRounding: number;
}

/** The state before the first step. */
export function newState(parameters: readonly Parameter[], rateWeight: number): FitState {
  return {
    taken: 0,
    parameters,
    moments: parameters.map(({ values }) => newMoments(values.length)),
    stepMoments: newMoments(parameters.length),
    roundedSteps: 0,
    rateWeight,
    bytesAtRounding: 0,
  };
}

export interface StepOptions {
  readonly learningRate: number;
  /** Whether the graph is fed rounded coefficients. */
  readonly rounded: boolean;
  /** Whether the quantiser's steps are learned, too. */
  readonly learnsSteps: boolean;
  /** Part of each first support, in zigzag order, that takes part. */
  readonly kept: number;
  readonly optimizer: OptimizerOptions;
  /** Largest norm of all gradients together. */
  readonly clip: number;
}

export interface StepResult {
  readonly loss: number;
  /** The model's own outputs, by name. */
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/** The rate at which quantiser steps are learned, against that of the coefficients, in the logarithm of the step. */
const STEP_RATE = 0.05;

/**
 * Takes one step: changes `state`.
 *
 * @param targets the values of the graph's targets, in order
 * @throws {RangeError} where the loss is not finite
 */
export async function takeStep(
  state: FitState,
  { cores, targets: ports, gradients, loss }: TrainingGraph,
  session: OpenGraph,
  feeds: ReadonlyMap<string, Tensor>,
  targets: readonly Float32Array[],
  { learningRate, rounded, learnsSteps, kept, optimizer, clip }: StepOptions,
): Promise<StepResult> {
  const { parameters, moments, stepMoments } = state;
  const all = new Map(feeds);
  const cuts = parameters.map((parameter) => cutOf(parameter, kept));
  parameters.forEach((parameter, at) => {
    all.set(cores[at]!, float32Tensor(parameter.box, coreOf(parameter, rounded, cuts[at])));
  });
  ports.forEach(({ name, shape }, at) => {
    all.set(name, float32Tensor(shape, targets[at]!));
  });
  const outputs = await session.run(all);
  const value = toFloat32(outputs.get(loss)!)[0]!;
  const refuse = (what: string): never => {
    throw new RangeError(`${what} at step ${state.taken + 1}: try a lower learning rate`);
  };
  if (!Number.isFinite(value)) refuse(`the loss became ${value}`);

  const slopes = parameters.map(({ scale, order }, at) => {
    const own = toFloat32(outputs.get(gradients[at]!)!).map((slope) => slope * scale);
    for (let rank = cuts[at]!; rank < order.length; rank++) own[order[rank]!] = 0;
    return own;
  });
  const norm = clipNorm(slopes, clip);
  if (!Number.isFinite(norm)) refuse(`the gradient became ${norm}`);
  state.taken++;
  if (rounded) {
    state.roundedSteps++;
    const byStep = Float32Array.from(parameters, (parameter, at) => stepSlope(parameter, slopes[at]!));
    parameters.forEach((parameter, at) => {
      byStep[at]! += addRateSlopes(parameter, state.rateWeight, slopes[at]!);
    });
    if (learnsSteps) {
      const logarithms = Float32Array.from(parameters, ({ step }) => Math.log(step));
      descend(logarithms, byStep, stepMoments, STEP_RATE * learningRate, state.roundedSteps);
      parameters.forEach((parameter, at) => {
        parameter.step = Math.exp(logarithms[at]!);
      });
    }
  }
  parameters.forEach(({ values, live }, at) => {
    descend(values, slopes[at]!, moments[at]!, learningRate, state.taken, optimizer, live);
  });
  return { loss: value, outputs };
}
