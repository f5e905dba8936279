/**
 * The converter on one page: simplify the graph, choose a network for every weight, write the archive.
 */
import { whyNotCompact } from '../formats/fqz/compact.ts';
import { layerEnds } from '../formats/fqz/read.ts';
import { type WrittenArchive, writeFqz } from '../formats/fqz/write.ts';
import { calibratedCoder } from './calibrated-coder.ts';
import type { Archive } from './codec/archive.ts';
import { type ChannelStatistics, normStatistics } from './codec/calibration/norms.ts';
import type { Fidelity } from './codec/fidelity.ts';
import { layersOf } from './codec/layering.ts';
import { isLowFrequency, type PlannedWeight, planWeight, prepareWeight } from './codec/plan.ts';
import { planCore } from './codec/plan-core.ts';
import { returnWeights, takeTrainedCores } from './codec/trained-cores.ts';
import { weightRoles } from './codec/weight-roles.ts';
import {
  CONVERT_DEFAULTS,
  type ConvertOptions,
  type ConvertProgress,
  checkCompanions,
  checkLayers,
  fidelityOf,
} from './convert-options.ts';
import { storeOnnxGraph } from './foreign-graph.ts';
import type { Model } from './graph/graph.ts';
import { isFloat } from './graph/numbers.ts';
import { simplify } from './graph/passes/simplify.ts';
import { elementCount, type Tensor } from './graph/tensor.ts';
import { searchLowest, searchSize } from './quality-search.ts';

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
  const given = countParameters(model);
  const cores = takeTrainedCores(model);
  const rebuilt = [...cores.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const parameters = cores.size > 0 ? rebuilt + countParameters(model) : given;
  const { onProgress, signal, targetSize } = options;

  onProgress?.({ phase: 'simplifying the graph', done: 0, total: 1 });
  const norms = options.calibrate?.source === 'noise' ? normStatistics(model) : new Map<string, ChannelStatistics>();
  await simplify(model, options.evaluate ? { evaluate: options.evaluate } : {});
  returnWeights(model, cores);
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
  const planner = (name: string, tensor: Tensor, finest: Fidelity): ((wanted: Fidelity) => PlannedWeight) => {
    const core = cores.get(name);
    if (core) return (wanted) => planCore(name, core, wanted);
    const prepared = prepare(name, tensor, finest);
    return (wanted) => planWeight(prepared, wanted);
  };

  const isFitted = (name: string, tensor: Tensor) => cores.has(name) || isLowFrequency(prepare(name, tensor, FINEST));

  const { calibrate: samples, budget } = options;
  const isSearch = targetSize !== undefined || budget !== undefined;
  const calibrated = samples && (await calibratedCoder(whole, samples, norms, isFitted, options));
  let weightsAt: (wanted: Fidelity) => Promise<PlannedWeight[]>;
  if (calibrated) {
    weightsAt = async (wanted) => {
      const coded = await calibrated.code(wanted);
      return each(
        'coding weights',
        (name, tensor) => (cores.has(name) ? undefined : coded.get(name)) ?? planner(name, tensor, wanted)(wanted),
      );
    };
  } else if (isSearch) {
    const prepared = await each('coding weights', (name, tensor) => planner(name, tensor, FINEST));
    weightsAt = async (wanted) => prepared.map((plan) => plan(wanted));
  } else {
    weightsAt = (wanted) => each('coding weights', (name, tensor) => planner(name, tensor, wanted)(wanted));
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
    ...(calibrated && { calibrationSamples: calibrated.samples }),
    ...(calibrated?.withoutGradients !== undefined && { withoutGradients: calibrated.withoutGradients }),
    ...(storedAsOnnx !== undefined && { storedAsOnnx }),
  };
  return { bytes: written.bytes, report };
}

interface Assembled {
  readonly weights: readonly PlannedWeight[];
  readonly written: WrittenArchive;
}

/** The finest that a search may ask for. */
const FINEST: Fidelity = { kind: 'quality', quality: 100 };

/** Searches for a size where every file is cheap, and where it is a calibration of its own. */
const MANY_FILES = { steps: 16, unused: 0.002, start: CONVERT_DEFAULTS.quality };
const FEW_FILES = { steps: 8, unused: 0.01, start: 80 };

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
