/**
 * What errors at the outputs of inner layers do to the outputs of the whole model, to second order: G = E[Σ g gᵀ], with g the
 * gradient of a random combination of the model's outputs by a layer's outputs at one place. With it the quantiser knows which rows of a
 * weight matter, and which can make up for each other. It is the Kronecker factor of the outputs in Martens and Grosse, "Optimizing
 * neural networks with Kronecker-factored approximate curvature", arXiv 1503.05671, for convolutions as in Grosse and Martens,
 * arXiv 1602.01407.
 *
 * For scores of classes, the combinations are such that E[v vᵀ] = diag(p) − p pᵀ, the Hessian of the Kullback-Leibler divergence
 * between the probabilities of the classes; for all other outputs it is the identity, as for the squared error.
 */
import { sampleCount } from './codec/calibration/calibrate.ts';
import { type Execute, runEach } from './codec/calibration/executor.ts';
import type { Hessian } from './codec/calibration/hessian.ts';
import type { LayerOutput } from './codec/calibration/row-moments.ts';
import { type Emitter, emitterOf } from './fit/emit.ts';
import { appendGradients } from './fit/gradient.ts';
import { DTYPES, isFloat } from './graph/dtype.ts';
import { intAttribute, type Model } from './graph/graph.ts';
import { toFloat32 } from './graph/numbers.ts';
import { singlePrecision, singlePrecisionTensor } from './graph/passes/single-precision.ts';
import { inferShapes } from './graph/shape-inference.ts';
import { elementCount, numericTensor, type Tensor } from './graph/tensor.ts';

export interface GradientMomentsOptions {
  /** The inputs of the model by name, batch by batch. */
  readonly batches: readonly ReadonlyMap<string, Tensor>[];
  readonly execute: Execute;
  readonly signal?: AbortSignal;
}

/** Combinations of outputs that are looked at, at least, as long as each sample gets no more than a few. */
const ENOUGH_COMBINATIONS = 256;
const MOST_ROUNDS = 4;
/** All values of a run together take no more bytes than this, unless one sample takes more. */
const MOST_BYTES = 2 ** 30;

/**
 * The moments of those of `outputs` that have a known number of channels, by name, all to the same scale.
 *
 * @throws `UnsupportedError` for a model with an operator in between that has no gradient; rejects as `execute` and its graph do
 */
export async function gradientMoments(
  model: Model,
  outputs: readonly LayerOutput[],
  { batches, execute, signal }: GradientMomentsOptions,
): Promise<Map<string, Hessian>> {
  const own = singlePrecision(model);
  const sums = appendMoments(own, outputs);
  const parts = batches.flatMap((feeds) => slices(feeds, samplesAtOnce(own, feeds)));
  const rounds = Math.min(MOST_ROUNDS, Math.ceil(ENOUGH_COMBINATIONS / sampleCount(parts)));
  const moments = new Map<string, Hessian>();
  const add = (values: Map<string, Tensor>) => {
    for (const [name, result] of sums) {
      const products = toFloat32(values.get(result)!);
      const sum = moments.get(name)?.values ?? new Float64Array(products.length);
      for (let at = 0; at < products.length; at++) sum[at]! += products[at]!;
      moments.set(name, { size: Math.sqrt(products.length), values: sum });
    }
  };
  // Each run draws other combinations.
  await runEach(execute, own, new Array<typeof parts>(rounds).fill(parts).flat(), add, signal);
  return moments;
}

