/**
 * Elastic width: a cosine is a function, so it can be sampled at fewer points. With the amplitude that it has over all channels, and with
 * sums over channels rescaled, the same coefficients are the same network with fewer channels between its layers.
 */
import { UnsupportedError } from '../errors.ts';
import { type Graph, intAttribute, type Node } from '../graph/graph.ts';
import type { StoredWeight } from './archive.ts';
import { parseExpression } from './einsum.ts';
import type { CodedOperand, Operand, TensorNetwork } from './network.ts';

type NetworkWeight = Extract<StoredWeight, { network: TensorNetwork }>;

/** Operators that treat all channels alike, with the positions of their inputs that have channels. */
const ALIKE: Readonly<Record<string, readonly number[]>> = {
  ...positionsOf(
    'Relu LeakyRelu Clip Elu Selu Sigmoid Tanh HardSigmoid HardSwish Softplus Gelu Mish MaxPool AveragePool ' +
      'GlobalAveragePool GlobalMaxPool Pad Resize Identity InstanceNormalization',
    [0],
  ),
  ...positionsOf('Add Sub Mul Max Min', [0, 1]),
};

function positionsOf(operators: string, positions: readonly number[]) {
  return Object.fromEntries(operators.split(' ').map((op) => [op, positions]));
}

function refuse(reason: string): never {
  throw new UnsupportedError(`width: ${reason}`);
}

/** What becomes of a weight when the model is narrowed. */
export type Narrow = (weight: StoredWeight) => StoredWeight;

/**
 * How weights change, by name, to run a graph with `width` times the channels wherever a channel axis is internal: made by a Conv
 * or ConvTranspose and read by others, with nothing but operators between that treat all channels alike. Throws
 * `RangeError` for a width that is not above 0 and at most 1, and `UnsupportedError` with the reason where nothing can be narrowed; the
 * functions throw it where a weight's internal axis is not stored as cosines.
 */
export function narrowing(
  graph: Graph,
  isWeight: (name: string) => boolean,
  width: number,
): ReadonlyMap<string, Narrow> {
  if (!(width > 0 && width <= 1)) throw new RangeError(`the width must be above 0 and at most 1, not ${width}`);
  const narrowed = new Map<string, Narrow>();
  if (width === 1) return narrowed;
  const ports = [...graph.inputs, ...graph.outputs].map(({ name }) => name);
  const kept = keptValues(graph.nodes, ports, isWeight);
  const waysOf = new Map<string, string>();
  /** `way` tells apart what different layers want of a weight that they share. */
  const add = (name: string, way: string, narrow: Narrow) => {
    if (!isWeight(name)) refuse('a weight is computed');
    if ((waysOf.get(name) ?? way) !== way) refuse(`two layers want "${name}" in two ways`);
    waysOf.set(name, way);
    narrowed.set(name, narrow);
  };
  const addVector = (name: string | undefined) => {
    if (name) add(name, 'vector', (weight) => narrowVector(weight, width));
  };

  const isScaled = (name: string | undefined) =>
    name !== undefined && name !== '' && !kept.has(name) && !isWeight(name);
  for (const node of graph.nodes) {
    const [x, weight, ...vectors] = node.inputs;
    const to = isScaled(node.outputs[0]);
    if (isConvolution(node)) {
      const [inAxis, outAxis] = node.op === 'Conv' ? [1, 0] : [0, 1];
      const axes = [
        ...(isScaled(x) ? [{ axis: inAxis, sums: true }] : []),
        ...(to ? [{ axis: outAxis, sums: false }] : []),
      ];
      if (axes.length > 0) add(weight!, JSON.stringify(axes), (own) => narrowWeight(own, axes, width));
      if (to) vectors.forEach(addVector);
    } else if (node.op === 'InstanceNormalization' && to) [weight, ...vectors].forEach(addVector);
  }
  if (narrowed.size === 0) refuse('the model has no internal channels between convolutions');
  return narrowed;
}

