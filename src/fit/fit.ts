/**
 * Fitting on one page: retrains the coefficients of a model's weights until its file has the wanted size (Frequency
 * Regularization, Zhao et al. 2023, arXiv 2304.07973, with the quantiser and the coder inside the loop).
 */
import type { Archive } from '../codec/archive.ts';
import type { Model } from '../graph/graph.ts';
import { isFloat } from '../graph/numbers.ts';
import { simplify } from '../graph/passes/simplify.ts';
import { elementCount } from '../graph/tensor.ts';
import { type Assembly, assemblyFor } from './assembly.ts';
import { restoreCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { TrainingData } from './data.ts';
import { type Lesson, lessonOf } from './lesson.ts';
import { type FitProgress, type Fitting, type LoopOptions, runLoop, stepCount } from './loop.ts';
import { checkFitOptions, FIT_DEFAULTS, type FitOptions } from './options.ts';
import { coefficientCountOf, liveCount, type Parameter } from './parameter.ts';
import { biasElements, parameterize, type Start } from './parameterize.ts';
import { randomStream } from './random.ts';
import { firstRateWeight } from './rate.ts';
import { trainableModel } from './trainable.ts';
import { type FitState, newState } from './trainer.ts';
import { buildTrainingGraph } from './training-graph.ts';

export interface FitResult {
  readonly archive: Archive;
  /** The same as ONNX for other trainers to go on with: see `trainableModel`. */
  readonly trainable: Model;
  readonly bytes: Uint8Array;
  readonly graphBytes: number;
  readonly weightBytes: number;
  /** Numbers other than zero that stand for the trained weights. */
  readonly coefficients: number;
  /** Elements of the model's float initialisers, before. */
  readonly parameters: number;
  readonly tensors: readonly FittedTensor[];
  readonly start: Start;
  readonly steps: number;
}

export interface FittedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly coefficients: number;
  readonly bytes: number;
}

/**
 * Bits of the file for each coefficient of the start. Half of them end as 0: those that stay are better where there are more to
 * choose from (LeNet-5 in 380 bytes: 97.1 % of MNIST from 776, 96.4 % from 600, after 6 epochs).
 */
const BITS_PER_COEFFICIENT = 4;

/** The same of a start from ordinary trained weights, nearly all of which end as 0. */
const BITS_PER_TRAINED = 0.25;

/** Part of all steps that the warm-up takes at most. */
const LONGEST_WARMUP = 0.1;

/** Stream of random numbers for fresh coefficients. */
const FRESH = 0;

/** Steps of the trial that chooses the start, and of its warm-up. */
const TRIAL = { steps: 120, warmup: 20 } as const;

/**
 * Fits `model` to `data`. The model is simplified in place on the way.
 *
 * @throws {TypeError} for options that contradict each other or the data
 * @throws {RangeError} for values out of range, labels that the model does not have, a size below that of the graph, and a loss
 *   that is not finite
 * @throws {UnsupportedError} where a layer cannot be differentiated
 * @throws {FormatError} where `resume` is no checkpoint of this fit
 */
export async function fit(model: Model, data: TrainingData, options: FitOptions): Promise<FitResult> {
  checkFitOptions(data, options);
  const { execute, signal, onProgress, targetSize, finish, width = FIT_DEFAULTS.width } = options;
  const parameterCount = floatElements(model);
  if ((fixedBatch(model) ?? 1) > data.count) {
    throw new TypeError(`the model takes ${fixedBatch(model)} samples at once, and there are ${data.count}`);
  }
  const loop = loopOptions(model, data, options);
  const opened: { release(): Promise<void> }[] = [];
  try {
    const lessonWith = async (own: TrainingData): Promise<Lesson> => {
      const lesson = await lessonOf(model, own, loop.batch, options);
      if (lesson.teacher) opened.push(lesson.teacher);
      return lesson;
    };
    const lesson = await lessonWith(data);
    const lastLesson = finish && (await lessonWith(finish.data));
    await simplify(model, options.evaluate ? { evaluate: options.evaluate } : {});

    const practise = async (state: FitState, assembly: Assembly, own: Lesson, width: number): Promise<Fitting> => {
      const graph = buildTrainingGraph(model, state.parameters, own.objectives, own.feeds, width);
      const session = await execute(graph.model);
      opened.push(session);
      return { state, graph, session, assembly, ...own };
    };
    const begin = async (start: Start, bits?: number): Promise<Begun> => {
      const parameters = parametersOf(model, options, start, bits);
      const assembly = assemblyFor(model, options.companions ?? {});
      if (targetSize !== undefined) checkRoom(parameters, assembly, targetSize);
      const state = newState(parameters, firstRateWeight(parameters.reduce((sum, own) => sum + liveCount(own), 0)));
      const learningRate = options.learningRate ?? FIT_DEFAULTS.learningRate[start];
      const fitting = await practise(state, assembly, lesson, width);
      return { start, fitting, loop: { ...loop, learningRate } };
    };
    const start = await chosenStart(options, begin, data, signal);
    const begun = await begin(start);
    const { state, assembly } = begun.fitting;
    const { parameters } = state;
    const identity = identityOf(begun, options);
    if (options.resume) restoreCheckpoint(state, options.resume, identity);
    const snapshot = {
      archive: () => assembly.archive(parameters),
      trainable: () => trainableModel(model, parameters),
      checkpoint: () => writeCheckpoint(state, identity),
    };
    const report = (progress: FitProgress) => onProgress?.(progress, snapshot);
    const until = Math.round((1 - (finish?.part ?? 0)) * stepCount(loop, data.count));
    await runLoop(begun.fitting, begun.loop, report, { until, signal });
    if (lastLesson) {
      await runLoop(await practise(state, assembly, lastLesson, 1), begun.loop, report, { signal });
    }

    const { bytes, graphBytes, weightBytes, bytesOf } = assembly.write(parameters);
    const tensors = parameters.map((parameter) => ({
      name: parameter.name,
      shape: parameter.shape,
      coefficients: coefficientCountOf(parameter),
      bytes: bytesOf.get(parameter.name) ?? 0,
    }));
    const coefficients = tensors.reduce((sum, tensor) => sum + tensor.coefficients, 0);
    const sizes = { bytes, graphBytes, weightBytes, coefficients, parameters: parameterCount };
    return {
      archive: snapshot.archive(),
      trainable: snapshot.trainable(),
      ...sizes,
      tensors,
      start,
      steps: state.taken,
    };
  } finally {
    for (const each of opened) await each.release();
  }
}