/** Makes `model` one that puts out nothing but the sums of g gᵀ; returns their names by those of the layers' outputs. */
function appendMoments(model: Model, outputs: readonly LayerOutput[]): Map<string, string> {
  const { graph } = model;
  const before = emitterOf(model);
  const seeds = new Map(
    graph.outputs
      .filter(({ name }) => isFloat(before.typeOf(name)?.dtype ?? 'string'))
      .map(({ name }) => randomCombination(before, model, name)),
  );
  const names = outputs.map(({ name }) => name);
  const gradients = appendGradients(model, seeds, names);
  const emit = emitterOf(model);
  const sums = outputs.flatMap(({ name, axis }): [string, string][] => {
    const gradient = gradients.get(name)!;
    const shape = emit.shapeOf(gradient) ?? emit.shapeOf(name);
    const channels = shape?.at(axis);
    if (!shape || typeof channels !== 'number') return [];
    const first = axis < 0 ? shape.length + axis : axis;
    const perm = [first, ...shape.map((_, index) => index).filter((index) => index !== first)];
    const places = emit.Reshape(emit.Transpose(gradient, { perm }), [channels, -1]);
    return [[name, emit.MatMul(places, emit.Transpose(places, { perm: [1, 0] }))]];
  });
  graph.outputs = sums.map(([, name]) => ({ name, type: { kind: 'tensor', dtype: 'float32' } }));
  return new Map(sums);
}

/** A value behind which nothing changes the order of classes, and the random cotangent of it. */
function randomCombination(emit: Emitter, { graph }: Model, output: string): [string, string] {
  const last = graph.nodes.find(({ outputs }) => outputs.includes(output));
  const isNormalised = last !== undefined && ['Softmax', 'LogSoftmax'].includes(last.op);
  const scores = isNormalised ? last.inputs[0]! : output;
  const [noise] = emit.node('RandomNormalLike', [scores, { seed: 1, dtype: DTYPES.float32.code }], 1) as [string];
  if (!isNormalised && emit.shapeOf(scores)?.length !== 2) return [scores, noise];
  // With ε normal, √p ε − p Σ √p ε has the covariance diag(p) − p pᵀ.
  const axis = isNormalised ? intAttribute(last, 'axis', -1) : -1;
  const [p] = emit.node('Softmax', [scores, { axis }], 1) as [string];
  const scaled = emit.Mul(emit.Sqrt(p), noise);
  return [scores, emit.Sub(scaled, emit.Mul(p, emit.ReduceSum(scaled, [axis], { keepdims: 1 })))];
}

/** How many samples of `feeds` can go through the graph at once. */
function samplesAtOnce(model: Model, feeds: ReadonlyMap<string, Tensor>): number {
  const { graph } = model;
  const isOpen = graph.inputs.every(({ name, type }) => {
    const first = type?.kind === 'tensor' ? type.shape?.[0] : undefined;
    return !feeds.has(name) || typeof first !== 'number';
  });
  const count = sampleCount([feeds]);
  if (!isOpen) return count;
  const inputs = graph.inputs.map((value) => {
    const tensor = feeds.get(value.name);
    return tensor
      ? { ...value, type: { kind: 'tensor' as const, dtype: tensor.dtype, shape: [...tensor.shape] } }
      : value;
  });
  let bytes = 0;
  for (const { shape } of inferShapes({ ...model, graph: { ...graph, inputs } }).values()) {
    if (shape?.every((size) => typeof size === 'number')) bytes += 4 * elementCount(shape as number[]);
  }
  return Math.max(1, Math.floor((count * MOST_BYTES) / Math.max(bytes, MOST_BYTES)));
}

/** Feeds of `size` samples each, as float32. */
function slices(feeds: ReadonlyMap<string, Tensor>, size: number): Map<string, Tensor>[] {
  const count = sampleCount([feeds]);
  const single = [...feeds].map(([name, tensor]) => [name, singlePrecisionTensor(tensor)] as const);
  if (size >= count) return [new Map(single)];
  return Array.from({ length: Math.ceil(count / size) }, (_, at) => {
    const part = ([name, tensor]: (typeof single)[number]): [string, Tensor] => {
      const { shape } = tensor;
      const [start, end] = [at * size, Math.min((at + 1) * size, count)];
      const own = [end - start, ...shape.slice(1)];
      if (tensor.dtype === 'string')
        return [name, { dtype: tensor.dtype, shape: own, strings: tensor.strings.slice(start, end) }];
      const bytes = tensor.data.length / count;
      return [name, numericTensor(tensor.dtype, own, tensor.data.subarray(start * bytes, end * bytes))];
    };
    return new Map(single.map(part));
  });
}
