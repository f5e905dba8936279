/**
 * The course of a fit: first plain training in which coefficients find their places, then training with rounded coefficients,
 * in which the rate term is steered until the real file has the wanted size.
 */
import type { OpenGraph } from '../codec/calibration/executor.ts';
import { toFloat32 } from '../graph/numbers.ts';
import type { Tensor } from '../graph/tensor.ts';
import { grow, prune, pruneLevels } from './allocation.ts';
import type { Assembly } from './assembly.ts';
import type { TrainingBatch, TrainingData } from './data.ts';
import type { OptimizerOptions } from './optimizer.ts';
import { coefficientCountOf, liveCount, retireTail } from './parameter.ts';
import { firstStep, setSteps } from './quantization.ts';
import { randomStream, shuffled } from './random.ts';
import { nextRateWeight } from './rate.ts';
import { keptPart, learningRate, type TruncationOptions } from './schedule.ts';
import { type Objective, targetOf } from './targets.ts';
import type { Teacher } from './teacher.ts';
import { type FitState, takeStep } from './trainer.ts';
import type { TrainingGraph } from './training-graph.ts';

/** What a fit has come to. */
export interface FitProgress {
  /** Steps taken, and in all. */
  readonly step: number;
  readonly steps: number;
  /** Running means over the last hundred steps or so, the part of right classes where there are classes. */
  readonly loss: number;
  readonly accuracy?: number;
  readonly learningRate: number;
  /** Size of the file at the last time it was written. */
  readonly bytes: number;
  /** Coefficients that are live. */
  readonly coefficients: number;
  readonly rounded: boolean;
  /** Whether this was the last step of a pass over the data. */
  readonly isEpochEnd: boolean;
}

export interface LoopOptions extends TruncationOptions {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Steps of warm-up. */
  readonly warmup: number;
  readonly clip: number;
  readonly optimizer: OptimizerOptions;
  readonly seed: number;
  /** Part of the steps after which coefficients are rounded. */
  readonly roundFrom: number;
  readonly targetSize?: number;
  /** Whether coefficients move between weights and places; they do not where tails are cut. */
  readonly allocate: boolean;
  readonly augment: boolean;
}

/** What the loop works with; the caller opens and releases it. */
export interface Fitting {
  readonly state: FitState;
  readonly graph: TrainingGraph;
  readonly session: OpenGraph;
  readonly data: TrainingData;
  readonly objectives: readonly Objective[];
  readonly teacher?: Teacher;
  readonly assembly: Assembly;
}

/** Steps between two looks at the size of the file. */
const SIZE_INTERVAL = 25;
/** Steps between two moves of coefficients, and the part of them that moves at first. */
const MOVE_INTERVAL = 100;
const MOVED_PART = 0.03;
/** Parts of the rounded steps: until the wanted size is due, and from where on what is beyond it is cut off. */
const SIZE_DUE = 0.5;
const CUT_FROM = 0.8;
/** A file so many times the wanted one when rounding begins is made smaller by coarser steps first: pruning alone would ruin it. */
const FAR_TOO_LARGE = 1.5;
/** Where that starts from, in sizes wanted. */
const FIRST_LARGEST = 3;
/** Part of the rounded steps that this takes. */
const COARSENED = 0.35;
/** Part of the rounded steps after which the quantiser's steps stay: every change moves all levels of a weight. */
const STEPS_UNTIL = 0.6;
/** Part of the coefficients that would have to go, were all of one size, that go at a time. */
const CAREFUL = 0.5;
/** Decay of the running means. */
const SMOOTHING = 0.98;

/** Streams of random numbers. */
const ORDER = 1;
const VARIATION = 2;

/** Number of steps of a whole fit. */
export function stepCount({ epochs, batch }: Pick<LoopOptions, 'epochs' | 'batch'>, samples: number): number {
  return Math.max(1, Math.round(epochs * Math.floor(samples / batch)));
}

/**
 * Goes on from `fitting.state` step by step, to the end or until `until` steps have been taken.
 *
 * @param onStep called after each step
 */
