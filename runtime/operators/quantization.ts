/**
 * Linear quantisation (ONNX operator documentation). Products of quantised numbers are computed in float32, which is exact for
 * integers up to 2²⁴.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { DTYPES, type DType, dtypeFromCode } from '../../src/graph/dtype.ts';
import { intAttribute, type Node } from '../../src/graph/graph.ts';
import { isElementType } from '../elements.ts';
import * as Opcode from '../kernels/opcodes.ts';
import {
  add,
  apply,
  divide,
  type Expression,
  float,
  maximum,
  minimum,
  multiply,
  operand,
  subtract,
} from '../plan/expression.ts';
import { sizeOf, type Value } from '../plan/value.ts';
import { MATRIX_OPERATORS } from './matrix.ts';
import type { Inputs, Lower, Lowering, Operators } from './operator.ts';
import { converted } from './pointwise.ts';
import { reduced } from './reduction.ts';
import { axisOf, countUp, withDim } from './shapes.ts';
import { VOLUME_CONVOLUTION_OPERATORS } from './volume-convolution.ts';

/**
 * A scale or zero point as an operand for a value of shape `shape`, in float32: of one element, one for each place along
 * `axis`, or one for each block of places there. Without a value it is 0.
 */
function along(plan: Lowering, value: Value | undefined, shape: readonly number[], axis: number): Expression {
  if (!value) return float(0);
  const number = (each: Value) => converted(each, each.dtype, 'float32');
  if (sizeOf(value) === 1) return number(plan.view(value, []));
  if (value.shape.length === 1) return number(plan.view(value, [sizeOf(value), ...shape.slice(axis + 1).fill(1)]));
  const blocks = value.shape[axis]!;
  const spread = withDim(value.shape, axis, blocks, shape[axis]! / blocks);
  const column = plan.view(value, withDim(value.shape, axis, blocks, 1));
  return number(plan.view(plan.elementwise(value.dtype, spread, column), shape));
}

/** `x` less its zero point, as float32 numbers. */
function centred(plan: Lowering, x: Value, zero: Value | undefined, axis: number): Value {
  const { dtype, shape } = x;
  const number = converted(x, dtype, 'float32');
  return plan.elementwise('float32', shape, subtract(number, along(plan, zero, shape, axis)));
}

/** `scaled` to the nearest integer, plus the zero point, saturated to `dtype`. */
function rounded(scaled: Expression, zero: Expression, dtype: DType): Expression {
  if (!isElementType(dtype)) throw new UnsupportedError(`numbers quantised to ${dtype}`);
  const range = 2 ** DTYPES[dtype].bits;
  const low = dtype.startsWith('u') ? 0 : -range / 2;
  const shifted = add(apply(Opcode.ROUND, scaled), zero);
  return converted(minimum(maximum(shifted, low), low + range - 1), 'float32', dtype);
}

/** The axis that scales go along; with one scale, or with blocks, any will do. */
function scaleAxis(node: Node, { shape }: Value, scale: Value): number {
  return sizeOf(scale) === 1 ? 0 : axisOf(node, intAttribute(node, 'axis', 1), shape.length);
}

const quantizeLinear: Lower = (plan, node, [x, scale, zero]) => {
  const dtype = zero?.dtype ?? dtypeFromCode(intAttribute(node, 'output_dtype', 0)) ?? 'uint8';
  const axis = scaleAxis(node, x!, scale!);
  const [factor, shift] = [scale, zero].map((value) => along(plan, value, x!.shape, axis)) as [Expression, Expression];
  const number = converted(x!, x!.dtype, 'float32');
  return [plan.elementwise(dtype, x!.shape, rounded(divide(number, factor), shift, dtype))];
};

const dequantizeLinear: Lower = (plan, node, [x, scale, zero]) => {
  const dtype = dtypeFromCode(intAttribute(node, 'output_dtype', 0)) ?? scale!.dtype;
  const axis = scaleAxis(node, x!, scale!);
  const number = operand(centred(plan, x!, zero, axis));
  return [plan.elementwise(dtype, x!.shape, multiply(number, along(plan, scale, x!.shape, axis)))];
};

/** The smallest uint8 scale that has 0 and all of x in its range. */
const dynamicQuantizeLinear: Lower = (plan, _node, [x]) => {
  const axes = countUp(x!.shape.length);
  const extreme = (kind: number) => operand(plan.view(reduced(plan, x!, axes, kind), []));
  const low = minimum(extreme(Opcode.REDUCE_MIN), 0);
  const high = maximum(extreme(Opcode.REDUCE_MAX), 0);
  const scale = plan.elementwise('float32', [], divide(subtract(high, low), 255));
  const nearest = rounded(divide(subtract(0, low), scale), float(0), 'uint8');
  const zero = plan.elementwise('uint8', [], nearest);
  const shift = converted(zero, 'uint8', 'float32');
  return [plan.elementwise('uint8', x!.shape, rounded(divide(x!, scale), shift, 'uint8')), scale, zero];
};

/** A product of quantised numbers: the operator on floats, and the axes of its two factors that zero points go along. */
interface Product {
  readonly lower: Lower;
  readonly axes: (rank: number) => readonly [number, number];
}

const CONVOLUTION: Product = { lower: VOLUME_CONVOLUTION_OPERATORS.Conv!, axes: () => [1, 0] };
const MATRIX_PRODUCT: Product = { lower: MATRIX_OPERATORS.MatMul!, axes: (rank) => [rank - 2, rank - 1] };

function exact(plan: Lowering, node: Node, { lower, axes }: Product, [x, w, xZero, wZero, bias]: Inputs): Value {
  const factors = [
    centred(plan, x!, xZero, axes(x!.shape.length)[0]),
    centred(plan, w!, wZero, axes(w!.shape.length)[1]),
  ];
  const added = bias && plan.elementwise('float32', bias.shape, converted(bias, bias.dtype, 'float32'));
  return lower(plan, node, [...factors, added])[0]!;
}

/** Results are sums of products as int32. */
const integerProduct =
  (product: Product): Lower =>
  (plan, node, inputs) => {
    const sum = exact(plan, node, product, inputs);
    return [plan.elementwise('int32', sum.shape, converted(sum, 'float32', 'int32'))];
  };

/** A convolution whose result is quantised again. */
const quantizedConvolution: Lower = (plan, node, [x, xScale, xZero, w, wScale, wZero, scale, zero, bias]) => {
  const sum = exact(plan, node, CONVOLUTION, [x, w, xZero, wZero, bias]);
  const { shape } = sum;
  const { dtype } = zero!;
  // Filters are the second axis of the result.
  const [input, filter, output] = [xScale, wScale, scale].map((value) => along(plan, value, shape, 1));
  const scaled = divide(multiply(sum, multiply(input!, filter!)), output!);
  return [plan.elementwise(dtype, shape, rounded(scaled, along(plan, zero, shape, 1), dtype))];
};

export const QUANTIZATION_OPERATORS: Operators = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  ConvInteger: integerProduct(CONVOLUTION),
  MatMulInteger: integerProduct(MATRIX_PRODUCT),
  QLinearConv: quantizedConvolution,
};
