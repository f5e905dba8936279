/**
 * Operators that ONNX has dropped: the experimental ones of its first opsets, which Windows' models still use and
 * onnxruntime still runs, and those that newer operators have replaced.
 */
import { floatAttribute, intsAttribute, type Node, node as newNode } from '../graph.ts';
import { int64Tensor } from '../tensor.ts';
import { CannotUpgrade, floatConstant, type Upgrade, type UpgradeContext, upsample } from './opset-changes.ts';

/** `x · factor + offsets`, with `offsets` of a shape that x broadcasts with. */
function affine(
  node: Node,
  factor: number,
  shape: readonly number[],
  offsets: readonly number[],
  context: UpgradeContext,
): Node[] {
  const [input = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const scaled = context.fresh(`${output}_scaled`);
  return [
    newNode('Mul', [input, floatConstant(node, input, [], [factor], context)], [scaled], {}, node.name),
    newNode('Add', [scaled, floatConstant(node, input, shape, offsets, context)], [output]),
  ];
}

/** `alpha · x + beta`. */
const affineOperator: Upgrade = (node, context) =>
  affine(node, floatAttribute(node, 'alpha', 1), [], [floatAttribute(node, 'beta', 0)], context);

/** An image (N, C, H, W) times one scale, plus one bias per channel. */
const imageScaler: Upgrade = (node, context) => {
  const attribute = node.attributes.get('bias');
  const bias = attribute?.type === 'floats' ? attribute.value : [0];
  return affine(node, floatAttribute(node, 'scale', 1), [1, bias.length, 1, 1], bias, context);
};

/** Cuts `border` (left, top, right, bottom) off an image, or takes `scale` (height, width) from its left top corner on. */
const crop: Upgrade = (node, context) => {
  const border = intsAttribute(node, 'border');
  const size = intsAttribute(node, 'scale');
  if (border?.length !== 4) throw new CannotUpgrade(node, 'does not say how much to cut off');
  const [left, top, right, bottom] = border as [number, number, number, number];
  const back = (cut: number) => (cut === 0 ? Number.MAX_SAFE_INTEGER : -cut);
  const ends = size?.length === 2 ? [top + size[0]!, left + size[1]!] : [back(bottom), back(right)];
  const constant = (name: string, values: number[]) =>
    context.addConstant(`${node.outputs[0]}_${name}`, int64Tensor(values));
  const inputs = [node.inputs[0]!, constant('starts', [top, left]), constant('ends', ends), constant('axes', [2, 3])];
  return [newNode('Slice', inputs, node.outputs, {}, node.name)];
};

/** `alpha · tanh(beta · x)`, or the like with another function in the middle. */
const between =
  (op: string): Upgrade =>
  (node, context) => {
    const [alpha, beta] = [floatAttribute(node, 'alpha'), floatAttribute(node, 'beta')];
    if (alpha === undefined || beta === undefined) throw new CannotUpgrade(node, 'lacks alpha or beta');
    const [input = ''] = node.inputs;
    const [output = ''] = node.outputs;
    const [scaled, bent] = [context.fresh(`${output}_scaled`), context.fresh(`${output}_bent`)];
    return [
      newNode('Mul', [input, floatConstant(node, input, [], [beta], context)], [scaled]),
      newNode(op, [scaled], [bent], {}, node.name),
      newNode('Mul', [bent, floatConstant(node, input, [], [alpha], context)], [output]),
    ];
  };

const scatter: Upgrade = (node) => {
  node.op = 'ScatterElements';
  return [node];
};

/** Rewrites of whole operators that no opset of today has. */
export const LEGACY_OPERATORS: Readonly<Record<string, Upgrade>> = {
  Affine: affineOperator,
  Crop: crop,
  ImageScaler: imageScaler,
  ParametricSoftplus: between('Softplus'),
  ScaledTanh: between('Tanh'),
  Scatter: scatter,
  Upsample: upsample,
};
