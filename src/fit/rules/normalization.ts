/**
 * Gradients of normalisations. They all are y = scale · x̂ + bias with x̂ = (x − mean) / √(variance + ε) over some of the axes,
 * and the gradient goes through mean and variance as well (Ioffe and Szegedy 2015, section 3), unless these are given.
 */
import { floatAttribute, intAttribute, type Node } from '../../graph/graph.ts';
import type { Emitter } from '../emit.ts';
import { reshapeLike, sumTo } from './like.ts';
import { channelSums, meanCount } from './reduction.ts';
import { type Application, type GradientRule, type GradientRules, unsupported } from './rule.ts';

const epsilonOf = (node: Node) => floatAttribute(node, 'epsilon', 1e-5);

/** x − mean, and 1 / √(variance + ε). */
interface Statistics {
  readonly centred: string;
  readonly inverse: string;
}

function statistics(emit: Emitter, x: string, axes: readonly number[], epsilon: number): Statistics {
  const { Add, Div, ReduceMean, ReduceSumSquare, Reciprocal, Sqrt, Sub } = emit;
  const mean = ReduceMean(x, axes);
  const centred = Sub(x, mean);
  const variance = Div(ReduceSumSquare(centred, axes), meanCount(emit, x, mean, x));
  return { centred, inverse: Reciprocal(Sqrt(Add(variance, epsilon))) };
}

/**
 * The gradient by x, where that by x̂ is `gradient` times `weight`, which has size 1 along the axes. The statistics are of
 * few elements, so that only four operations are over all of x.
 */
function throughStatistics(
  emit: Emitter,
  { centred, inverse }: Statistics,
  axes: readonly number[],
  gradient: string,
  weight: string = inverse,
): string {
  const { Div, Mul, ReduceMean, ReduceSum, Sub } = emit;
  const outer = weight === inverse ? inverse : Mul(weight, inverse);
  const along = ReduceSum(Mul(gradient, centred), axes);
  const share = Div(Mul(along, Mul(inverse, inverse)), meanCount(emit, centred, along, centred));
  return Mul(Sub(Sub(gradient, ReduceMean(gradient, axes)), Mul(centred, share)), outer);
}

function rankOf(emit: Emitter, node: Node, value: string): number {
  const rank = emit.shapeOf(value)?.length;
  if (rank === undefined) throw unsupported(node, 'the rank of its input is not known');
  return rank;
}

const from = (first: number, rank: number) => Array.from({ length: rank - first }, (_, index) => index + first);

/** (C) as (C, 1, …), to go with (N, C, …). */
const perChannel = (emit: Emitter, vector: string, rank: number): string =>
  rank === 2 ? vector : emit.Unsqueeze(vector, from(1, rank - 1));

/** Over `axes`, which do not include the channels, with a scale and a bias for each channel. */
function channelwise(emit: Emitter, { node, x, dy, inputs: [, scale] }: Application, axes: readonly number[]) {
  const { Mul, ReduceSum } = emit;
  const parts = statistics(emit, x, axes, epsilonOf(node));
  const weight = perChannel(emit, scale, emit.shapeOf(x)!.length);
  const byScale = sumTo(emit, Mul(ReduceSum(Mul(dy, parts.centred), axes), parts.inverse), weight);
  return [throughStatistics(emit, parts, axes, dy, weight), reshapeLike(emit, byScale, scale), channelSums(emit, dy)];
}

const batchNormalization: GradientRule = (emit, at) => {
  const { node, x, dy, cotangents, inputs } = at;
  const [, scale, , mean, variance] = inputs;
  const rank = rankOf(emit, node, x);
  if (intAttribute(node, 'training_mode', 0) === 1) {
    if (cotangents.slice(1).some((each) => each)) throw unsupported(node, 'the loss depends on its running statistics');
    return channelwise(emit, at, [0, ...from(2, rank)]);
  }
  const { Add, Mul, Neg, Reciprocal, Sqrt, Sub } = emit;
  const inverse = Reciprocal(Sqrt(Add(variance!, epsilonOf(node))));
  const slope = Mul(scale, inverse);
  const centred = Sub(x, perChannel(emit, mean, rank));
  const byScale = Mul(channelSums(emit, Mul(dy, centred)), inverse);
  const byBias = channelSums(emit, dy);
  return [
    Mul(dy, perChannel(emit, slope, rank)),
    byScale,
    byBias,
    Neg(Mul(byBias, slope)),
    Mul(Mul(byScale, scale), Mul(Mul(inverse, inverse), -0.5)),
  ];
};

const layerNormalization: GradientRule = (emit, { node, x, dy, cotangents, inputs: [, scale, bias] }) => {
  if (cotangents.slice(1).some((each) => each)) throw unsupported(node, 'the loss depends on its mean or deviation');
  const rank = rankOf(emit, node, x);
  const axis = intAttribute(node, 'axis', -1);
  const axes = from(axis < 0 ? axis + rank : axis, rank);
  const parts = statistics(emit, x, axes, epsilonOf(node));
  const { Mul } = emit;
  return [
    throughStatistics(emit, parts, axes, Mul(dy, scale)),
    sumTo(emit, Mul(dy, Mul(parts.centred, parts.inverse)), scale),
    bias && sumTo(emit, dy, bias),
  ];
};

const groupNormalization: GradientRule = (emit, { node, x, dy, inputs: [, scale] }) => {
  const { Mul, Reshape } = emit;
  const rank = rankOf(emit, node, x);
  const grouped = (value: string) => Reshape(value, [0, intAttribute(node, 'num_groups', 1), -1]);
  const parts = statistics(emit, grouped(x), [2], epsilonOf(node));
  const gradient = grouped(Mul(dy, perChannel(emit, scale, rank)));
  return [
    reshapeLike(emit, throughStatistics(emit, parts, [2], gradient), x),
    channelSums(emit, Mul(dy, reshapeLike(emit, Mul(parts.centred, parts.inverse), x))),
    channelSums(emit, dy),
  ];
};

export const NORMALIZATION_RULES: GradientRules = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: (emit, at) => channelwise(emit, at, from(2, rankOf(emit, at.node, at.x))),
  LayerNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
};
