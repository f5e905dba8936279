/**
 * Codes the weights of a model against what its layers see on samples, layer after layer: each on the inputs that the
 * layers before it give as they are stored, so that it can make up for their errors.
 */
import type { Model } from '../../graph/graph.ts';
import { type FloatDType, fromFloats, toFloat32 } from '../../graph/numbers.ts';
import { inferShapes } from '../../graph/shape-inference.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { consumersOf, isStandard } from '../../graph/uses.ts';
import { errorOfQuality, type Fidelity } from '../fidelity.ts';
import { coefficientCount, plainNetwork } from '../network.ts';
import type { PlannedWeight } from '../plan.ts';
import { nearestStepCode, stepOf } from '../step.ts';
import { weightRoles } from '../weight-roles.ts';
import { type Activations, advance, affordableBatches, fork, schedule } from './activations.ts';
import { ALL_STAGES, type CodedLayer, codeLayer, type Stages } from './code-layer.ts';
import type { Execute } from './executor.ts';
import { calibratedLayers, type Layer } from './layers.ts';
import { type LayerInputs, layerMoments } from './moments.ts';
import { initialStatistics } from './rate-model.ts';

/** The inputs of a model by name, batch by batch. */
export type SampleBatches = readonly ReadonlyMap<string, Tensor>[];

export interface CalibrateOptions {
  readonly batches: SampleBatches;
  readonly execute: Execute;
  /**
   * What rounding alone would make of the outputs: the root of the sum, over all layers, of the squared relative error of each layer's
   * outputs. Error feedback makes it several times less.
   */
  readonly error: number;
  readonly stages?: Stages;
  readonly onProgress?: (progress: { done: number; total: number }) => void;
  readonly signal?: AbortSignal;
}

/** How much more the outputs may be off by rounding alone than weights that are coded without samples; feedback wins that back. */
const CALIBRATED_ERROR = 4;

/** The `error` of `calibrate` that a quality from 1 to 100 stands for. Throws `TypeError` for any other fidelity. */
export function outputErrorOf(fidelity: Fidelity): number {
  if (fidelity.kind !== 'quality') throw new TypeError(`calibration has no ${fidelity.kind}`);
  return CALIBRATED_ERROR * errorOfQuality(fidelity.quality);
}

/** Values of the model that are held at a time; what runs it takes as much again. */
const MOST_BYTES = 2 ** 29;

/** As many of the first of `batches` as calibrating `model` has memory for. Rejects as `execute` does. */
export async function fittingBatches(
  model: Model,
  batches: SampleBatches,
  execute: Execute,
  signal?: AbortSignal,
): Promise<SampleBatches> {
  const layers = calibratedLayers(model, weightRoles(model));
  return batches.slice(0, await affordableBatches(model, layers, batches, execute, MOST_BYTES, signal));
}

/** A bias is stored so finely that its noise is this part of what its layer's weight makes. */
const BIAS_NOISE = 0.02;

/**
 * The weights and biases of `model` that can be calibrated, coded, by name; `model` is left as it is. A weight that is not among them has
 * to be stored some other way. Rejects where `execute` refuses a part of the model, and with the reason of `signal`.
 */
