/**
 * Gradients of matrix products: each operand's is the product of the cotangent and the other operand.
 */
import { floatAttribute, intAttribute } from '../../graph/graph.ts';
import type { Emitter } from '../emit.ts';
import { einsum } from './einsum.ts';
import { reshapeLike, sumTo } from './like.ts';
import { type GradientRule, type GradientRules, unsupported } from './rule.ts';

/** Y = α A′ B′ + β C, where a prime is a transposition if the attribute says so. */
const gemm: GradientRule = (emit, { node, dy, inputs: [a, b, c] }) => {
  const { Gemm, Mul } = emit;
  const transA = intAttribute(node, 'transA', 0);
  const transB = intAttribute(node, 'transB', 0);
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = floatAttribute(node, 'beta', 1);
  return [
    transA ? Gemm(b, dy, { alpha, transA: transB, transB: 1 }) : Gemm(dy, b, { alpha, transB: 1 - transB }),
    transB ? Gemm(dy, a, { alpha, transA: 1, transB: transA }) : Gemm(a, dy, { alpha, transA: 1 - transA }),
    c && sumTo(emit, beta === 1 ? dy : Mul(dy, beta), c),
  ];
};

const matMul: GradientRule = (emit, { node, dy, inputs: [a, b] }) => {
  const { Flatten, Gemm, MatMul, Unsqueeze } = emit;
  const [rankA, rankB] = [a, b].map((operand) => emit.shapeOf(operand)?.length);
  if (!rankA || !rankB) throw unsupported(node, 'the ranks of its inputs are not known');
  // A vector is a matrix of one row on the left, of one column on the right; the result does not have that axis.
  const left = rankA === 1 ? Unsqueeze(a, [0]) : a;
  const right = rankB === 1 ? Unsqueeze(b, [1]) : b;
  const added = [...(rankA === 1 ? [-2] : []), ...(rankB === 1 ? [-1] : [])];
  const product = added.length > 0 ? Unsqueeze(dy, added) : dy;
  const byLeft = rankA > 2 || rankB > 2 ? MatMul(product, swapped(emit, right)) : Gemm(product, right, { transB: 1 });
  // One matrix for a whole batch: a single product over the rows of all of it.
  const rows = (value: string) => Flatten(value, { axis: -1 });
  const byRight = rankB > 2 ? MatMul(swapped(emit, left), product) : Gemm(rows(left), rows(product), { transA: 1 });
  return [reshapeLike(emit, sumTo(emit, byLeft, left), a), reshapeLike(emit, sumTo(emit, byRight, right), b)];
};

/** A stack of matrices, each transposed. */
function swapped(emit: Emitter, value: string): string {
  const axes = emit.shapeOf(value)!.map((_, axis) => axis);
  return emit.Transpose(value, { perm: [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!] });
}

export const MATRIX_RULES: GradientRules = { Gemm: gemm, MatMul: matMul, Einsum: einsum };
