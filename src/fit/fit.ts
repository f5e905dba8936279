/**
 * Fitting: retrains the coefficients of a model's weights until its file has the wanted size (Frequency Regularization, Zhao et
 * al. 2023, arXiv 2304.07973, with the quantiser and the coder inside the loop).
 */
import type { Archive } from '../codec/archive.ts';
import type { Execute } from '../codec/calibration/executor.ts';
import type { Model } from '../graph/graph.ts';
import { isFloat } from '../graph/numbers.ts';
import type { Evaluate } from '../graph/passes/fold-constants.ts';
import { simplify } from '../graph/passes/simplify.ts';
import { elementCount } from '../graph/tensor.ts';
import { type Assembly, assemblyFor, type Companions } from './assembly.ts';
import type { TrainingData } from './data.ts';
import { type FitProgress, type Fitting, runLoop } from './loop.ts';
import type { LossKind } from './loss.ts';
import type { OptimizerOptions } from './optimizer.ts';
import { liveCount, type Parameter } from './parameter.ts';
import { biasElements, type ParameterizeOptions, parameterize, type Start } from './parameterize.ts';
import { randomStream } from './random.ts';
import { FIRST_RATE_WEIGHT } from './rate.ts';
import type { SupportSchedule } from './schedule.ts';
import { type Objective, objectivesFor } from './targets.ts';
import { openTeacher, type Teacher } from './teacher.ts';
import { newState } from './trainer.ts';
import { buildTrainingGraph } from './training-graph.ts';

/** At least one of `targetSize` and `coefficients` is given. */
export interface FitOptions {
  /** Runs the graphs. */
  execute: Execute;
  /** Bytes: the whole file is no larger. */
  targetSize?: number;
  /** Most coefficients of all weights together; by default what the wanted size suggests. */
  coefficients?: number;
  /** Coefficients of single weights, by name. */
  allocation?: ReadonlyMap<string, number>;
  epochs?: number;
  /** Samples in a step. */
  batch?: number;
  /** Highest learning rate, in units of a coefficient's scale. */
  learningRate?: number;
  optimizer?: OptimizerOptions;
  /** Largest norm of the gradient. */
  clip?: number;
  /** From the model's own coefficients, or from random ones. */
  start?: Start;
  /** Whether biases stay: by default where the coefficients are more than twice as many. */
  biases?: boolean;
  loss?: LossKind;
  /** Whether the truth of the data is used, where they tell it. */
  labels?: boolean;
  /** Weight of the teacher's outputs, from 0 to 1: by default 1 without truth, and 0 with it. */
  distillation?: number;
  temperature?: number;
  /** The model to learn from; by default the fitted one, as it was. */
  teacher?: Model;
  schedule?: SupportSchedule;
  floor?: number;
  dropRate?: number;
  /** Part of the steps after which coefficients are rounded. */
  roundFrom?: number;
  /** Whether coefficients move between weights and places. */
  allocate?: boolean;
  /** Vary samples, where the data can. */
  augment?: boolean;
  seed?: number;
  evaluate?: Evaluate;
  /** Stored in the file. */
  companions?: Companions;
  /** Called after each step; a fit waits for what it returns. */
  onProgress?: (progress: FitProgress, current: () => Archive) => void | Promise<void>;
  signal?: AbortSignal;
}

export const FIT_DEFAULTS = {
  epochs: 20,
  batch: 128,
  learningRate: { fresh: 0.05, trained: 0.01 },
  clip: 5,
  warmup: 100,
  temperature: 2,
  schedule: 'constant',
  floor: 0.1,
  dropRate: 0.001,
  roundFrom: 0.5,
  seed: 1,
} as const;

export interface FitResult {
  readonly archive: Archive;
  readonly bytes: Uint8Array;
  readonly graphBytes: number;
  readonly weightBytes: number;
  /** Numbers other than zero that stand for the weights. */
  readonly coefficients: number;
  /** Elements of the model's float initialisers, before. */
  readonly parameters: number;
  readonly tensors: readonly { readonly name: string; readonly coefficients: number; readonly bytes: number }[];
  readonly steps: number;
}

/** Bits that a coefficient takes, to guess how many a size has room for. */
const BITS_PER_COEFFICIENT = 4.5;

/**
 * Fits `model` to `data`. The model is simplified in place on the way.
 *
 * @throws {TypeError} for options that contradict each other or the data
 * @throws {RangeError} for values out of range, labels that the model does not have, a size below that of the graph, and a loss
 *   that is not finite
 * @throws {UnsupportedError} where a layer cannot be differentiated
 */
