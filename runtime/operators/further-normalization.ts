/**
 * Normalisations that networks of today seldom have (ONNX operator documentation), as expressions around reductions.
 */
import { floatAttribute, intAttribute, intsAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { add, apply, divide, maximum, multiply, operand } from '../plan/expression.ts';
import type { Lower, Operators } from './operator.ts';
import { centred, reduced } from './reduction.ts';
import { axisOf, product } from './shapes.ts';

const meanVarianceNormalization: Lower = (plan, node, [x]) => {
  const rank = x!.shape.length;
  const axes = (intsAttribute(node, 'axes') ?? [0, 2, 3]).map((axis) => axisOf(node, axis, rank));
  const { difference, variance } = centred(plan, x!, axes);
  const deviation = add(apply(Opcode.SQRT, variance), 1e-9);
  return [plan.elementwise(x!.dtype, x!.shape, divide(difference, deviation))];
};

/** Divides by the 1-norm or 2-norm along an axis; where that is 0, so is the result. */
const lpNormalization: Lower = (plan, node, [x]) => {
  const { dtype, shape } = x!;
  const axes = [axisOf(node, intAttribute(node, 'axis', -1), shape.length)];
  const source = plan.tensor(dtype, shape, plan.buffer(x!));
  const isSquare = intAttribute(node, 'p', 2) === 2;
  const magnitudes = isSquare ? source : plan.elementwise(dtype, shape, apply(Opcode.ABS, source));
  const total = reduced(plan, magnitudes, axes, isSquare ? Opcode.REDUCE_SUM_SQUARE : Opcode.REDUCE_SUM);
  const norm = isSquare ? apply(Opcode.SQRT, total) : operand(total);
  return [plan.elementwise(dtype, shape, divide(source, maximum(norm, 1e-38)))];
};

/** x / (bias + alpha · mean of x² over neighbouring channels)^beta; channels outside count as 0. */
const localResponseNormalization: Lower = (plan, node, [x]) => {
  const { dtype, shape } = x!;
  const [batch, channels, ...space] = shape as [number, number, ...number[]];
  const window = intAttribute(node, 'size', 1);
  const area = product(space);
  const before = Math.floor((window - 1) / 2);
  const extent = [channels, 1, area];
  const geometry = [batch, ...extent, ...extent, window, 1, 1, 1, 1, 1, 1, 1, 1];
  const pads = [before, 0, 0, window - 1 - before, 0, 0];
  const source = plan.tensor(dtype, shape, plan.buffer(x!));
  const squares = plan.elementwise(dtype, shape, multiply(source, source));
  const mean = plan.tensor(dtype, shape);
  const table = plan.table([...geometry, ...pads, Opcode.POOL_AVERAGE_PADDED, 0, 0]);
  plan.step('pool', table, squares, mean, 0);
  const attribute = (name: string, fallback: number) => floatAttribute(node, name, fallback);
  const base = add(multiply(mean, attribute('alpha', 1e-4)), attribute('bias', 1));
  const power = apply(Opcode.POW, base, -attribute('beta', 0.75));
  return [plan.elementwise(dtype, shape, multiply(source, power))];
};

export const FURTHER_NORMALIZATION_OPERATORS: Operators = {
  MeanVarianceNormalization: meanVarianceNormalization,
  LpNormalization: lpNormalization,
  LRN: localResponseNormalization,
};
