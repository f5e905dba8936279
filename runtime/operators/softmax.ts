/**
 * Softmax and LogSoftmax along one axis (opset 13 on).
 */
import { intAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import type { Value } from '../plan/value.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { around, axisOf } from './shapes.ts';

/** A `SOFTMAX` or `LOG_SOFTMAX` along an axis that is counted from the front. */
export function softmaxAlong(plan: Lowering, x: Value, axis: number, kind: number): Value {
  const result = plan.tensor(x.dtype, x.shape);
  plan.step('softmax', kind, x, result, ...around(x.shape, axis));
  return result;
}

const softmax =
  (kind: number): Lower =>
  (plan, node, [x]) => [softmaxAlong(plan, x!, axisOf(node, intAttribute(node, 'axis', -1), x!.shape.length), kind)];

export const SOFTMAX_OPERATORS: Operators = {
  Softmax: softmax(Opcode.SOFTMAX),
  LogSoftmax: softmax(Opcode.LOG_SOFTMAX),
};
