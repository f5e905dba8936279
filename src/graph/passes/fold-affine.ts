/**
 * Folds what scales and shifts the channels of a linear layer into the layer's own weight and bias: BatchNormalization,
 * and the Mul, Div, Add and Sub by constants that some exporters write instead.
 */
import { floatAttribute, intAttribute, type Model, type Node } from '../graph.ts';
import { type FloatDType, fromFloats, isFloat, toFloat32, toNumbers } from '../numbers.ts';
import { type Inference, inferNode, startInference } from '../shape-inference.ts';
import { elementCount, type NumericTensor, type Tensor } from '../tensor.ts';
import { consumersOf, isStandard, nameMaker, outputNames, producersOf } from '../uses.ts';

/** `y = scale[c] · x + shift[c]` over the channels c of x; one element stands for all channels. */
interface Affine {
  readonly scale: readonly number[];
  readonly shift: readonly number[];
}

/** A layer that is linear in its weight, seen from its output channels. */
interface Layer {
  readonly node: Node;
  readonly weight: NumericTensor & { dtype: FloatDType };
  /** Zeros where the layer has no bias. */
  readonly bias: readonly number[];
  readonly channels: number;
  /** Axis of the output that counts channels, from the end. */
  readonly axisFromEnd: number;
  /** Output channel of the weight's element with this row-major index. */
  channelOf(index: number): number;
}

const isFloatTensor = (tensor: Tensor | undefined): tensor is NumericTensor & { dtype: FloatDType } =>
  tensor !== undefined && isFloat(tensor.dtype);

/** `node` as a layer with constant parameters, or `undefined`. */
function layerOf(node: Node, { constants, types }: Inference): Layer | undefined {
  const weight = constants.get(node.inputs[1] ?? '');
  const biasName = node.inputs[2] ?? '';
  const biasTensor = constants.get(biasName);
  if (!isFloatTensor(weight) || (biasName !== '' && !isFloatTensor(biasTensor))) return undefined;
  const { shape } = weight;
  const inner = elementCount(shape.slice(2));
  const make = (channels: number, axisFromEnd: number, channelOf: Layer['channelOf'], beta = 1): Layer | undefined => {
    const given = biasTensor ? toNumbers(biasTensor) : [0];
    const last = biasTensor?.shape.at(-1) ?? 1;
    // A Gemm's bias may be a full matrix, which is no bias per channel.
    if (given.length !== last || (last !== 1 && last !== channels)) return undefined;
    const bias = Array.from({ length: channels }, (_, channel) => beta * given[channel % given.length]!);
    return { node, weight, bias, channels, axisFromEnd, channelOf };
  };
  if (isStandard(node, 'Conv') && shape.length >= 3) {
    const perChannel = elementCount(shape.slice(1));
    return make(shape[0]!, shape.length - 1, (index) => Math.floor(index / perChannel));
  }
  if (isStandard(node, 'ConvTranspose') && shape.length >= 3) {
    const group = intAttribute(node, 'group', 1);
    const [from, to] = [shape[0]!, shape[1]!];
    const channelOf = (index: number) => {
      const input = Math.floor(index / (to * inner));
      return Math.floor((input * group) / from) * to + (Math.floor(index / inner) % to);
    };
    return make(to * group, shape.length - 1, channelOf);
  }
  if (shape.length !== 2) return undefined;
  const [rows, columns] = shape as [number, number];
  if (isStandard(node, 'Gemm')) {
    // Only a plain product: a factor of its own would have to be kept apart from the folded one.
    if (floatAttribute(node, 'alpha', 1) !== 1) return undefined;
    const beta = floatAttribute(node, 'beta', 1);
    if (intAttribute(node, 'transB', 0) === 1) return make(rows, 1, (index) => Math.floor(index / columns), beta);
    return make(columns, 1, (index) => index % columns, beta);
  }
  const isMatrix = types.get(node.inputs[0] ?? '')?.shape?.length === 2;
  if (isStandard(node, 'MatMul') && isMatrix) return make(columns, 1, (index) => index % columns);
  return undefined;
}

/** Elements of a constant that varies along the channels alone, or along nothing: as many as channels, or one. */
function perChannel(tensor: Tensor | undefined, { channels, axisFromEnd, weight }: Layer): number[] | undefined {
  if (!isFloatTensor(tensor) || tensor.shape.length > weight.shape.length) return undefined;
  const place = tensor.shape.length - axisFromEnd;
  const fits = tensor.shape.every((dim, axis) => dim === 1 || (axis === place && dim === channels));
  return fits ? toNumbers(tensor) : undefined;
}