export async function fit(model: Model, data: TrainingData, options: FitOptions): Promise<FitResult> {
  checkOptions(data, options);
  const { execute, signal, seed = FIT_DEFAULTS.seed, start = 'fresh' } = options;
  const parameterCount = [...model.graph.initializers.values()]
    .filter(({ dtype }) => isFloat(dtype))
    .reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const batch = Math.min(options.batch ?? FIT_DEFAULTS.batch, data.count);
  const labels = (options.labels ?? true) && data.truth !== 'none';
  const distillation = options.distillation ?? (labels ? 0 : 1);
  const augment = options.augment ?? false;
  const release: (() => Promise<void>)[] = [];
  try {
    let teacher: Teacher | undefined;
    if (distillation > 0) {
      teacher = await openTeacher(options.teacher ?? model, execute, data.count, !augment);
      release.push(() => teacher!.release());
    }
    const outputs = await outputShapes(model, data, batch, execute);
    await simplify(model, options.evaluate ? { evaluate: options.evaluate } : {});
    const { parameters, assembly } = prepare(model, options, start, seed);
    const objectives: Objective[] = objectivesFor(outputs.shapes, data.truth, {
      labels,
      distillation,
      temperature: options.temperature ?? FIT_DEFAULTS.temperature,
      ...(options.loss && { loss: options.loss }),
    });
    const graph = buildTrainingGraph(model, parameters, objectives, outputs.feeds);
    const session = await execute(graph.model);
    release.push(() => session.release());
    const state = newState(parameters, FIRST_RATE_WEIGHT);
    const fitting: Fitting = { state, graph, session, data, objectives, assembly, ...(teacher && { teacher }) };
    const { targetSize, onProgress } = options;
    await runLoop(
      fitting,
      {
        epochs: options.epochs ?? FIT_DEFAULTS.epochs,
        batch,
        learningRate: options.learningRate ?? FIT_DEFAULTS.learningRate[start],
        warmup: FIT_DEFAULTS.warmup,
        clip: options.clip ?? FIT_DEFAULTS.clip,
        optimizer: options.optimizer ?? {},
        seed,
        roundFrom: options.roundFrom ?? FIT_DEFAULTS.roundFrom,
        allocate: options.allocate ?? true,
        augment,
        schedule: options.schedule ?? FIT_DEFAULTS.schedule,
        floor: options.floor ?? FIT_DEFAULTS.floor,
        dropRate: options.dropRate ?? FIT_DEFAULTS.dropRate,
        ...(targetSize !== undefined && { targetSize }),
      },
      (progress) => onProgress?.(progress, () => assembly.archive(parameters)),
      signal,
    );
    return resultOf(parameters, assembly, parameterCount, state.taken);
  } finally {
    for (const each of release) await each();
  }
}

/** The parameters of a simplified model and how they become a file. */
function prepare(
  model: Model,
  options: FitOptions,
  start: Start,
  seed: number,
): { parameters: Parameter[]; assembly: Assembly } {
  const { targetSize, allocation, biases, companions = {} } = options;
  const make = (coefficients: number, keepsBiases: boolean): ParameterizeOptions => ({
    coefficients,
    start,
    biases: keepsBiases,
    random: randomStream(seed, 0),
    ...(allocation && { allocation }),
  });
  const coefficients = options.coefficients ?? Math.floor((8 * targetSize!) / BITS_PER_COEFFICIENT);
  const parameters = parameterize(model, make(coefficients, biases ?? biasElements(model) * 2 < coefficients));
  return { parameters, assembly: assemblyFor(model, companions) };
}

/** Shapes of a batch's feeds and of the outputs that the model gives for them. */
async function outputShapes(model: Model, data: TrainingData, batch: number, execute: Execute) {
  const graph = await execute(model);
  try {
    const { feeds } = await data.batch(Uint32Array.from({ length: batch }, (_, at) => at));
    const results = await graph.run(feeds);
    return {
      feeds: new Map([...feeds].map(([name, { shape }]) => [name, shape])),
      shapes: model.graph.outputs.map(({ name }) => ({ name, shape: results.get(name)!.shape })),
    };
  } finally {
    await graph.release();
  }
}

function resultOf(
  parameters: readonly Parameter[],
  assembly: Assembly,
  parameterCount: number,
  steps: number,
): FitResult {
  const { bytes, graphBytes, weightBytes, bytesOf } = assembly.write(parameters);
  const archive = assembly.archive(parameters);
  const tensors = parameters.map((parameter) => ({
    name: parameter.name,
    coefficients: liveCount(parameter),
    bytes: bytesOf.get(parameter.name) ?? 0,
  }));
  const coefficients = tensors.reduce((sum, tensor) => sum + tensor.coefficients, 0);
  return { archive, bytes, graphBytes, weightBytes, coefficients, parameters: parameterCount, tensors, steps };
}

function checkOptions(data: TrainingData, options: FitOptions): void {
  const { targetSize, coefficients, epochs, batch, learningRate, distillation, roundFrom } = options;
  if (data.count === 0) throw new TypeError('the data hold no samples');
  if (targetSize === undefined && coefficients === undefined) {
    throw new TypeError('a fit needs targetSize or coefficients');
  }
  const positive = { targetSize, coefficients, epochs, batch, learningRate };
  for (const [name, value] of Object.entries(positive)) {
    if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
      throw new RangeError(`${name} must be positive, not ${value}`);
    }
  }
  for (const [name, value] of Object.entries({ distillation, roundFrom })) {
    if (value !== undefined && !(value >= 0 && value <= 1)) {
      throw new RangeError(`${name} must be from 0 to 1, not ${value}`);
    }
  }
}
