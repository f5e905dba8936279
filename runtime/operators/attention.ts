/**
 * Attention and RotaryEmbedding (ONNX operator documentation, opset 23), over (batch, heads, sequence, size).
 */
import { UnsupportedError } from '../../src/errors.ts';
import { floatAttribute, intAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { add, apply, divide, type Expression, float, multiply, operand, select, subtract } from '../plan/expression.ts';
import { sizeOf, type Value } from '../plan/value.ts';
import { gathered, known } from './indexing.ts';
import { joined, permuted, picked } from './layout.ts';
import { matrixProduct } from './matrix-product.ts';
import { move } from './moves.ts';
import type { Lower, Operators } from './operator.ts';
import { countUp } from './shapes.ts';
import { softmaxAlong } from './softmax.ts';
import { rowMajor } from './strided-copy.ts';

/**
 * Of tensors with four axes and as many heads of keys as of queries. ONNX 1.18 and 1.19 read tensors of three axes, and groups of
 * heads, in different ways.
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

  const raw = stage(multiply(operand(product), float(floatAttribute(node, 'scale', 1 / Math.sqrt(size)))));
  const never = float(Number.NEGATIVE_INFINITY);
  let masked = operand(raw);
  if (mask) masked = mask.dtype === 'bool' ? select(operand(mask), masked, never) : add(masked, operand(mask));
  if (intAttribute(node, 'is_causal', 0) === 1) {
    const [row, column] = [known(plan, [rows], countUp(rows), 1), known(plan, [columns], countUp(columns))];
    masked = select(apply(Opcode.LT_INT, row, column), never, masked);
  }
  const biased = stage(masked);
  const cap = float(floatAttribute(node, 'softcap', 0));
  const isCapped = floatAttribute(node, 'softcap', 0) > 0;
  const capped = isCapped ? stage(multiply(cap, apply(Opcode.TANH, divide(operand(biased), cap)))) : biased;
  const weights = softmaxAlong(plan, capped, 3, Opcode.SOFTMAX);
  const stages = [raw, biased, capped, weights];
  const result = matrixProduct(plan, node, weights, values);
  return [result, keys, values, stages[intAttribute(node, 'qk_matmul_output_mode', 0)]!];
};

/** Turns pairs of elements by angles that depend on their place in the sequence. Also of (batch, sequence, heads · size). */
const rotaryEmbedding: Lower = (plan, node, [x, cosines, sines, positions]) => {
  const { dtype, shape } = x!;
  const isFlat = shape.length === 3;
  const heads = isFlat ? intAttribute(node, 'num_heads', 1) : shape[1]!;
  const [batch, rows] = [shape[0]!, shape[isFlat ? 1 : 2]!];
  const size = sizeOf(x!) / (batch * heads * rows);
  const lead = isFlat ? [batch, rows, heads] : [batch, heads, rows];
  const turned = intAttribute(node, 'rotary_embedding_dim', 0) || size;
  const half = turned / 2;
  const [step, apart] = intAttribute(node, 'interleaved', 0) === 1 ? [2, 1] : [1, half];

  const angles = (table: Value) => {
    const [width, count] = [table.shape.at(-1)!, table.shape[0]!];
    const own = positions ? gathered(plan, table, positions, [batch, rows, width], [1, count, width]) : table;
    const [by, over] = isFlat
      ? [
          [rows * width, width, 0, 1],
          [batch, rows, 1, half],
        ]
      : [
          [rows * width, 0, width, 1],
          [batch, 1, rows, half],
        ];
    return operand(picked(plan, own, over, by));
  };
  const [cosine, sine] = [angles(cosines!), angles(sines!)];
  const strides = [...rowMajor([...lead, size]).slice(0, 3), step];
  const dims = [...lead, half];
  const part = (offset: number) => operand(picked(plan, x!, dims, strides, offset));
  const [first, second] = [part(0), part(apart)];
  const result = plan.tensor(dtype, shape);
  const put = (value: Value, offset: number, at: readonly number[]) =>
    move(
      plan,
      plan.buffer(value),
      plan.buffer(result),
      value.shape,
      { offset: 0, strides: rowMajor(value.shape) },
      {
        offset,
        strides: at,
      },
    );
  put(x!, 0, rowMajor(shape));
  put(plan.elementwise(dtype, dims, subtract(multiply(cosine, first), multiply(sine, second))), 0, strides);
  put(plan.elementwise(dtype, dims, add(multiply(sine, first), multiply(cosine, second))), apart, strides);
  return [result];
};

export const ATTENTION_OPERATORS: Operators = { Attention: attention, RotaryEmbedding: rotaryEmbedding };
