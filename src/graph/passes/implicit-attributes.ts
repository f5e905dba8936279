/**
 * Removes attributes that say what ONNX assumes without them, so that they take no room in a file.
 */
import { type Attribute, intAttribute, intsAttribute, type Model, type Node } from '../graph.ts';
import { type AttributeSpec, opSpec } from '../op-table.ts';
import { type Inference, inferNode, startInference } from '../shape-inference.ts';

/** Lists that ONNX takes to be this number throughout. */
const NEUTRAL: Readonly<Record<string, number>> = { strides: 1, dilations: 1, pads: 0, output_padding: 0 };

function isDefault(attribute: Attribute, spec: AttributeSpec): boolean {
  const { default: standard } = spec;
  if (standard === undefined || attribute.type !== spec.type) return false;
  if (attribute.type === 'float') return Math.fround(attribute.value) === Math.fround(Number(standard));
  if (attribute.type === 'ints') return `${attribute.value}` === `${standard}`;
  return attribute.value === standard;
}

/** Whether the node would do the same without its attribute `name`. */
function isImplied(node: Node, name: string, attribute: Attribute, inference: Inference): boolean {
  const spec = opSpec(node.op)?.attributes.find((each) => each.name === name);
  if (spec && isDefault(attribute, spec)) return true;
  const neutral = Object.hasOwn(NEUTRAL, name) ? NEUTRAL[name] : undefined;
  if (neutral !== undefined && attribute.type === 'ints') return attribute.value.every((value) => value === neutral);
  const shape = (index: number) => inference.types.get(node.inputs[index] ?? '')?.shape;
  switch (`${node.op}.${name}`) {
    case 'Conv.kernel_shape':
    case 'ConvTranspose.kernel_shape':
      return `${shape(1)?.slice(2)}` === `${intsAttribute(node, name)}`;
    case 'BatchNormalization.momentum':
      return intAttribute(node, 'training_mode', 0) === 0;
    case 'MaxPool.storage_order':
      return (node.outputs[1] ?? '') === '';
    case 'Softmax.axis':
    case 'LogSoftmax.axis':
    case 'Hardmax.axis':
    case 'LayerNormalization.axis':
      return intAttribute(node, name, -1) === (shape(0)?.length ?? 0) - 1;
    case 'Transpose.perm':
      return intsAttribute(node, name)?.every((axis, index, perm) => axis === perm.length - 1 - index) ?? false;
    case 'DequantizeLinear.axis':
    case 'QuantizeLinear.axis':
      return shape(1)?.length === 0;
    default:
      return false;
  }
}

/**
 * Removes the attributes of the main graph's nodes that change nothing; returns how many. The model must be of an opset
 * that the operator table describes: defaults have changed over time.
 */
export function removeImpliedAttributes(model: Model): number {
  const inference = startInference(model);
  let removed = 0;
  for (const node of model.graph.nodes) {
    inferNode(inference, node);
    if (node.domain !== '' && node.domain !== 'ai.onnx') continue;
    for (const [name, attribute] of node.attributes) {
      if (isImplied(node, name, attribute, inference) && node.attributes.delete(name)) removed++;
    }
  }
  return removed;
}
