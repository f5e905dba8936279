/**
 * What changed in ONNX's operators between opset 7 and `TARGET_OPSET`, after onnx/onnx docs/Changelog.md, as rewrites
 * of single nodes.
 *
 * Every operator of the table was gone through: those that have no entry here changed in nothing but the element types
 * and ranks that they accept, in the wording of their documentation, or by attributes and inputs whose default is the
 * old behaviour.
 */
import { floatAttribute, intAttribute, type Node, node as newNode, stringAttribute } from '../graph.ts';
import { fromFloats, isFloat, toNumbers } from '../numbers.ts';
import type { TensorType } from '../shape-inference.ts';
import { int64Tensor, numericTensor, type Tensor } from '../tensor.ts';

/** What a rewrite may ask and add. */
export interface UpgradeContext {
  /** What is known of a value's type. */
  type(name: string): TensorType | undefined;
  constant(name: string): Tensor | undefined;
  /** Whether a node takes this value or the graph gives it. */
  isUsed(name: string): boolean;
  /** A name that nothing has yet. */
  fresh(stem: string): string;
  /** Adds an initialiser and returns its name. */
  addConstant(stem: string, tensor: Tensor): string;
}

/** A node that has no certain equal in the target opset. */
export class CannotUpgrade extends Error {
  constructor({ op, name }: Node, problem: string) {
    super(`operator ${op}${name === '' ? '' : ` (node ${name})`} ${problem}`);
  }
}

/** Gives the nodes that stand for `node`, which it may edit. */
export type Upgrade = (node: Node, context: UpgradeContext) => Node[];

export interface OpsetChange {
  /** The opset from which on the operator reads as the rewrite leaves it. */
  readonly since: number;
  readonly rewrite: Upgrade;
}

/** A float constant of the element type of `like`. Throws `CannotUpgrade` where that is not known. */
export function floatConstant(
  node: Node,
  like: string,
  shape: readonly number[],
  values: readonly number[],
  context: UpgradeContext,
): string {
  const dtype = context.type(like)?.dtype;
  if (!dtype || !isFloat(dtype)) throw new CannotUpgrade(node, 'has an input whose type is not known to be a float');
  return context.addConstant(`${node.outputs[0]}_constant`, fromFloats(dtype, shape, values));
}

/** An integer attribute or list of them as an int64 constant; `undefined` where the node does not set it. */
function integerConstant(node: Node, name: string, context: UpgradeContext, scalar = false): string | undefined {
  const attribute = node.attributes.get(name);
  if (attribute?.type !== 'ints' && attribute?.type !== 'int') return undefined;
  const values = BigInt64Array.from(attribute.type === 'int' ? [attribute.value] : attribute.value, BigInt);
  node.attributes.delete(name);
  const shape = scalar ? [] : [values.length];
  return context.addConstant(
    `${node.outputs[0]}_${name}`,
    numericTensor('int64', shape, new Uint8Array(values.buffer)),
  );
}

/** Makes integer attributes the inputs that follow the node's own, in this order. */
const attributesToInputs =
  (...names: string[]): Upgrade =>
  (node, context) => {
    const inputs = names.map((name) => integerConstant(node, name, context) ?? '');
    node.inputs.push(...inputs);
    while (node.inputs.at(-1) === '') node.inputs.pop();
    return [node];
  };

/** Clip's bounds, which had the largest floats as their defaults. */
const clipBounds: Upgrade = (node, context) => {
  const [input = ''] = node.inputs;
  const bound = (name: string) => {
    const value = floatAttribute(node, name);
    node.attributes.delete(name);
    return value === undefined ? '' : floatConstant(node, input, [], [value], context);
  };
  node.inputs = [input, bound('min'), bound('max')];
  while (node.inputs.at(-1) === '') node.inputs.pop();
  return [node];
};

const padInputs: Upgrade = (node, context) => {
  const value = floatAttribute(node, 'value', 0);
  node.attributes.delete('value');
  const result = attributesToInputs('pads')(node, context);
  if (value !== 0) node.inputs.push(floatConstant(node, node.inputs[0]!, [], [value], context));
  return result;
};

/** A dropout that is not training lets everything through, and its ratio means nothing. */
const dropoutRatio: Upgrade = (node) => {
  node.attributes.delete('ratio');
  return [node];
};

/** The mask was of the data's type. */
const dropoutMask: Upgrade = (node, context) => {
  if (context.isUsed(node.outputs[1] ?? '')) throw new CannotUpgrade(node, 'gives a mask of an old type');
  node.outputs.length = 1;
  return [node];
};

