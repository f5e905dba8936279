/**
 * What a layer's inputs look like on the samples: H = Σ x xᵀ, the sum of what a row of its weight is multiplied with, over all
 * positions and samples; and, where the inputs are no longer the original ones, what the layer now misses of its original
 * outputs, against the same inputs.
 *
 * The products are made by the engine that runs the model, in a graph of their own: the patches of a convolution are
 * themselves a convolution, one channel at a time, whose filters are the places of the window.
 */
import { type Attribute, emptyGraph, intsAttribute, type Model, modelOf, node } from '../../graph/graph.ts';
import { toFloat32, toNumbers } from '../../graph/numbers.ts';
import { elementCount, float32Tensor, int64Tensor, type NumericTensor, type Tensor } from '../../graph/tensor.ts';
import { type Execute, runEach } from './executor.ts';
import type { Layer } from './layers.ts';

/** Moments of one group of a layer; x is what a row of the weight is multiplied with. */
export interface GroupMoments {
  /** Σ x xᵀ: (columns, columns). */
  readonly products: Float64Array;
  /** Σ x: (columns). */
  readonly sums: Float64Array;
  /** Σ e xᵀ: (rows, columns), where e is what is missing of the outputs; all zero unless the inputs have changed. */
  readonly missing: Float64Array;
  /** Σ e: (rows). */
  readonly missingSums: Float64Array;
}

export interface Moments {
  readonly groups: readonly GroupMoments[];
  /** How many x were summed in each group. */
  readonly count: number;
}

/** One batch of a layer's inputs, in tensors of a float type. */
export interface LayerInputs {
  readonly input: Tensor;
  /** The input as the original model has it, where the present one is another. */
  readonly original?: Tensor;
  /** What is added to the layer's output, now and in the original model, of the output's shape. */
  readonly shortcut?: { readonly now: Tensor; readonly original: Tensor };
}

/**
 * Positions that are looked at for each column: neighbouring positions see nearly the same, so that more of them cost much
 * and tell little.
 */
const POSITIONS_PER_COLUMN = 1024;

/** Elements of the patches that one run may make; some four times their memory is in use. */
const LARGEST_PATCHES = 2 ** 24;

/**
 * Measures a layer's moments. All of `batches` have the same parts.
 *
 * @param weight the layer's original weight
 * @param execute runs graphs of opset 13
 */
export async function layerMoments(
  layer: Layer,
  weight: Tensor,
  batches: readonly LayerInputs[],
  execute: Execute,
  signal?: AbortSignal,
): Promise<Moments> {
  const { groups: groupCount, rows, columns } = layer;
  const [first] = batches;
  if (!first) throw new RangeError('no samples to calibrate with');
  const groups = Array.from({ length: groupCount }, () => ({
    products: new Float64Array(columns * columns),
    sums: new Float64Array(columns),
    missing: new Float64Array(rows * columns),
    missingSums: new Float64Array(rows),
  }));
  let count = 0;
  const parts = Object.keys(groups[0]!) as (keyof GroupMoments)[];
  const feeds = batches.flatMap((batch) => pieces(batch, layer).map(feedsOf));
  const stride = strideOver(layer, batches);
  await runEach(
    execute,
    momentModel(layer, weight, first, stride),
    feeds,
    (outputs) => {
      for (const part of parts) {
        const tensor = outputs.get(part);
        if (!tensor) continue;
        const values = toFloat32(tensor);
        const size = values.length / groupCount;
        for (const [at, group] of groups.entries()) addTo(group[part], values.subarray(at * size, (at + 1) * size));
      }
      count += toNumbers(outputs.get('shape')!).at(-1)!;
    },
    signal,
  );
  return { groups, count };
}

function addTo(sums: Float64Array, values: Float32Array): void {
  for (let at = 0; at < sums.length; at++) sums[at]! += values[at]!;
}

