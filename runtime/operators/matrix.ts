/**
 * Gemm and MatMul (ONNX operator documentation).
 */
import { floatAttribute, intAttribute } from '../../src/graph/graph.ts';
import { add, multiply } from '../plan/expression.ts';
import { broadcastStrides } from '../plan/program.ts';
import { matrixProduct, multiplied } from './matrix-product.ts';
import type { Lower, Operators } from './operator.ts';

const gemm: Lower = (plan, node, [a, b, c]) => {
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)];
  const [isTransposedA, isTransposedB] = [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0)];
  const [aRows, aColumns] = a!.shape as [number, number];
  const [bRows, bColumns] = b!.shape as [number, number];
  const [rows, depth] = isTransposedA ? [aColumns, aRows] : [aRows, aColumns];
  const [bDepth, columns] = isTransposedB ? [bColumns, bRows] : [bRows, bColumns];
  if (depth !== bDepth) throw new RangeError(`Gemm of [${a!.shape}] and [${b!.shape}]`);
  const shape = [rows, columns];
  const bias = alpha === 1 && beta === 1 ? c : undefined;
  const result = multiplied(plan, shape, [0, 1], {
    a: a!,
    b: b!,
    rows,
    columns,
    depth,
    aStrides: isTransposedA ? [1, aColumns] : [aColumns, 1],
    bStrides: isTransposedB ? [1, bColumns] : [bColumns, 1],
    aOffsets: [0],
    bOffsets: [0],
    bias,
    biasStrides: broadcastStrides(bias?.shape ?? [], shape) as [number, number],
  });
  if (alpha === 1 && (bias || !c)) return [result];
  const scaled = multiply(alpha, result);
  return [plan.elementwise(a!.dtype, shape, c ? add(scaled, multiply(beta, c)) : scaled)];
};

const matMul: Lower = (plan, node, [a, b]) => [matrixProduct(plan, node, a!, b!)];

export const MATRIX_OPERATORS: Operators = { Gemm: gemm, MatMul: matMul };