const batchNormalization: Upgrade = (node) => {
  if (intAttribute(node, 'spatial', 1) !== 1) throw new CannotUpgrade(node, 'normalises every place by itself');
  for (const name of ['spatial', 'is_test', 'consumed_inputs']) node.attributes.delete(name);
  return [node];
};

/** Further outputs meant training, which is an attribute now. */
const batchNormalizationOutputs: Upgrade = (node) => {
  if (node.outputs.slice(1).some((name) => name !== '')) throw new CannotUpgrade(node, 'is in training mode');
  node.outputs.length = 1;
  return [node];
};

/** Softmax and its like worked on the input flattened to two dimensions at `axis`, by default 1. */
const flattenedSoftmax: Upgrade = (node, context) => {
  const [input = ''] = node.inputs;
  const axis = intAttribute(node, 'axis', 1);
  const dims = context.type(input)?.shape;
  if (dims) {
    const front = axis < 0 ? axis + dims.length : axis;
    const wide = dims.flatMap((dim, index) => (index >= front && dim !== 1 ? [index] : []));
    if (wide.length <= 1 && front < dims.length) {
      node.attributes.set('axis', { type: 'int', value: wide[0] ?? dims.length - 1 });
      return [node];
    }
  }
  const [output = ''] = node.outputs;
  const [flat, result, shape] = ['flat', 'result', 'shape'].map((part) => context.fresh(`${output}_${part}`));
  return [
    newNode('Shape', [input], [shape!]),
    newNode('Flatten', [input], [flat!], { axis: { type: 'int', value: axis } }),
    newNode(node.op, [flat!], [result!], { axis: { type: 'int', value: -1 } }, node.name),
    newNode('Reshape', [result!, shape!], [output]),
  ];
};

/** Upsampling was by floor(place / scale), whose name is now asymmetric and floor. */
function asResize(node: Node, scales: string): Node[] {
  const mode = stringAttribute(node, 'mode') ?? 'nearest';
  node.op = 'Resize';
  node.inputs = [node.inputs[0]!, '', scales];
  node.attributes.set('mode', { type: 'string', value: mode === 'bilinear' ? 'linear' : mode });
  node.attributes.set('coordinate_transformation_mode', { type: 'string', value: 'asymmetric' });
  if (mode === 'nearest') node.attributes.set('nearest_mode', { type: 'string', value: 'floor' });
  return [node];
}

/** Upsample by scales in an attribute or, from opset 9 on, in an input. */
export const upsample: Upgrade = (node, context) => {
  const attribute = node.attributes.get('scales');
  node.attributes.delete('scales');
  if (attribute?.type !== 'floats') return asResize(node, node.inputs[1] ?? '');
  const scales = fromFloats('float32', [attribute.value.length], attribute.value);
  return asResize(node, context.addConstant(`${node.outputs[0]}_scales`, scales));
};

/**
 * Resize of opset 10 left the rounding open; onnxruntime takes the place before when it enlarges and the place behind
 * when it shrinks.
 */
const oldResize: Upgrade = (node, context) => {
  const scales = context.constant(node.inputs[1] ?? '');
  const values = scales?.dtype === 'float32' ? toNumbers(scales) : undefined;
  const shrinks = values?.some((scale) => scale < 1) ?? true;
  const isNearest = (stringAttribute(node, 'mode') ?? 'nearest') === 'nearest';
  if (isNearest && shrinks && !values?.every((scale) => scale <= 1)) {
    throw new CannotUpgrade(node, 'resizes to the nearest place by factors that are not known to be all of one kind');
  }
  asResize(node, node.inputs[1] ?? '');
  if (isNearest && shrinks) node.attributes.set('nearest_mode', { type: 'string', value: 'ceil' });
  return [node];
};

/** The inputs `roi` and `scales` became optional, and one way of placing points was dropped. */
const resizeInputs: Upgrade = (node, context) => {
  const placing = stringAttribute(node, 'coordinate_transformation_mode');
  if (placing === 'tf_half_pixel_for_nn') throw new CannotUpgrade(node, `places points by ${placing}`);
  if (placing !== 'tf_crop_and_resize') node.inputs[1] = '';
  if ((node.inputs[3] ?? '') !== '' && context.constant(node.inputs[2] ?? '')?.shape[0] === 0) node.inputs[2] = '';
  return [node];
};

const splitCount: Upgrade = (node) => {
  if ((node.inputs[1] ?? '') === '') node.attributes.set('num_outputs', { type: 'int', value: node.outputs.length });
  return [node];
};