function isConvolution(node: Node): boolean {
  return (node.op === 'Conv' || node.op === 'ConvTranspose') && intAttribute(node, 'group', 1) === 1;
}

/** Values whose channels must stay as they are: those that the caller sees, and those that other operators read or make. */
function keptValues(
  nodes: readonly Node[],
  ports: readonly string[],
  isWeight: (name: string) => boolean,
): Set<string> {
  const kept = new Set(ports);
  const linked = nodes.flatMap((node): string[][] => {
    if (isConvolution(node)) return [];
    const positions = node.op === 'Concat' && intAttribute(node, 'axis', 0) === 1 ? node.inputs.keys() : ALIKE[node.op];
    const names = [...(positions ?? [])].map((position) => node.inputs[position]!);
    if (!positions || names.some(isWeight)) {
      for (const name of [...node.inputs, ...node.outputs]) kept.add(name);
      return [];
    }
    return [[...names, node.outputs[0]!]];
  });
  for (let before = -1; before !== kept.size; ) {
    before = kept.size;
    for (const names of linked) if (names.some((name) => kept.has(name))) for (const name of names) kept.add(name);
  }
  return kept;
}

/** Channels left of `size`. */
function channelsOf(name: string, size: number, width: number): number {
  const channels = size * width;
  if (!Number.isInteger(channels)) {
    refuse(`${width} of the ${size} channels of "${name}" is no whole number`);
  }
  return channels;
}

interface NarrowAxis {
  readonly axis: number;
  /** Whether the layer sums over the axis. */
  readonly sums: boolean;
}

function narrowWeight(weight: StoredWeight, axes: readonly NarrowAxis[], width: number): NetworkWeight {
  const { name } = weight;
  if (!('network' in weight)) refuse(`weight "${name}" has no cosine axis`);
  const { network } = weight;
  const { operands: letters, result } = parseExpression(network.expression);
  const operands: Operand[] = [...network.operands];
  const shape = [...network.shape];
  let gain = 1;
  for (const { axis, sums } of axes) {
    const at = operands.findIndex((operand, own) => operand.kind === 'cosine' && letters[own]![1] === result[axis]);
    const cosine = operands[at];
    if (cosine?.kind !== 'cosine') refuse(`axis ${axis} of weight "${name}" is no cosine axis`);
    const size = channelsOf(name, cosine.size, width);
    if (cosine.count > size) {
      refuse(`weight "${name}" has ${cosine.count} frequencies, too many for ${size} channels`);
    }
    operands[at] = { ...cosine, size };
    shape[axis] = size;
    // The orthonormal cosines of fewer points are larger; a sum over fewer channels is smaller.
    gain *= sums ? Math.sqrt(cosine.size / size) : Math.sqrt(size / cosine.size);
  }
  operands[0] = scaled(operands[0] as CodedOperand, gain);
  return { ...weight, shape, network: { ...network, operands, shape } };
}

function scaled(operand: CodedOperand, gain: number): CodedOperand {
  if (operand.kind === 'quantized') return { ...operand, step: operand.step * gain };
  return { ...operand, precision: 'float32', values: operand.values.map((value) => value * gain) };
}

/** A number for each channel: sampled where it is a cosine, shortened where all are the same. */
function narrowVector(weight: StoredWeight, width: number): StoredWeight {
  if ('network' in weight) return narrowWeight(weight, [{ axis: 0, sums: false }], width);
  const { name, tensor } = weight;
  if (!('data' in tensor) || tensor.shape.length !== 1) refuse(`"${name}" is no vector`);
  const channels = channelsOf(name, tensor.shape[0]!, width);
  const bytes = tensor.data.length / tensor.shape[0]!;
  if (!tensor.data.every((byte, at) => byte === tensor.data[at % bytes])) {
    refuse(`vector "${name}" has no cosine axis`);
  }
  return { ...weight, tensor: { ...tensor, shape: [channels], data: tensor.data.slice(0, channels * bytes) } };
}