function feedsOf({ input, original, shortcut }: LayerInputs): Map<string, Tensor> {
  const feeds = new Map([['input', input]]);
  if (original) feeds.set('original input', original);
  if (shortcut) feeds.set('shortcut', shortcut.now).set('original shortcut', shortcut.original);
  return feeds;
}

/** A batch cut along its first axis, so that the patches of each piece fit in memory. */
function pieces(batch: LayerInputs, { node, columnShape }: Layer): LayerInputs[] {
  const { shape } = batch.input;
  const samples = shape[0] ?? 1;
  if (node.op === 'Gemm' || node.op === 'MatMul' || samples <= 1) return [batch];
  const patches = (elementCount(shape) / samples) * elementCount(columnShape.slice(1));
  const rows = Math.max(1, Math.floor(LARGEST_PATCHES / patches));
  return Array.from({ length: Math.ceil(samples / rows) }, (_, piece) => {
    const cut = (tensor: Tensor) =>
      rowsFrom(tensor as NumericTensor, piece * rows, Math.min(samples, (piece + 1) * rows));
    const { input, original, shortcut } = batch;
    return {
      input: cut(input),
      ...(original && { original: cut(original) }),
      ...(shortcut && { shortcut: { now: cut(shortcut.now), original: cut(shortcut.original) } }),
    };
  });
}

function rowsFrom({ dtype, shape, data }: NumericTensor, first: number, end: number): NumericTensor {
  const bytes = data.length / shape[0]!;
  return { dtype, shape: shape.with(0, end - first), data: data.subarray(first * bytes, end * bytes) };
}

