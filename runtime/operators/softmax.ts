/**
 * Softmax, LogSoftmax and Hardmax along one axis (opset 13 on).
 */
import { intAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply, operand } from '../plan/expression.ts';
import type { Value } from '../plan/value.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { extremes } from './reduction.ts';
import { around, axisOf, countUp } from './shapes.ts';

/** A `SOFTMAX` or `LOG_SOFTMAX` along an axis that is counted from the front. */
export function softmaxAlong(plan: Lowering, x: Value, axis: number, kind: number): Value {
  const source = plan.buffer(x);
  const result = plan.tensor(x.dtype, x.shape);
  plan.step('softmax', kind, source, plan.buffer(result), ...around(x.shape, axis));
  return result;
}

const softmax =
  (kind: number): Lower =>
  (plan, node, [x]) => [softmaxAlong(plan, x!, axisOf(node, intAttribute(node, 'axis', -1), x!.shape.length), kind)];

/** 1 at the first of the largest elements, else 0. */
const hardmax: Lower = (plan, node, [x]) => {
  const { dtype, shape } = x!;
  const axis = axisOf(node, intAttribute(node, 'axis', -1), shape.length);
  const place = extremes(plan, x!, axis, Opcode.REDUCE_MAX);
  const count = shape[axis]!;
  const places = plan.constant('int32', [count, ...shape.slice(axis + 1).fill(1)], countUp(count));
  const isPlace = apply(Opcode.EQ_INT, operand(places), operand(place));
  return [plan.elementwise(dtype, shape, apply(Opcode.INT_TO_FLOAT, isPlace))];
};

export const SOFTMAX_OPERATORS: Operators = {
  Softmax: softmax(Opcode.SOFTMAX),
  LogSoftmax: softmax(Opcode.LOG_SOFTMAX),
  Hardmax: hardmax,
};