/** What `node` does to the channels of `input`, which is the output of `layer`. */
function affineOf(node: Node, input: string, layer: Layer, { constants }: Inference): Affine | undefined {
  if (isStandard(node, 'BatchNormalization')) {
    const [scale, bias, mean, variance] = node.inputs.slice(1).map((name) => {
      const tensor = constants.get(name);
      return isFloatTensor(tensor) && tensor.shape.length === 1 ? toNumbers(tensor) : undefined;
    });
    if (!scale || !bias || !mean || !variance || node.inputs[0] !== input) return undefined;
    if (intAttribute(node, 'training_mode', 0) !== 0 || node.outputs.slice(1).some((name) => name !== ''))
      return undefined;
    const epsilon = floatAttribute(node, 'epsilon', 1e-5);
    const factors = scale.map((factor, channel) => factor / Math.sqrt(variance[channel]! + epsilon));
    return { scale: factors, shift: factors.map((factor, channel) => bias[channel]! - factor * mean[channel]!) };
  }
  if (!isStandard(node, 'Mul', 'Div', 'Add', 'Sub')) return undefined;
  const isFirst = node.inputs[0] === input;
  const values = perChannel(constants.get(node.inputs[isFirst ? 1 : 0] ?? ''), layer);
  if (!values) return undefined;
  switch (node.op) {
    case 'Mul':
      return { scale: values, shift: [0] };
    case 'Div':
      return isFirst ? { scale: values.map((value) => 1 / value), shift: [0] } : undefined;
    case 'Add':
      return { scale: [1], shift: values };
    default:
      return isFirst ? { scale: [1], shift: values.map((value) => -value) } : { scale: [-1], shift: values };
  }
}

/** The layer's parameters after `affine`, computed in double precision; `undefined` where one is not finite. */
function combined(layer: Layer, { scale, shift }: Affine): { weight: Tensor; bias: Tensor | undefined } | undefined {
  const { weight, channels, channelOf } = layer;
  const at = (values: readonly number[], channel: number) => values[values.length === 1 ? 0 : channel]!;
  const weights = weight.dtype === 'float64' ? Float64Array.from(toNumbers(weight)) : toFloat32(weight).slice();
  for (let index = 0; index < weights.length; index++) weights[index]! *= at(scale, channelOf(index));
  const biases = layer.bias.map((value, channel) => value * at(scale, channel) + at(shift, channel));
  const newWeight = fromFloats(weight.dtype, weight.shape, weights);
  const newBias = fromFloats(weight.dtype, [channels], biases);
  // Rounding to float16 can make a large value infinite.
  const rounded = weight.dtype === 'float16' ? toFloat32(newWeight) : weights;
  if (!rounded.every(Number.isFinite) || !toNumbers(newBias).every(Number.isFinite)) return undefined;
  return { weight: newWeight, bias: biases.some((value) => value !== 0) ? newBias : undefined };
}

/**
 * Folds chains of BatchNormalization, Mul, Div, Add and Sub by channel behind Conv, ConvTranspose, Gemm and MatMul
 * (which becomes a Gemm) into their parameters, where nothing else uses the values between or the weight. Returns how
 * many nodes it removed. The sums are in double precision; results have the weight's own type.
 */
export function foldAffine(model: Model): number {
  const { graph } = model;
  const inference = startInference(model);
  const outputs = outputNames(graph);
  const consumers = consumersOf(graph);
  const producers = producersOf(graph);
  const fresh = nameMaker(graph);
  const before = graph.nodes.length;
  const usedOnce = (name: string) => consumers.get(name)?.length === 1 && !outputs.has(name);

  graph.nodes = graph.nodes.filter((node) => {
    inferNode(inference, node);
    const input = node.inputs.find((name) => producers.has(name)) ?? '';
    const producer = producers.get(input);
    const layer =
      producer && usedOnce(input) && usedOnce(producer.inputs[1] ?? '') ? layerOf(producer, inference) : undefined;
    const affine = layer && affineOf(node, input, layer, inference);
    const result = affine && combined(layer, affine);
    if (!result) return true;
    const { node: target } = layer;
    const set = (name: string, tensor: Tensor) => {
      graph.initializers.set(name, tensor);
      inference.constants.set(name, tensor);
      return name;
    };
    const [data = '', weightName = '', oldBias = ''] = target.inputs;
    target.inputs = [data, set(weightName, result.weight)];
    if (result.bias) {
      const biasName = usedOnce(oldBias) ? oldBias : fresh(`${weightName}_bias`);
      consumers.set(biasName, [target]);
      target.inputs.push(set(biasName, result.bias));
      if (target.op === 'MatMul') target.op = 'Gemm';
    }
    target.attributes.delete('beta');
    const [output = ''] = node.outputs;
    target.outputs = [output];
    producers.set(output, target);
    return false;
  });
  return before - graph.nodes.length;
}
