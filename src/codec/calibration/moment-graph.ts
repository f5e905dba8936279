/**
 * The graph that sums the products of a layer's inputs over one batch, for the engine that runs the model: the patches of a
 * convolution are themselves a convolution, one channel at a time, whose filters are the places of the window.
 */
import { type Attribute, emptyGraph, intAttribute, type Model, modelOf, node } from '../../graph/graph.ts';
import { toFloat32 } from '../../graph/numbers.ts';
import { elementCount, float32Tensor, int64Tensor, type Tensor } from '../../graph/tensor.ts';
import type { LayerUse } from './biases.ts';
import { type Layer, rowsOf } from './layers.ts';

/** One batch of a layer's inputs, in tensors of a float type. */
export interface LayerInputs {
  readonly input: Tensor;
  /** The input as the original model has it, where the present one is another. */
  readonly original?: Tensor;
  /** What is added to the layer's output, now and in the original model, of the output's shape. */
  readonly shortcut?: { readonly now: Tensor; readonly original: Tensor };
}

/** Where the values of a layer lie in a tensor: along one axis, with the groups, where there are several, along others. */
export interface ValueAxes {
  /** Rank of the tensor, once axes of size 1 are put in front. */
  readonly rank: number;
  /** Axes whose indices are groups, with the number of groups; a tensor of size 1 along them serves all groups. */
  readonly groups: readonly { readonly axis: number; readonly size: number }[];
  readonly values: number;
}

/** The axes of the inputs, or outputs, of a layer other than a convolution, in a tensor of `rank` axes. */
export function valueAxes(
  { kind, shape, groups }: Layer,
  { node: own, side }: LayerUse,
  rank: number,
  which: 'input' | 'output',
): ValueAxes {
  // Inputs of recurrent operators are the same for both directions; states have the directions in front.
  if (kind === 'recurrent inputs') return { rank: rank + 1, groups: [{ axis: 0, size: groups }], values: rank };
  if (kind === 'recurrent states') return { rank, groups: [{ axis: 0, size: groups }], values: rank - 1 };
  if (own.op === 'Gemm') {
    const isTurned = which === 'input' && intAttribute(own, 'transA', 0) !== 0;
    return { rank: 2, groups: [], values: isTurned ? 0 : 1 };
  }
  const batch = groups > 1 ? shape.slice(0, -2) : [];
  const full = Math.max(rank, batch.length > 0 ? shape.length : 0);
  const first = full - 2 - batch.length;
  return {
    rank: full,
    groups: batch.map((size, axis) => ({ axis: first + axis, size })).filter(({ size }) => size > 1),
    values: side === 1 || full < 2 ? full - 1 : full - 2,
  };
}

/**
 * The graph over one batch of inputs like these; its outputs are the parts of `GroupMoments`, each with an axis of groups in front,
 * and `shape`, that of all inputs: (groups, columns, positions).
 *
 * @param weight the layer's original weight
 * @param stride every how manieth position is looked at
 */
export function momentGraph(
  layer: Layer,
  use: LayerUse,
  weight: Tensor,
  { input, original, shortcut }: LayerInputs,
  stride: number,
): Model {
  const graph = emptyGraph('moments');
  const { groups, rows, columns } = layer;
  const isWindow = layer.kind === 'window';
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
  /** The positions that are looked at, of (groups, length, positions). */
  const some = (all: string, name: string): string => {
    if (stride === 1) return all;
    const bounds = { starts: 0, ends: Number.MAX_SAFE_INTEGER, axes: 2, steps: stride };
    const inputs = Object.entries(bounds).map(([bound, at]) => constant(`${name} ${bound}`, int64Tensor([at])));
    return add('Slice', [all, ...inputs], `some of ${name}`);
  };
  /** Channels of a picture, or its patches, at every position and sample: (groups, length, positions). */
  const pictures = (value: string, length: number, name: string): string => {
    const told = reshape(value, [0, groups, length, -1], `${name} by group`);
    return some(reshape(transpose(told, [1, 2, 0, 3], `${name} across`), [groups, length, -1], name), name);
  };
  /** Vectors at every position and sample: (groups, length, positions). */
  const vectors = (value: string, axes: ValueAxes, length: number, name: string): string => {
    const own = axes.groups.map(({ axis }) => axis);
    const others = Array.from({ length: axes.rank }, (_, axis) => axis).filter(
      (axis) => axis !== axes.values && !own.includes(axis),
    );
    let told = value;
    if (own.length > 0) {
      const sizes = Array.from({ length: axes.rank }, () => 1);
      for (const { axis, size } of axes.groups) sizes[axis] = size;
      told = add('Expand', [value, constant(`${name} sizes`, int64Tensor(sizes))], `${name} of all groups`);
    }
    const turned = transpose(told, [...own, axes.values, ...others], `${name} across`);
    return some(reshape(turned, [groups, length, -1], name), name);
  };
  const sumOver = (value: string, output: string) =>
    add('ReduceSum', [value, constant(`${output} axes`, int64Tensor([2]))], output, KEEP_NO_DIMS);

  const inputAxes = valueAxes(layer, use, input.shape.length, 'input');
  const x = fed('input', input);
  const seen = isWindow
    ? pictures(patches(layer, use, x, constant, add), columns, 'seen')
    : vectors(x, inputAxes, columns, 'seen');
  const turned = transpose(seen, [0, 2, 1], 'seen turned');
  add('MatMul', [seen, turned], 'products');
  sumOver(seen, 'sums');
  add('Shape', [seen], 'shape');
  const outputs = ['products', 'sums', 'shape'];

  if (original) {
    const change = add('Sub', [fed('original input', original), x], 'change');
    const shortcutChange = () => {
      const [then, now] = [fed('original shortcut', shortcut!.original), fed('shortcut', shortcut!.now)];
      return add('Sub', [then, now], 'change of shortcut');
    };
    let missing: string;
    if (isWindow) {
      constant('weight', float32Tensor(weight.shape, toFloat32(weight)));
      let missed = add(use.node.op, [change, 'weight'], 'change of output', Object.fromEntries(use.node.attributes));
      if (shortcut) missed = add('Add', [missed, shortcutChange()], 'change of sum');
      missing = pictures(missed, rows, 'missed');
    } else {
      const matrix = Float32Array.from(rowsOf(layer, toFloat32(weight)));
      constant('matrix', float32Tensor([groups, rows, columns], matrix));
      missing = add('MatMul', ['matrix', vectors(change, inputAxes, columns, 'changes')], 'missed');
      if (shortcut) {
        const outputAxes = valueAxes(layer, use, shortcut.now.shape.length, 'output');
        missing = add('Add', [missing, vectors(shortcutChange(), outputAxes, rows, 'shortcuts')], 'change of sum');
      }
    }
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

/** What each place of the window sees of each channel: (samples, channels × window, …positions). */
function patches(
  { columnShape, groups }: Layer,
  { node: own }: LayerUse,
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
