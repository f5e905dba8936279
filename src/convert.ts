/**
 * The converter on one page: simplify the graph, choose a network for every weight, write the archive.
 */
import { whyNotCompact } from '../formats/fqz/compact.ts';
import { layerEnds } from '../formats/fqz/read.ts';
import { type WrittenArchive, writeFqz } from '../formats/fqz/write.ts';
import type { Budget } from './budget.ts';
import type { CalibrationData } from './calibration-data.ts';
import type { Archive } from './codec/archive.ts';
import {
  type CalibrateOptions,
  calibrate,
  fittingBatches,
  layerOutputs,
  NOISE_STAGES,
  outputErrorOf,
  sampleCount,
} from './codec/calibration/calibrate.ts';
import { ALL_STAGES, type Stages } from './codec/calibration/code-layer.ts';
import { type ChannelStatistics, matchNorms, normStatistics } from './codec/calibration/norms.ts';
import type { Fidelity } from './codec/fidelity.ts';
import { layersOf, MOST_LAYERS } from './codec/layering.ts';
import { isLowFrequency, type PlannedWeight, planWeight, prepareWeight } from './codec/plan.ts';
import { weightRoles } from './codec/weight-roles.ts';
import { UnsupportedError } from './errors.ts';
import { storeOnnxGraph } from './foreign-graph.ts';
import { gradientMoments } from './gradient-moments.ts';
import type { Model } from './graph/graph.ts';
import { isFloat } from './graph/numbers.ts';
import type { Evaluate } from './graph/passes/fold-constants.ts';
import { simplify } from './graph/passes/simplify.ts';
import type { Preparation } from './graph/preparation.ts';
import { elementCount, type Tensor } from './graph/tensor.ts';
import { OnnxruntimeError } from './onnxruntime.ts';
import { searchLowest, searchSize } from './quality-search.ts';

/** What a conversion is doing; `done` of `total` steps of this phase. */
export interface ConvertProgress {
  readonly phase: 'simplifying the graph' | 'calibrating' | 'coding weights' | 'searching' | 'writing';
  readonly done: number;
  readonly total: number;
}

/** At most one of `quality`, `targetSize`, `budget`, `maxError` and `precision` is given. */
export interface ConvertOptions {
  /** 1 to 100: how close the weights stay. The default is 90. */
  quality?: number;
  /** Bytes: the highest quality whose file is no larger. */
  targetSize?: number;
  /** The smallest file that this finds good enough: `dropBudget` and `divergenceBudget` make such functions. */
  budget?: Budget;
  /** Largest relative error (Frobenius norm) of any weight tensor, between 0 and 1. */
  maxError?: number;
  /** Weights as float16 numbers, or bit for bit as they are. */
  precision?: 'fp16' | 'lossless';
  /**
   * Samples to code the weights of layers against, or noise in their place (`noiseCalibration`), so that the outputs stay close rather than
   * the weights themselves. Goes with `quality`, `targetSize` and `budget`.
   */
  calibrate?: CalibrationData;
  /** Parts of the calibration to leave out, to see what they are worth; all unless given. */
  calibrationStages?: Stages;
  /**
   * 1 to 8 quality layers: every prefix of the file that ends with a layer is a file of its own, coarser by a third (of two
   * layers) or by halves. Goes with any quality, size, budget or error, which are those of the whole file. The default is 1.
   */
  layers?: number;
  /** Keep the names of nodes, weights and inner values, and the model's metadata. */
  keepNames?: boolean;
  /** Stored with the model, for whoever prepares its input. */
  preparation?: Preparation;
  /** Stored with the model: class labels by index. */
  labels?: readonly string[];
  /** Evaluates constant parts of the graph; without it, some exporters' shape arithmetic stays. */
  evaluate?: Evaluate;
  onProgress?: (progress: ConvertProgress) => void;
  signal?: AbortSignal;
}

export const CONVERT_DEFAULTS = { quality: 90 } as const;

export interface TensorReport {
  readonly name: string;
  readonly shape: readonly number[];
  /** `plain`, `dct` or `window dct`, or `exact` for a tensor that is kept bit for bit. */
  readonly method: string;
  /** Numbers other than zero that are stored. */
  readonly coefficients: number;
  readonly bytes: number;
  /** ‖stored − original‖ / ‖original‖ in the Frobenius norm. */
  readonly relativeError: number;
}

