/**
 * Attention (ONNX operator documentation, opset 23), over (batch, heads, sequence, size).
 */
import { UnsupportedError } from '../../src/errors.ts';
import { floatAttribute, intAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { add, apply, divide, type Expression, float, multiply, operand, select } from '../plan/expression.ts';
import type { Value } from '../plan/value.ts';
import { known } from './indexing.ts';
import { joined, permuted } from './layout.ts';
import { matrixProduct } from './matrix-product.ts';
import type { Lower, Operators } from './operator.ts';
import { countUp } from './shapes.ts';
import { softmaxAlong } from './softmax.ts';

/**
 * Of tensors with four axes and as many heads of keys as of queries. For three axes ONNX 1.18's reference leaves out the transposition
 * that its text asks for (onnx/onnx issue 7118), and it pairs groups of heads otherwise than PyTorch does (pull request 7274).
 */
const attention: Lower = (plan, node, [q, k, v, mask, pastKey, pastValue]) => {
  const { dtype, shape } = q!;
  if (shape.length !== 4 || shape[1] !== k!.shape[1]) {
    throw new UnsupportedError(`${node.op} of [${shape}] and [${k!.shape}]`);
  }
  const behind = (past: Value | undefined, value: Value) => (past ? joined(plan, node, [past, value], 2) : value);
  const [keys, values] = [behind(pastKey, k!), behind(pastValue, v!)];
  const [batch, heads, columns, size] = keys.shape as [number, number, number, number];
  const turned = permuted(plan, keys, keys.shape, [0, 1, 3, 2], [batch, heads, size, columns]);
  const product = matrixProduct(plan, node, q!, turned);
  const rows = shape[2]!;
  const stage = (expression: Expression) => plan.elementwise(dtype, product.shape, expression);

  const raw = stage(multiply(product, floatAttribute(node, 'scale', 1 / Math.sqrt(size))));
  const never = float(Number.NEGATIVE_INFINITY);
  let masked = operand(raw);
  if (mask) masked = mask.dtype === 'bool' ? select(mask, masked, never) : add(masked, mask);
  if (intAttribute(node, 'is_causal', 0) === 1) {
    const [row, column] = [known(plan, [rows], countUp(rows), 1), known(plan, [columns], countUp(columns))];
    masked = select(apply(Opcode.LT_INT, row, column), never, masked);
  }
  const biased = stage(masked);
  const cap = float(floatAttribute(node, 'softcap', 0));
  const isCapped = floatAttribute(node, 'softcap', 0) > 0;
  const capped = isCapped ? stage(multiply(cap, apply(Opcode.TANH, divide(biased, cap)))) : biased;
  const weights = softmaxAlong(plan, capped, 3, Opcode.SOFTMAX);
  const stages = [raw, biased, capped, weights];
  const result = matrixProduct(plan, node, weights, values);
  return [result, keys, values, stages[intAttribute(node, 'qk_matmul_output_mode', 0)]!];
};

export const ATTENTION_OPERATORS: Operators = { Attention: attention };