/** Scale and bias were one per group: an InstanceNormalization over the groups. */
const groupNormalization: Upgrade = (node, context) => {
  const [input = '', scale = '', bias = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const [grouped, normal, shape] = ['grouped', 'normal', 'shape'].map((part) => context.fresh(`${output}_${part}`));
  const target = int64Tensor([0, intAttribute(node, 'num_groups', 1), -1]);
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  return [
    newNode('Shape', [input], [shape!]),
    newNode('Reshape', [input, context.addConstant(`${output}_groups`, target)], [grouped!]),
    newNode(
      'InstanceNormalization',
      [grouped!, scale, bias],
      [normal!],
      { epsilon: { type: 'float', value: epsilon } },
      node.name,
    ),
    newNode('Reshape', [normal!, shape!], [output]),
  ];
};

/** Padding counted into an average of a window that reaches past it was divided differently. */
const averagePoolCount: Upgrade = (node) => {
  if (intAttribute(node, 'ceil_mode', 0) === 1 && intAttribute(node, 'count_include_pad', 0) === 1) {
    throw new CannotUpgrade(node, 'counts padding in windows that reach past it');
  }
  return [node];
};

const renamed =
  (name: string, names: Readonly<Record<string, string>>): Upgrade =>
  (node) => {
    const value = stringAttribute(node, name);
    if (value !== undefined && Object.hasOwn(names, value)) {
      node.attributes.set(name, { type: 'string', value: names[value]! });
    }
    return [node];
  };

/** Regions were placed without the half pixel. */
const roiPlacing: Upgrade = (node) => {
  node.attributes.set('coordinate_transformation_mode', { type: 'string', value: 'output_half_pixel' });
  return [node];
};

/** The experimental operator normalised over a whole batch, by channel or across channels. */
const meanVariance: Upgrade = (node) => {
  if (intAttribute(node, 'normalize_variance', 1) !== 1) throw new CannotUpgrade(node, 'leaves the variance as it is');
  const axes = intAttribute(node, 'across_channels', 0) === 1 ? [0, 1, 2, 3] : [0, 2, 3];
  node.attributes = new Map([['axes', { type: 'ints', value: axes }]]);
  return [node];
};

const dftAxis: Upgrade = (node, context) => {
  if (!node.attributes.has('axis')) node.attributes.set('axis', { type: 'int', value: 1 });
  const axis = integerConstant(node, 'axis', context, true)!;
  node.inputs = [node.inputs[0]!, node.inputs[1] ?? '', axis];
  return [node];
};

/** An index out of range meant a row of all `off` values, where a negative one now counts from the end. */
const oneHotIndices: Upgrade = (node) => {
  throw new CannotUpgrade(node, 'reads negative indices in the old way');
};

const from = (since: number, rewrite: Upgrade): OpsetChange => ({ since, rewrite });
const softmax = [from(13, flattenedSoftmax)];
const reduction = [from(18, attributesToInputs('axes'))];
const axesInput = [from(13, attributesToInputs('axes'))];

/** The changes of each operator, oldest first. */
export const OPSET_CHANGES: Readonly<Record<string, readonly OpsetChange[]>> = {
  AveragePool: [from(19, averagePoolCount)],
  BatchNormalization: [from(9, batchNormalization), from(14, batchNormalizationOutputs)],
  Clip: [from(11, clipBounds)],
  DFT: [from(20, dftAxis)],
  Dropout: [from(10, dropoutMask), from(12, dropoutRatio)],
  GridSample: [from(20, renamed('mode', { bilinear: 'linear', bicubic: 'cubic' }))],
  GroupNormalization: [from(21, groupNormalization)],
  Hardmax: softmax,
  LogSoftmax: softmax,
  MeanVarianceNormalization: [from(9, meanVariance)],
  OneHot: [from(11, oneHotIndices)],
  Pad: [from(11, padInputs)],
  ReduceL1: reduction,
  ReduceL2: reduction,
  ReduceLogSum: reduction,
  ReduceLogSumExp: reduction,
  ReduceMax: reduction,
  ReduceMean: reduction,
  ReduceMin: reduction,
  ReduceProd: reduction,
  ReduceSum: axesInput,
  ReduceSumSquare: reduction,
  Resize: [from(11, oldResize), from(13, resizeInputs)],
  RoiAlign: [from(16, roiPlacing)],
  Slice: [from(10, attributesToInputs('starts', 'ends', 'axes'))],
  Softmax: softmax,
  Split: [from(13, attributesToInputs('split')), from(18, splitCount)],
  Squeeze: axesInput,
  TopK: [from(10, attributesToInputs('k'))],
  Unsqueeze: axesInput,
};