export interface ConvertReport {
  /** Elements of all float initialisers of the model as it was given: biases and norms too. */
  readonly parameters: number;
  /** Four bytes for each parameter. */
  readonly weightBytesFp32: number;
  readonly output: {
    readonly bytes: number;
    readonly graphBytes: number;
    readonly weightBytes: number;
    /** Numbers other than zero that stand for the weights. */
    readonly coefficients: number;
    /** Bytes of the prefixes that are files of their own, the whole file last; absent where it is in one piece. */
    readonly layerEnds?: readonly number[];
  };
  readonly tensors: readonly TensorReport[];
  /** What the weights were coded against. */
  readonly calibration: 'samples' | 'noise' | 'none';
  /** How many samples the weights were coded against: fewer than were given, where those took too much memory. */
  readonly calibrationSamples?: number;
  /** Why it is not known how much the outputs of layers matter; absent where it is, or need not be. */
  readonly withoutGradients?: string;
  /** Why the graph is stored as ONNX rather than compactly; absent where it is compact. */
  readonly storedAsOnnx?: string;
}

/**
 * Converts a model to a `.fqz` file. `model` is simplified in place on the way.
 *
 * @throws {TypeError} for options that contradict each other or are out of range
 * @throws {RangeError} where `targetSize` cannot be reached; the message gives the smallest size that can
 */