/** A fit before its first step. */
interface Begun {
  readonly start: Start;
  readonly fitting: Fitting;
  readonly loop: LoopOptions;
}

function loopOptions(model: Model, data: TrainingData, options: FitOptions): Omit<LoopOptions, 'learningRate'> {
  const { batch, clip, warmup, schedule, floor, dropRate, roundFrom, allocate, augment, seed, epochs } = {
    ...FIT_DEFAULTS,
    ...options,
  };
  const size = fixedBatch(model) ?? Math.min(batch, data.count);
  const shortWarmup = Math.ceil(LONGEST_WARMUP * stepCount({ epochs, batch: size }, data.count));
  return {
    ...{ clip, schedule, floor, dropRate, roundFrom, allocate, augment, seed, epochs },
    warmup: Math.min(warmup, shortWarmup),
    batch: size,
    optimizer: options.optimizer ?? {},
    ...(options.targetSize !== undefined && { targetSize: options.targetSize }),
  };
}

/** The batch size that a model fixes with the first dimension of an input. */
function fixedBatch({ graph }: Model): number | undefined {
  const dims = graph.inputs
    .filter(({ name }) => !graph.initializers.has(name))
    .map(({ type }) => (type?.kind === 'tensor' ? type.shape?.[0] : undefined));
  return dims.find((dim) => typeof dim === 'number');
}

function parametersOf(
  model: Model,
  options: FitOptions,
  start: Start,
  bits = start === 'trained' ? BITS_PER_TRAINED : BITS_PER_COEFFICIENT,
): Parameter[] {
  const { targetSize, allocation, biases, seed = FIT_DEFAULTS.seed } = options;
  const coefficients = options.coefficients ?? Math.floor((8 * targetSize!) / bits);
  return parameterize(model, {
    coefficients,
    start,
    biases: biases ?? 2 * biasElements(model) < coefficients,
    random: randomStream(seed, FRESH),
    ...(allocation && { allocation }),
  });
}

/** Throws `RangeError` where a file of this size has no room for any coefficient. */
function checkRoom(parameters: readonly Parameter[], assembly: Assembly, targetSize: number): void {
  const bare = parameters.map((parameter) => ({ ...parameter, live: new Uint8Array(parameter.live.length) }));
  const { length } = assembly.write(bare).bytes;
  if (length >= targetSize) {
    throw new RangeError(`${targetSize} bytes are too few: the graph alone takes ${length}`);
  }
}

/** The start that is asked for, or the one whose loss is lower after a few steps with as many coefficients. */
async function chosenStart(
  { start = FIT_DEFAULTS.start }: FitOptions,
  begin: (start: Start, bits: number) => Promise<Begun>,
  data: TrainingData,
  signal: AbortSignal | undefined,
): Promise<Start> {
  if (start !== 'auto') return start;
  const tried: { start: Start; loss: number }[] = [];
  for (const each of ['fresh', 'trained'] as const) {
    const { fitting, loop } = await begin(each, BITS_PER_COEFFICIENT);
    const epochs = TRIAL.steps / Math.floor(data.count / loop.batch);
    let loss = Number.POSITIVE_INFINITY;
    const { targetSize, ...free } = { ...loop, epochs, warmup: TRIAL.warmup, roundFrom: 1, allocate: false };
    const remember = (progress: FitProgress) => {
      loss = progress.loss;
    };
    await runLoop(fitting, free, remember, { signal });
    tried.push({ start: each, loss });
  }
  return tried.reduce((best, each) => (each.loss < best.loss ? each : best)).start;
}

/** What must be the same where a fit goes on. */
function identityOf(
  { start, fitting: { state, objectives, data }, loop }: Begun,
  { width, finish }: FitOptions,
): string {
  const cores = state.parameters.map(({ name, box }) => `${name} ${box.join('x')}`);
  const terms = objectives.map(({ kind, output, shape, weight, from }) => [
    kind,
    output,
    shape.join('x'),
    weight,
    from,
  ]);
  return JSON.stringify({ start, ...loop, width, finish: finish?.part, samples: data.count, cores, terms });
}

function floatElements({ graph }: Model): number {
  let count = 0;
  for (const { dtype, shape } of graph.initializers.values()) if (isFloat(dtype)) count += elementCount(shape);
  return count;
}
