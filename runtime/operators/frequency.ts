/**
 * Layers in the frequency domain: convolutions and matrix products whose weight has few channel frequencies, and what stands
 * between them.
 * Each function lowers a node where that pays, and returns `undefined` where the plain operator has to.
 */
import { parseExpression } from '../../src/codec/einsum.ts';
import { type CosineOperand, contractNetwork } from '../../src/codec/network.ts';
import { floatAttribute, intAttribute, intsAttribute, type Node, stringAttribute } from '../../src/graph/graph.ts';
import { type ExpandedPart, isBare, isLinear, type Part } from '../plan/expanded.ts';
import { add } from '../plan/expression.ts';
import { channelCosines, cosineNetwork, type Factor, factorOf, kernelNetwork } from '../plan/factors.ts';
import { matrixWords, project } from '../plan/project.ts';
import { sizeOf, type Value } from '../plan/value.ts';
import { CONVOLUTION_OPERATORS } from './convolution.ts';
import { MATRIX_OPERATORS } from './matrix.ts';
import { matrixProduct } from './matrix-product.ts';
import type { Inputs, Lowering } from './operator.ts';

type LowerSome = (plan: Lowering, node: Node, inputs: Inputs) => readonly Value[] | undefined;

const NO_PADS = [0, 0, 0, 0] as const;

/** Weight of Conv: (out, in, …window); of ConvTranspose: (in, out, …window). */
const convolution =
  (op: 'Conv' | 'ConvTranspose'): LowerSome =>
  (plan, node, inputs) => {
    const [x, weight, bias] = inputs as [Value, Value, Value?];
    const { network } = weight;
    if (weight.shape.length !== 4 || intAttribute(node, 'group', 1) !== 1 || (bias && !bias.known)) return undefined;
    const isProjection = op === 'Conv' && x.expanded !== undefined && isPointwise(node, weight);
    if (isProjection && weight.known && !network) return [projectAll(plan, x, weight, weight.known, bias)];
    if (network?.shape.length !== 4) return undefined;
    const [inAxis, outAxis] = op === 'Conv' ? [1, 0] : [0, 1];
    const [channels, filters] = [weight.shape[inAxis]!, weight.shape[outAxis]!];
    const taps = weight.shape[2]! * weight.shape[3]!;
    const [input, output] = [channelCosines(network, inAxis), channelCosines(network, outAxis)];
    const cost = (from: CosineOperand | undefined, to: CosineOperand | undefined) =>
      (from ? from.count * channels : 0) +
      (from?.count ?? channels) * taps * (to?.count ?? filters) +
      (to ? to.count * filters : 0);
    const orders = [input, undefined].flatMap((from) => [output, undefined].map((to) => ({ from, to })));
    const { from, to } = orders.reduce((a, b) => (cost(b.from, b.to) < cost(a.from, a.to) ? b : a));
    if (isProjection && channels * filters <= cost(from, to)) {
      const { values } = contractNetwork(network, parseExpression(network.expression).result);
      return [projectAll(plan, x, weight, values, bias)];
    }
    if (!from && !to) return undefined;

    const kernel = plan.derived(weight, kernelNetwork(network, [...(from ? [inAxis] : []), ...(to ? [outAxis] : [])]));
    const narrow = from ? project(plan, x, factorOf(from)) : x;
    const [maps] = CONVOLUTION_OPERATORS[op]!(plan, node, [narrow, kernel, to ? undefined : bias]);
    if (!to) return [maps!];
    const [batch, rank, height, width] = maps!.shape as [number, number, number, number];
    const part: ExpandedPart = {
      kind: 'expanded',
      channels: filters,
      rank,
      maps: plan.buffer(maps!),
      height,
      width,
      matrix: { kind: 'known', factors: transposed(factorOf(to)), shift: bias?.known ?? new Float64Array(filters) },
      low: -Infinity,
      high: Infinity,
      pooled: false,
      pads: NO_PADS,
    };
    return [plan.expand(x.dtype, [batch, filters, height, width], { parts: [part] })];
  };

/**
 * A product with a stored matrix, as one with cosines and one with the rest: to leave both sides' cosines standing never takes
 * fewer products. The network may be over a folded shape, such as (out, c, h, w) behind Flatten: then only the columns' cosines
 * are a matrix.
 */
const matrix: LowerSome = (plan, node, [a, b, bias]) => {
  const { network, shape, known } = b!;
  if (!network || known || shape.length !== 2 || intAttribute(node, 'transA', 0)) return undefined;
  const isTransposed = intAttribute(node, 'transB', 0) !== 0;
  const axes = network.shape.length;
  const [inAxis, outAxis] = isTransposed ? [1, 0] : [0, axes - 1];
  const columns = network.shape[outAxis]!;
  const depth = sizeOf(b!) / columns;
  if (shape[isTransposed ? 0 : 1] !== columns) return undefined;
  const from = axes === 2 ? channelCosines(network, inAxis) : undefined;
  const to = channelCosines(network, outAxis);
  const isNarrowed = from && !(to && to.count < from.count);
  const cosine = isNarrowed ? from : to;
  if (!cosine || cosine.count * (depth + columns) >= depth * columns) return undefined;

  const rest = kernelNetwork(network, [isNarrowed ? inAxis : outAxis], isTransposed && !isNarrowed);
  const kernel = plan.derived(b, rest);
  const cosines = plan.derived(undefined, cosineNetwork(cosine, isNarrowed || isTransposed));
  const [first, last] = isNarrowed ? [cosines, kernel] : [plan.view(kernel, [depth, cosine.count]), cosines];
  return MATRIX_OPERATORS[node.op]!(plan, node, [matrixProduct(plan, node, a!, first), last, bias]);
};

