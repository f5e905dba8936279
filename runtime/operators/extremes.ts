/**
 * ReduceLogSumExp and Hardmax (ONNX operator documentation): what remains of softmax, and what is sharper than it.
 */
import { intAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { add, apply, maximum, minimum, subtract } from '../plan/expression.ts';
import type { Lower, Operators } from './operator.ts';
import { identity } from './pointwise.ts';
import { axesOf, extremes, finished, reduced } from './reduction.ts';
import { axisOf, countUp } from './shapes.ts';

const LARGEST = 3.4028234663852886e38;

/** log Σ eˣ, as m + log Σ eˣ⁻ᵐ with m the largest x, so that nothing overflows. */
const logSumExp: Lower = (plan, node, inputs) => {
  const x = inputs[0]!;
  const axes = axesOf(plan, node, inputs);
  if (!axes) return identity(plan, node, [x]);
  const peak = reduced(plan, x, axes, Opcode.REDUCE_MAX);
  const shift = minimum(maximum(peak, -LARGEST), LARGEST);
  const powers = plan.elementwise(x.dtype, x.shape, apply(Opcode.EXP, subtract(x, shift)));
  const total = reduced(plan, powers, axes, Opcode.REDUCE_SUM);
  return [finished(plan, node, plan.elementwise(x.dtype, peak.shape, add(apply(Opcode.LOG, total), shift)), axes)];
};

/** 1 at the first of the largest elements, else 0. */
const hardmax: Lower = (plan, node, [x]) => {
  const { dtype, shape } = x!;
  const axis = axisOf(node, intAttribute(node, 'axis', -1), shape.length);
  const place = extremes(plan, x!, axis, Opcode.REDUCE_MAX);
  const count = shape[axis]!;
  const places = plan.constant('int32', [count, ...shape.slice(axis + 1).fill(1)], countUp(count));
  const isPlace = apply(Opcode.EQ_INT, places, place);
  return [plan.elementwise(dtype, shape, apply(Opcode.INT_TO_FLOAT, isPlace))];
};

export const EXTREME_OPERATORS: Operators = { ReduceLogSumExp: logSumExp, Hardmax: hardmax };