export async function calibrate(model: Model, options: CalibrateOptions): Promise<Map<string, PlannedWeight>> {
  const { batches, execute, error, stages = ALL_STAGES, onProgress, signal } = options;
  const layers = calibratedLayers(model, weightRoles(model));
  const weights = layers.reduce((sum, { groups, rows, columns }) => sum + groups * rows * columns, 0);
  // Rounding makes step² / 12 of error in each weight, so that n weights make of a layer's outputs n scale² / 12.
  const scale = error * Math.sqrt(12 / weights);
  const plan = schedule(model, layers);
  const originals = model.graph.initializers;
  const stored = new Map(originals);
  const planned = new Map<string, PlannedWeight>();
  const statistics = initialStatistics();
  const shortcutOf = shortcuts(model);

  const original: Activations = { index: 0, batches: batches.map((feeds) => new Map(feeds)) };
  let present = original;
  for (const [at, layer] of layers.entries()) {
    onProgress?.({ done: at, total: layers.length });
    // Lets timers and signals through: a layer can take a second.
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    await advance(original, layer.index, plan, originals, execute, signal);
    if (present !== original) await advance(present, layer.index, plan, stored, execute, signal);
    const weight = originals.get(layer.weight)!;
    const inputs = original.batches.map((_, batch) => inputsOf(layer, shortcutOf(layer), original, present, batch));
    const moments = await layerMoments(layer, weight, inputs, execute, signal);
    const coded = codeLayer(layer, toFloat32(weight), moments, scale, statistics, stages);
    if (!coded) continue;
    if (stages.sequential && present === original) present = fork(original);
    const put = (entry: PlannedWeight, elements: ArrayLike<number>) => {
      const { name } = entry.stored;
      const { dtype, shape } = originals.get(name)!;
      planned.set(name, entry);
      stored.set(name, fromFloats(dtype as FloatDType, shape, elements));
    };
    put(planOf(layer, coded, weight), coded.elements);
    if (!coded.biasChange) continue;
    const bias = codeBias(layer.bias!, originals.get(layer.bias!)!, coded);
    put(bias.planned, bias.elements);
  }
  onProgress?.({ done: layers.length, total: layers.length });
  return planned;
}

function planOf(layer: Layer, { network, elements }: CodedLayer, tensor: Tensor): PlannedWeight {
  return {
    stored: { name: layer.weight, dtype: tensor.dtype, shape: tensor.shape, network },
    method: network.operands.length > 1 ? 'window dct' : 'plain',
    coefficients: coefficientCount(network),
    relativeError: relativeError(toFloat32(tensor), elements),
  };
}

function codeBias(name: string, tensor: Tensor, { biasChange, outputError }: CodedLayer) {
  const original = toFloat32(tensor);
  const wanted = Float64Array.from(biasChange!, (change, at) => original[at]! + change);
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // Where the weight happens to be exact, so many levels are enough.
  const finest = largest / 2 ** 15 || 1;
  const step = stepOf(nearestStepCode(Math.max(Math.sqrt(12 * BIAS_NOISE * outputError), finest)));
  const levels = Int32Array.from(wanted, (value) => Math.round(value / step));
  const network = plainNetwork({ kind: 'quantized', shape: tensor.shape, levels, step });
  const elements = Float64Array.from(levels, (level) => level * step);
  const planned: PlannedWeight = {
    stored: { name, dtype: tensor.dtype, shape: tensor.shape, network },
    method: 'plain',
    coefficients: coefficientCount(network),
    relativeError: relativeError(original, elements),
  };
  return { planned, elements };
}

/** ‖stored − original‖ / ‖original‖. */
function relativeError(original: ArrayLike<number>, stored: ArrayLike<number>): number {
  let [difference, energy] = [0, 0];
  for (let at = 0; at < original.length; at++) {
    difference += (stored[at]! - original[at]!) ** 2;
    energy += original[at]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / energy);
}

function inputsOf(
  { node, side }: Layer,
  shortcut: string | undefined,
  original: Activations,
  present: Activations,
  batch: number,
): LayerInputs {
  const name = node.inputs[1 - side]!;
  const [then, now] = [original.batches[batch]!, present.batches[batch]!];
  const input = now.get(name)!;
  if (present === original) return { input };
  const [shortcutThen, shortcutNow] = shortcut === undefined ? [] : [then.get(shortcut), now.get(shortcut)];
  return {
    input,
    original: then.get(name)!,
    ...(shortcutThen && shortcutNow && { shortcut: { original: shortcutThen, now: shortcutNow } }),
  };
}

/**
 * What is added to a layer's output and nothing else is done with it: the shortcut around a residual block, whose errors the
 * layer can make up for.
 */
function shortcuts(model: Model): (layer: Layer) => string | undefined {
  const consumers = consumersOf(model.graph);
  const types = inferShapes(model);
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  const shapeOf = (name: string) => types.get(name)?.shape?.join();
  return ({ node }) => {
    const output = node.outputs[0]!;
    const [sum, ...others] = consumers.get(output) ?? [];
    if (!sum || others.length > 0 || !isStandard(sum, 'Add') || outputs.has(output)) return undefined;
    const other = sum.inputs.find((name) => name !== output);
    const shape = shapeOf(output);
    return other !== undefined && shape !== undefined && shapeOf(other) === shape ? other : undefined;
  };
}
