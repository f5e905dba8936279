/**
 * Values that are other values walked in another order.
 */
import type { Value } from '../plan/value.ts';
import { move } from './moves.ts';
import type { Lowering } from './operator.ts';
import { product } from './shapes.ts';

/** Strides of a row-major array with these dims. */
export function rowMajor(dims: readonly number[]): number[] {
  return dims.map((_, axis) => product(dims.slice(axis + 1)));
}

/** A value of shape `shape` that has, in order, the elements of `value` at `strides` from `offset` on, over `dims`. */
export function strided(
  plan: Lowering,
  value: Value,
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
  dims = shape,
): Value {
  const result = plan.tensor(value.dtype, shape);
  move(plan, value, result, dims, { offset, strides }, { offset: 0, strides: rowMajor(dims) });
  return result;
}