/** Whether all numbers of a list attribute, where the node has it, are `value`. */
function isAll(node: Node, name: string, value: number): boolean {
  return (intsAttribute(node, name) ?? []).every((own) => own === value);
}

function isPointwise(node: Node, { shape }: Value): boolean {
  return shape[2] === 1 && shape[3] === 1 && isAll(node, 'strides', 1) && isAll(node, 'pads', 0);
}

/** A 1×1 convolution of an expanded value onto so few filters that its own weight is the projection. */
function projectAll(plan: Lowering, x: Value, weight: Value, values: ArrayLike<number>, bias?: Value): Value {
  const [rows, columns] = weight.shape as [number, number];
  const result = project(plan, x, { rows, columns, values });
  if (!bias) return result;
  return plan.elementwise(x.dtype, result.shape, add(result, plan.view(bias, [rows, 1, 1])));
}

/** The statistics of all channels follow from the mean and the covariance of the maps. */
const instanceNormalization: LowerSome = (plan, node, inputs) => {
  const [x, scale, bias] = inputs as [Value, Value, Value];
  const part = onlyPart(x);
  if (part?.matrix.kind !== 'known' || !isLinear(part)) return undefined;
  const { rank, channels, height, width } = part;
  const batch = x.shape[0]!;
  const statistics = plan.temporary(batch * rank * (1 + rank));
  plan.step('covariance', part.maps, statistics, batch, rank, height * width);
  const words = matrixWords(part.matrix, rank);
  const known = plan.floatTable(words);
  const sampleStride = words.length;
  const address = plan.temporary(batch * sampleStride);
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  const [scales, biases] = [plan.buffer(scale), plan.buffer(bias)];
  plan.step('normalizeExpansion', known, statistics, scales, biases, address, epsilon, batch, channels, rank);
  const matrix = { kind: 'computed', address, sampleStride } as const;
  return [plan.expand(x.dtype, x.shape, { parts: [{ ...part, matrix }] })];
};

const maxPool: LowerSome = (plan, node, [x]) => {
  const parts = x?.expanded?.parts;
  const isPaired = (name: string) => `${intsAttribute(node, name)}` === '2,2';
  if (!parts || !isPaired('kernel_shape') || !isPaired('strides') || !isAll(node, 'pads', 0)) return undefined;
  if (!isAll(node, 'dilations', 1) || intAttribute(node, 'ceil_mode', 0) || node.outputs[1]) return undefined;
  if (stringAttribute(node, 'auto_pad')?.startsWith('SAME')) return undefined;
  const pooled = parts.map((part): Part | undefined =>
    part.kind === 'expanded' && !part.pooled && isBare(part) ? { ...part, pooled: true } : undefined,
  );
  if (!pooled.every((part) => part !== undefined)) return undefined;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  return [plan.expand(x.dtype, [batch, channels, height >> 1, width >> 1], { parts: pooled })];
};

/** Zeros around a value are zeros around its projections. */
const pad: LowerSome = (plan, node, [x, sizes, value, axes]) => {
  const part = x && onlyPart(x);
  if (!part || axes || !sizes?.known || (value && value.known?.[0] !== 0)) return undefined;
  if ((stringAttribute(node, 'mode') ?? 'constant') !== 'constant' || sizes.known.some((size) => size < 0))
    return undefined;
  const [n, c, top, left, behind, after, bottom, right] = sizes.known as [number, ...number[]];
  if (n || c || behind || after || sizes.known.length !== 8 || !isBare(part)) return undefined;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const shape = [batch, channels, height + top! + bottom!, width + left! + right!];
  return [plan.expand(x.dtype, shape, { parts: [{ ...part, pads: [top!, left!, bottom!, right!] }] })];
};

/** Concatenated channels stay apart: each run is projected for itself. */
const concat: LowerSome = (plan, node, inputs) => {
  const values = inputs as Value[];
  if (intAttribute(node, 'axis', 0) !== 1 || !values.some((value) => value.expanded)) return undefined;
  const parts = values.flatMap(
    (value): readonly Part[] => value.expanded?.parts ?? [{ kind: 'dense', channels: value.shape[1]!, value }],
  );
  const shape = [...values[0]!.shape];
  shape[1] = parts.reduce((sum, { channels }) => sum + channels, 0);
  return [plan.expand(values[0]!.dtype, shape, { parts })];
};

/** Lowerings that are tried before those of `OPERATORS`. */
export const FREQUENCY_OPERATORS: Readonly<Record<string, LowerSome>> = {
  Conv: convolution('Conv'),
  ConvTranspose: convolution('ConvTranspose'),
  Gemm: matrix,
  MatMul: matrix,
  InstanceNormalization: instanceNormalization,
  MaxPool: maxPool,
  Pad: pad,
  Concat: concat,
};

/** The part of a value that is expanded as a whole. */
function onlyPart({ expanded }: Value): ExpandedPart | undefined {
  const [part, ...others] = expanded?.parts ?? [];
  return part?.kind === 'expanded' && others.length === 0 ? part : undefined;
}

function transposed({ rows, columns, values }: Factor): Float64Array {
  return Float64Array.from(values, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)]!);
}