/** Every how manieth position is looked at: no multiple of a row or column of a picture, so that all places have their turn. */
function strideOver({ node, columns, groups, columnShape }: Layer, batches: readonly LayerInputs[]): number {
  const elements = batches.reduce((sum, { input }) => sum + elementCount(input.shape), 0);
  const steps = intsAttribute(node, 'strides')?.reduce((product, step) => product * step, 1) ?? 1;
  const isConv = node.op === 'Conv';
  const channels = isConv || node.op === 'ConvTranspose' ? groups * columnShape[0]! : columns;
  const positions = (elements / channels) * (isConv ? 1 / steps : steps);
  let stride = Math.max(1, Math.floor(positions / (POSITIONS_PER_COLUMN * columns)));
  const [, , ...picture] = batches[0]!.input.shape;
  while (picture.some((size) => commonDivisor(size, stride) > 1)) stride++;
  return stride;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** The graph that sums over one batch; its outputs are the parts of `GroupMoments`, each with an axis of groups in front, and `shape`. */
function momentModel(layer: Layer, weight: Tensor, { input, original, shortcut }: LayerInputs, stride: number): Model {
  const graph = emptyGraph('moments');
  const { groups, rows, columns } = layer;
  const add = (op: string, inputs: string[], output: string, attributes: Record<string, Attribute> = {}): string => {
    graph.nodes.push(node(op, inputs, [output], attributes));
    return output;
  };
  const constant = (name: string, tensor: Tensor): string => {
    graph.initializers.set(name, tensor);
    return name;
  };
  /** An input of the graph, as float32. */
  const fed = (name: string, like: Tensor): string => {
    const { dtype, shape } = like;
    graph.inputs.push({ name, type: { kind: 'tensor', dtype, shape: shape.map(() => null) } });
    return add('Cast', [name], `${name} as float32`, { to: { type: 'int', value: FLOAT32 } });
  };
  const reshape = (value: string, shape: number[], output: string) =>
    add('Reshape', [value, constant(`${output} shape`, int64Tensor(shape))], output);
  const transpose = (value: string, perm: number[], output: string) =>
    add('Transpose', [value], output, { perm: { type: 'ints', value: perm } });
  /** Values of the layer's input or output at every position and sample that is looked at: (groups, length, positions). */
  const gathered = (value: string, length: number, name: string): string => {
    const all = across(value, length, stride === 1 ? name : `all ${name}`);
    if (stride === 1) return all;
    const bounds = { starts: 0, ends: Number.MAX_SAFE_INTEGER, axes: 2, steps: stride };
    const inputs = Object.entries(bounds).map(([bound, at]) => constant(`${name} ${bound}`, int64Tensor([at])));
    return add('Slice', [all, ...inputs], name);
  };
  const across = (value: string, length: number, name: string): string => {
    if (isDense(layer)) {
      const rank = input.shape.length;
      const axes = Array.from({ length: rank }, (_, axis) => axis);
      const last = layer.side === 1 || rank < 2 ? value : transpose(value, swapLast(axes), `${name} last`);
      const flat = reshape(last, [-1, length], `${name} flat`);
      return reshape(transpose(flat, [1, 0], `${name} across`), [1, length, -1], name);
    }
    const told = reshape(value, [0, groups, length, -1], `${name} by group`);
    return reshape(transpose(told, [1, 2, 0, 3], `${name} across`), [groups, length, -1], name);
  };
  const sumOver = (value: string, output: string) =>
    add('ReduceSum', [value, constant(`${output} axes`, int64Tensor([2]))], output, KEEP_NO_DIMS);

  const x = fed('input', input);
  const seen = gathered(isDense(layer) ? x : patches(layer, x, constant, add), columns, 'seen');
  const turned = transpose(seen, [0, 2, 1], 'seen turned');
  add('MatMul', [seen, turned], 'products');
  sumOver(seen, 'sums');
  add('Shape', [seen], 'shape');
  const outputs = ['products', 'sums', 'shape'];

  if (original) {
    const change = add('Sub', [fed('original input', original), x], 'change');
    constant('weight', float32Tensor(weight.shape, toFloat32(weight)));
    const inputs = layer.side === 1 ? [change, 'weight'] : ['weight', change];
    // Without its bias, a Gemm is what MatMul is only from opset 11 on; this graph has opset 13.
    let missed = add(layer.node.op, inputs, 'change of output', Object.fromEntries(layer.node.attributes));
    if (shortcut) {
      const [then, now] = [fed('original shortcut', shortcut.original), fed('shortcut', shortcut.now)];
      missed = add('Add', [missed, add('Sub', [then, now], 'change of shortcut')], 'change of sum');
    }
    const missing = gathered(missed, rows, 'missed');
    add('MatMul', [missing, turned], 'missing');
    sumOver(missing, 'missingSums');
    outputs.push('missing', 'missingSums');
  }
  graph.outputs = outputs.map((name) => ({ name }));
  return modelOf(graph, OPSET);
}

/** ONNX's number of the element type. */
const FLOAT32 = 1;
const OPSET = 13;
const KEEP_NO_DIMS: Record<string, Attribute> = { keepdims: { type: 'int', value: 0 } };

const isDense = ({ node }: Layer): boolean => node.op === 'Gemm' || node.op === 'MatMul';

const swapLast = (axes: number[]): number[] => [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!];

/** What each place of the window sees of each channel: (samples, channels × window, …positions). */
function patches(
  { node: own, columnShape, groups }: Layer,
  input: string,
  constant: (name: string, tensor: Tensor) => string,
  add: (op: string, inputs: string[], output: string, attributes: Record<string, Attribute>) => string,
): string {
  const [groupChannels = 1, ...window] = columnShape;
  const channels = groups * groupChannels;
  const places = elementCount(window);
  const filters = new Float32Array(channels * places * places);
  for (let at = 0; at < channels * places; at++) filters[at * places + (at % places)] = 1;
  const shape = own.op === 'Conv' ? [channels * places, 1, ...window] : [channels, places, ...window];
  constant('places', float32Tensor(shape, filters));
  const attributes = { ...Object.fromEntries(own.attributes), group: { type: 'int', value: channels } } as const;
  return add(own.op, [input, 'places'], 'patches', attributes);
}