export async function convert(
  model: Model,
  options: ConvertOptions = {},
): Promise<{ bytes: Uint8Array; report: ConvertReport }> {
  const fidelity = fidelityOf(options);
  checkLayers(options);
  checkCompanions(options);
  const parameters = countParameters(model);
  const { onProgress, signal, targetSize } = options;

  onProgress?.({ phase: 'simplifying the graph', done: 0, total: 1 });
  const norms = options.calibrate?.source === 'noise' ? normStatistics(model) : new Map<string, ChannelStatistics>();
  await simplify(model, options.evaluate ? { evaluate: options.evaluate } : {});
  onProgress?.({ phase: 'simplifying the graph', done: 1, total: 1 });

  const storedAsOnnx = whyNotCompact(model);
  const roles = weightRoles(model);
  const outputAxes = new Map(
    [...roles].flatMap(([name, { outputAxis }]) => (outputAxis === undefined ? [] : [[name, outputAxis]])),
  );
  const initializers = [...model.graph.initializers];
  const whole = { ...model, graph: { ...model.graph, initializers: new Map(initializers) } };
  model.graph.initializers = new Map();
  const graph: Archive['graph'] =
    storedAsOnnx === undefined
      ? { kind: 'compact', model }
      : { kind: 'onnx', deflated: storeOnnxGraph(model, options.keepNames ?? false) };
  const companions = {
    ...(options.preparation && { preparation: options.preparation }),
    ...(options.labels && { labels: options.labels }),
  };
  const assemble = (weights: readonly PlannedWeight[]): Assembled => {
    const archive = { graph, weights: weights.map(({ stored }) => stored), ...companions };
    const layers = layersOf(archive.weights, options.layers ?? 1, outputAxes);
    return { weights, written: writeFqz(archive, { keepNames: options.keepNames ?? false, layers }) };
  };

  const each = async <T>(phase: ConvertProgress['phase'], use: (name: string, tensor: Tensor) => T) => {
    const results: T[] = [];
    for (const [name, tensor] of initializers) {
      onProgress?.({ phase, done: results.length, total: initializers.length });
      // Lets timers and signals through: a tensor can take a second.
      await new Promise((resolve) => setTimeout(resolve));
      signal?.throwIfAborted();
      results.push(use(name, tensor));
    }
    onProgress?.({ phase, done: results.length, total: results.length });
    return results;
  };
  const prepare = (name: string, tensor: Tensor, finest: Fidelity) =>
    prepareWeight(name, tensor, roles.get(name), finest);

  const { calibrate: samples, budget } = options;
  const isSearch = targetSize !== undefined || budget !== undefined;
  let calibrationSamples: number | undefined;
  let withoutGradients: string | undefined;
  let weightsAt: (wanted: Fidelity) => Promise<PlannedWeight[]>;
  if (samples) {
    const batches = await sampleBatches(whole, samples, options);
    calibrationSamples = sampleCount(batches);
    const { execute, source } = samples;
    const matched = await matchNorms(whole, norms, batches, execute, signal);
    // Only what norms tell of means is to be trusted of noise.
    const own = source === 'noise' && matched === whole ? NOISE_STAGES : ALL_STAGES;
    const stages = options.calibrationStages ?? own;
    const except = new Set<string>();
    for (const [name, tensor] of initializers) if (isLowFrequency(prepare(name, tensor, FINEST))) except.add(name);
    const { gradients, reason } = stages.rowFeedback
      ? await gradientsOf(matched, { batches, execute, except }, options)
      : {};
    withoutGradients = reason;
    const given = { batches, execute, stages, except, ...(gradients && { gradients }) };
    const calibratedAt = calibratedCoder(matched, given, options);
    weightsAt = async (wanted) => {
      const calibrated = await calibratedAt(wanted);
      return each(
        'coding weights',
        (name, tensor) => calibrated.get(name) ?? planWeight(prepare(name, tensor, wanted), wanted),
      );
    };
  } else if (isSearch) {
    const prepared = await each('coding weights', (name, tensor) => prepare(name, tensor, FINEST));
    weightsAt = async (wanted) => prepared.map((weight) => planWeight(weight, wanted));
  } else {
    weightsAt = (wanted) => each('coding weights', (name, tensor) => planWeight(prepare(name, tensor, wanted), wanted));
  }
  const steps = samples ? FEW_FILES : MANY_FILES;
  let candidates = 0;
  const candidate = async (quality: number) => {
    onProgress?.({ phase: 'searching', done: candidates++, total: Math.max(candidates, steps.steps) });
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    return assemble(await weightsAt({ kind: 'quality', quality }));
  };
  const assembled =
    targetSize !== undefined
      ? await searchSize(targetSize, candidate, ({ written }) => written.bytes.length, steps)
      : budget
        ? await searchLowest(candidate, ({ written }) => budget(written.bytes))
        : assemble(await weightsAt(fidelity));
  const { weights, written } = assembled;
  const report: ConvertReport = {
    parameters,
    weightBytesFp32: 4 * parameters,
    output: {
      bytes: written.bytes.length,
      graphBytes: written.graphBytes,
      weightBytes: written.weightBytes,
      coefficients: weights.reduce((sum, { method, coefficients }) => sum + (method === 'exact' ? 0 : coefficients), 0),
      ...((options.layers ?? 1) > 1 && { layerEnds: layerEnds(written.bytes) }),
    },
    tensors: weights.map((weight) => tensorReport(weight, written)),
    calibration: samples?.source ?? 'none',
    ...(calibrationSamples !== undefined && { calibrationSamples }),
    ...(withoutGradients !== undefined && { withoutGradients }),
    ...(storedAsOnnx !== undefined && { storedAsOnnx }),
  };
  return { bytes: written.bytes, report };
}

interface Assembled {
  readonly weights: readonly PlannedWeight[];
  readonly written: WrittenArchive;
}

/** The samples that `data` has for `model`, as far as there is memory for them. */
async function sampleBatches(model: Model, data: CalibrationData, { onProgress, signal }: ConvertOptions) {
  onProgress?.({ phase: 'calibrating', done: 0, total: 1 });
  return fittingBatches(model, await data.batches(model, signal), data.execute, signal);
}

/** How much the outputs of layers matter, or why that cannot be told. */
async function gradientsOf(
  model: Model,
  given: Pick<CalibrateOptions, 'batches' | 'execute' | 'except'>,
  { signal }: ConvertOptions,
): Promise<{ gradients?: Awaited<ReturnType<typeof gradientMoments>>; reason?: string }> {
  const outputs = layerOutputs(model, given.except);
  if (outputs.length === 0) return {};
  try {
    return { gradients: await gradientMoments(model, outputs, { ...given, ...(signal && { signal }) }) };
  } catch (error) {
    // An operator without a gradient, an older opset, or a gradient that the engine does not run.
    const isExpected = [UnsupportedError, RangeError, OnnxruntimeError].some((kind) => error instanceof kind);
    if (!isExpected) throw error;
    return { reason: (error as Error).message };
  }
}

