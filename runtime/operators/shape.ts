/**
 * Operators that measure shapes, or make tensors from them (ONNX operator documentation).
 */
import { type DType, dtypeFromCode } from '../../src/graph/dtype.ts';
import { intAttribute } from '../../src/graph/graph.ts';
import type { NumericTensor } from '../../src/graph/tensor.ts';
import { type ElementType, elementsOf, numbersOf } from '../elements.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply, operand } from '../plan/expression.ts';
import { sizeOf } from '../plan/value.ts';
import type { Lower, Operators } from './operator.ts';
import { converted, literal } from './pointwise.ts';
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

const eyeLike: Lower = (plan, node, [x]) => {
  const [rows, columns] = x!.shape as [number, number];
  const dtype = dtypeFromCode(intAttribute(node, 'dtype', 0)) ?? x!.dtype;
  const k = intAttribute(node, 'k', 0);
  const row = plan.constant(
    'int32',
    [rows, 1],
    countUp(rows).map((at) => at + k),
  );
  const column = plan.constant('int32', [columns], countUp(columns));
  const isDiagonal = apply(Opcode.EQ_INT, operand(row), operand(column));
  return [plan.elementwise(dtype, x!.shape, converted(isDiagonal, 'bool', dtype))];
};

/** A sum of cosines: `weights[i]` is the share of the i-th harmonic. */
const window =
  (...weights: number[]): Lower =>
  (plan, node, [size]) => {
    const count = plan.numbers(size!)[0]!;
    const period = count - 1 + intAttribute(node, 'periodic', 1);
    const dtype = dtypeFromCode(intAttribute(node, 'output_datatype', 1)) as DType;
    const numbers = countUp(count).map((at) =>
      weights.reduce((sum, weight, harmonic) => sum + weight * Math.cos((2 * Math.PI * harmonic * at) / period), 0),
    );
    return [plan.constant(dtype, [count], numbers)];
  };

export const SHAPE_OPERATORS: Operators = {
  Shape: shape,
  Size: (plan, _node, [x]) => [plan.constant('int64', [], [sizeOf(x!)])],
  ConstantOfShape: constantOfShape,
  Range: range,
  EyeLike: eyeLike,
  HannWindow: window(0.5, -0.5),
  HammingWindow: window(25 / 46, -21 / 46),
  BlackmanWindow: window(0.42, -0.5, 0.08),
};