export async function runLoop(
  fitting: Fitting,
  options: LoopOptions,
  onStep: (progress: FitProgress) => void | Promise<void>,
  { until = Number.POSITIVE_INFINITY, signal }: { until?: number; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { state, graph, session, data, objectives, teacher, assembly } = fitting;
  const { parameters, moments } = state;
  const { batch: batchSize, seed, targetSize } = options;
  const perEpoch = Math.floor(data.count / batchSize);
  const steps = stepCount(options, data.count);
  const roundFrom = Math.round(options.roundFrom * steps);
  let order = new Uint32Array();
  let epoch = -1;
  const means = { loss: runningMean(), accuracy: runningMean() };
  let bytes = assembly.write(parameters).bytes.length;

  while (state.taken < Math.min(steps, until)) {
    signal?.throwIfAborted();
    const step = state.taken;
    const rounded = step >= roundFrom;
    if (Math.floor(step / perEpoch) !== epoch) {
      epoch = Math.floor(step / perEpoch);
      order = shuffled(data.count, randomStream(seed, ORDER, epoch)) as Uint32Array<ArrayBuffer>;
    }
    if (step === roundFrom) {
      for (const parameter of parameters) parameter.step = firstStep(parameter);
      const sizeOf = () => assembly.write(parameters).bytes.length;
      // Where there is room for finer steps: a small UNet with a target of 500 bytes, Dice 0.950 rather than 0.948, three times of three.
      if (targetSize !== undefined && sizeOf() < targetSize) setSteps(parameters, moments, sizeOf, targetSize);
      bytes = sizeOf();
      state.bytesAtRounding = bytes;
    }

    const place = step % perEpoch;
    const indices = order.subarray(place * batchSize, (place + 1) * batchSize);
    const random = randomStream(seed, VARIATION, step);
    const batch = await data.batch(indices, options.augment ? random : undefined);
    const taught = await teacher?.outputs(batch, indices);
    const targets = objectives.map((objective) => targetOf(objective, batch, taught));
    const rate = learningRate(step, steps, options.learningRate, options.warmup);
    const kept = keptPart(step, options, random);
    if (options.schedule === 'tail') for (const parameter of parameters) retireTail(parameter, kept);
    const { loss, outputs } = await takeStep(state, graph, session, batch.feeds, targets, {
      learningRate: rate,
      rounded,
      learnsSteps: (step - roundFrom) / (steps - roundFrom) < STEPS_UNTIL,
      kept,
      optimizer: options.optimizer,
      clip: options.clip,
    });

    if (
      options.allocate &&
      options.schedule === 'constant' &&
      !rounded &&
      step > options.warmup &&
      step % MOVE_INTERVAL === 0
    ) {
      const live = parameters.reduce((sum, parameter) => sum + liveCount(parameter), 0);
      const left = 1 - step / roundFrom;
      const count = Math.round(live * MOVED_PART * left * left);
      grow(parameters, moments, prune(parameters, moments, count));
    }
    if (rounded && step % SIZE_INTERVAL === 0) {
      const sizeOf = () => assembly.write(parameters).bytes.length;
      const { bytesAtRounding } = state;
      const done = (step - roundFrom) / (steps - roundFrom);
      const isCoarsening = targetSize !== undefined && bytesAtRounding > FAR_TOO_LARGE * targetSize && done < COARSENED;
      if (isCoarsening) {
        // The last time, it is the size wanted.
        const due = Math.min(1, (done + SIZE_INTERVAL / (steps - roundFrom)) / COARSENED);
        const first = Math.min(FIRST_LARGEST, bytesAtRounding / targetSize);
        setSteps(parameters, moments, sizeOf, targetSize * first ** (1 - due));
      }
      bytes = sizeOf();
      if (targetSize !== undefined && !isCoarsening) {
        const due = Math.min(1, done / SIZE_DUE);
        const wanted = Math.max(targetSize, bytesAtRounding + (targetSize - bytesAtRounding) * due);
        state.rateWeight = nextRateWeight(state.rateWeight, bytes, wanted);
        if (done > CUT_FROM) bytes = cutTo(fitting, targetSize);
      }
    }
    const accuracy = accuracyOf(outputs.get(objectives[0]!.output)!, batch, taught?.get(objectives[0]!.output));
    if (accuracy !== undefined) means.accuracy.add(accuracy);
    means.loss.add(loss);
    await onStep({
      step: state.taken,
      steps,
      loss: means.loss.value(),
      ...(accuracy !== undefined && { accuracy: means.accuracy.value() }),
      learningRate: rate,
      bytes,
      coefficients: parameters.reduce((sum, parameter) => sum + liveCount(parameter), 0),
      rounded,
      isEpochEnd: state.taken % perEpoch === 0,
    });
  }
  if (targetSize !== undefined && state.taken === steps) cutTo(fitting, targetSize);
}

/**
 * Removes the coefficients that matter least until the file is no larger than `target`; returns its size. Throws `RangeError`
 * where it is larger even without any.
 */
function cutTo({ state: { parameters, moments }, assembly }: Fitting, target: number): number {
  for (;;) {
    const { bytes, weightBytes } = assembly.write(parameters);
    const excess = bytes.length - target;
    if (excess <= 0) return bytes.length;
    // Those that matter least are small levels, which take fewer bytes than most: this many never are too many.
    const levels = parameters.reduce((sum, parameter) => sum + coefficientCountOf(parameter), 0);
    const count = Math.max(1, Math.floor((CAREFUL * levels * excess) / weightBytes));
    if (pruneLevels(parameters, moments, count) === 0) {
      throw new RangeError(`the graph alone takes ${bytes.length} bytes, more than ${target}`);
    }
  }
}

/** Part of the samples whose largest output is at the label, or at the teacher's largest output. */
function accuracyOf(output: Tensor, batch: TrainingBatch, taught: Float32Array | undefined): number | undefined {
  if (output.shape.length !== 2) return undefined;
  const [rows, classes] = output.shape as [number, number];
  const values = toFloat32(output);
  const largest = (numbers: Float32Array, row: number) => {
    let best = row * classes;
    for (let at = best + 1; at < (row + 1) * classes; at++) if (numbers[at]! > numbers[best]!) best = at;
    return best - row * classes;
  };
  if (!batch.labels && !taught) return undefined;
  let right = 0;
  for (let row = 0; row < rows; row++) {
    const wanted = batch.labels ? batch.labels[row] : largest(taught!, row);
    if (largest(values, row) === wanted) right++;
  }
  return right / rows;
}

/** A mean that forgets, without the bias of its start. */
function runningMean() {
  let sum = 0;
  let weight = 0;
  return {
    add(value: number) {
      sum = SMOOTHING * sum + (1 - SMOOTHING) * value;
      weight = SMOOTHING * weight + (1 - SMOOTHING);
    },
    value: () => sum / weight,
  };
}