/** The function that codes the weights of `model` against samples. */
function calibratedCoder(
  model: Model,
  given: Pick<CalibrateOptions, 'batches' | 'execute' | 'stages' | 'gradients' | 'except'>,
  { onProgress, signal }: ConvertOptions,
): (wanted: Fidelity) => Promise<Map<string, PlannedWeight>> {
  return (wanted) =>
    calibrate(model, {
      ...given,
      error: outputErrorOf(wanted),
      onProgress: (progress) => onProgress?.({ phase: 'calibrating', ...progress }),
      ...(signal && { signal }),
    });
}

/** The finest that a search may ask for. */
const FINEST: Fidelity = { kind: 'quality', quality: 100 };

/** Searches for a size where every file is cheap, and where it is a calibration of its own. */
const MANY_FILES = { steps: 16, unused: 0.002, start: CONVERT_DEFAULTS.quality };
const FEW_FILES = { steps: 8, unused: 0.01, start: 80 };

function fidelityOf({ quality, targetSize, budget, maxError, precision, calibrate }: ConvertOptions): Fidelity {
  if (calibrate && (maxError ?? precision) !== undefined) {
    throw new TypeError(
      `calibrate goes with quality, targetSize or budget, not with ${maxError === undefined ? 'precision' : 'maxError'}`,
    );
  }
  const given = [quality, targetSize, budget, maxError, precision].filter((option) => option !== undefined);
  if (given.length > 1)
    throw new TypeError('only one of quality, targetSize, budget, maxError and precision can be given');
  if (precision !== undefined) {
    if (precision !== 'fp16' && precision !== 'lossless') {
      throw new TypeError(`precision must be fp16 or lossless, not ${precision}`);
    }
    return { kind: precision };
  }
  if (maxError !== undefined) {
    if (!(maxError > 0 && maxError < 1)) throw new TypeError(`maxError must be between 0 and 1, not ${maxError}`);
    return { kind: 'max-error', error: maxError };
  }
  if (targetSize !== undefined && !(targetSize > 0))
    throw new TypeError(`targetSize must be positive, not ${targetSize}`);
  const wanted = quality ?? CONVERT_DEFAULTS.quality;
  if (!(wanted >= 1 && wanted <= 100)) throw new TypeError(`quality must be from 1 to 100, not ${wanted}`);
  return { kind: 'quality', quality: wanted };
}

function checkLayers({ layers = 1, precision }: ConvertOptions): void {
  if (!(Number.isInteger(layers) && layers >= 1 && layers <= MOST_LAYERS)) {
    throw new TypeError(`layers must be a whole number from 1 to ${MOST_LAYERS}, not ${layers}`);
  }
  if (layers > 1 && precision) throw new TypeError('layers are of quantised weights: they do not go with precision');
}

/** Throws `TypeError` for a preparation or labels that a file should not carry. */
function checkCompanions({ preparation, labels }: ConvertOptions): void {
  if (labels !== undefined && !(Array.isArray(labels) && labels.every((label) => typeof label === 'string'))) {
    throw new TypeError('labels must be an array of strings');
  }
  if (preparation === undefined) return;
  const { scale, mean, std, channels } = preparation;
  const isList = (values: unknown): values is number[] =>
    Array.isArray(values) && values.length > 0 && values.every(Number.isFinite);
  if (!(Number.isFinite(scale) && scale > 0)) throw new TypeError(`preparation.scale must be positive, not ${scale}`);
  if (!isList(mean)) throw new TypeError('preparation.mean must be a list of numbers');
  if (!isList(std) || std.includes(0)) throw new TypeError('preparation.std must be a list of numbers other than 0');
  if (channels !== 'rgb' && channels !== 'bgr')
    throw new TypeError(`preparation.channels is rgb or bgr, not ${channels}`);
}

function countParameters({ graph }: Model): number {
  let count = 0;
  for (const { dtype, shape } of graph.initializers.values()) if (isFloat(dtype)) count += elementCount(shape);
  return count;
}

function tensorReport({ stored, method, coefficients, relativeError }: PlannedWeight, written: WrittenArchive) {
  const shape = 'tensor' in stored ? stored.tensor.shape : stored.shape;
  return {
    name: stored.name,
    shape,
    method,
    coefficients,
    bytes: written.bytesOf.get(stored.name) ?? 0,
    relativeError,
  };
}
