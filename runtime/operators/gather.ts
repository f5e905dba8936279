/**
 * Gather (ONNX operator documentation), and the step that it shares with all operators that pick by index.
 */
import { intAttribute } from '../../src/graph/graph.ts';
import { sizeOf, type Value } from '../plan/value.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { around, axisOf, withDim } from './shapes.ts';

/** Picks slices of `inner` elements along the middle axis of (outer, size, inner) by `indices`. */
export function gathered(
  plan: Lowering,
  x: Value,
  indices: Value,
  shape: readonly number[],
  [outer, size, inner]: readonly [number, number, number],
): Value {
  const result = plan.tensor(x.dtype, shape);
  if (size === 0 && sizeOf(result) > 0) throw new RangeError('Gather from nothing');
  plan.step('gather', x, indices, result, outer, size, inner, sizeOf(indices));
  return result;
}

const gather: Lower = (plan, node, [x, indices]) => {
  const { shape } = x!;
  const axis = axisOf(node, intAttribute(node, 'axis', 0), shape.length);
  return [gathered(plan, x!, indices!, withDim(shape, axis, ...indices!.shape), around(shape, axis))];
};

export const GATHER_OPERATORS: Operators = { Gather: gather };
