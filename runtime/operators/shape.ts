/**
 * Operators that measure shapes, or make tensors from them (ONNX operator documentation).
 */
import { intAttribute } from '../../src/graph/graph.ts';
import type { NumericTensor } from '../../src/graph/tensor.ts';
import { type ElementType, elementsOf, numbersOf } from '../elements.ts';
import { sizeOf } from '../plan/value.ts';
import type { Lower, Operators } from './operator.ts';
import { literal } from './pointwise.ts';
import { countUp } from './shapes.ts';

const shape: Lower = (plan, node, [x]) => {
  const rank = x!.shape.length;
  const dims = x!.shape.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', rank));
  return [plan.constant('int64', [dims.length], dims)];
};

const constantOfShape: Lower = (plan, node, [dims]) => {
  const attribute = node.attributes.get('value');
  const tensor = attribute?.type === 'tensor' ? (attribute.value as NumericTensor) : undefined;
  const dtype = (tensor?.dtype ?? 'float32') as ElementType;
  const value = tensor ? numbersOf(dtype, elementsOf(tensor))[0]! : 0;
  return [plan.elementwise(dtype, plan.numbers(dims!), literal(dtype, value))];
};

const range: Lower = (plan, _node, inputs) => {
  const [start, limit, delta] = inputs.map((value) => plan.numbers(value!)[0]!) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  const numbers = countUp(count).map((at) => start + at * delta);
  return [plan.constant(inputs[0]!.dtype, [count], numbers)];
};

export const SHAPE_OPERATORS: Operators = {
  Shape: shape,
  Size: (plan, _node, [x]) => [plan.constant('int64', [], [sizeOf(x!)])],
  ConstantOfShape: constantOfShape,
  Range: range,
};
