/**
 * Reductions along axes (ONNX's Reduce… operators) and the largest or smallest elements and their places (TopK,
 * ArgMax, ArgMin).
 */
import type { DType } from '../../src/graph/dtype.ts';
import { intAttribute, type Node } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply, type Expression, operand } from '../plan/expression.ts';
import { isIntegral, type Value } from '../plan/value.ts';
import type { Inputs, Lower, Lowering, Operators } from './operator.ts';
import { converted, identity, magnitude } from './pointwise.ts';
import { around, axisOf, countUp, product, withDim } from './shapes.ts';

/**
 * Reduces `axes` (counted from the front) to size 1 by a `REDUCE_…`: in one step where they are neighbours, else one run of
 * neighbours after the other.
 */
export function reduced(plan: Lowering, value: Value, axes: readonly number[], kind: number): Value {
  const { dtype } = value;
  const dims = [...value.shape];
  const runs: [start: number, end: number][] = [];
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const run = runs.at(-1);
    const continues = run?.[0] === axis + 1;
    if (continues && (axes.includes(axis) || dims[axis] === 1)) run[0] = axis;
    else if (axes.includes(axis)) runs.push([axis, axis + 1]);
  }
  // A reduction of each element by itself may still square it.
  if (runs.length === 0) runs.push([dims.length, dims.length]);
  return runs.reduce((source, [start, end], at) => {
    const count = product(dims.slice(start, end));
    dims.fill(1, start, end);
    const operation = at > 0 && kind === Opcode.REDUCE_SUM_SQUARE ? Opcode.REDUCE_SUM : kind;
    const result = plan.tensor(dtype, [...dims]);
    const [outer, inner] = [product(dims.slice(0, start)), product(dims.slice(end))];
    plan.step('reduce', operation, isIntegral(dtype) ? 1 : 0, source, result, outer, count, inner);
    return result;
  }, value);
}

/** What a reduction does before and after its `REDUCE_…`, element by element. */
interface Reduction {
  readonly kind: number;
  readonly before?: (x: Expression, dtype: DType) => Expression;
  readonly after?: (x: Expression) => Expression;
}

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  ReduceSum: { kind: Opcode.REDUCE_SUM },
  ReduceMean: { kind: Opcode.REDUCE_MEAN },
  ReduceMax: { kind: Opcode.REDUCE_MAX },
  ReduceMin: { kind: Opcode.REDUCE_MIN },
  ReduceProd: { kind: Opcode.REDUCE_PROD },
  ReduceSumSquare: { kind: Opcode.REDUCE_SUM_SQUARE },
  ReduceL1: { kind: Opcode.REDUCE_SUM, before: magnitude },
  ReduceL2: { kind: Opcode.REDUCE_SUM_SQUARE, after: (x) => apply(Opcode.SQRT, x) },
  ReduceLogSum: { kind: Opcode.REDUCE_SUM, after: (x) => apply(Opcode.LOG, x) },
};

/** The axes that a reduction's second input names, from the front; `undefined` where there is nothing to do. */
export function axesOf(plan: Lowering, node: Node, [x, given]: Inputs): number[] | undefined {
  const rank = x!.shape.length;
  const axes = given ? plan.numbers(given) : [];
  if (axes.length > 0) return axes.map((axis) => axisOf(node, axis, rank));
  return intAttribute(node, 'noop_with_empty_axes', 0) === 1 ? undefined : countUp(rank);
}

/** `result`, which keeps its reduced axes, in the shape that the node asks for. */
export function finished(plan: Lowering, node: Node, result: Value, axes: readonly number[]): Value {
  if (intAttribute(node, 'keepdims', 1) === 1) return result;
  return plan.view(
    result,
    result.shape.filter((_, axis) => !axes.includes(axis)),
  );
}

const reduction =
  ({ kind, before, after }: Reduction): Lower =>
  (plan, node, inputs) => {
    const x = inputs[0]!;
    const { dtype, shape } = x;
    const axes = axesOf(plan, node, inputs);
    if (!axes) return identity(plan, node, [x]);
    // What comes after is a function of floats.
    const inner = after && isIntegral(dtype) ? 'float32' : dtype;
    const source = converted(x, dtype, inner);
    const prepared = plan.elementwise(inner, shape, before ? before(source, inner) : source);
    const total = reduced(plan, prepared, axes, kind);
    const result = after ? after(operand(total)) : operand(total);
    return [finished(plan, node, plan.elementwise(dtype, total.shape, converted(result, inner, dtype)), axes)];
  };

/** Places of extremes along an axis, which keeps size 1. */
export function extremes(plan: Lowering, x: Value, axis: number, kind: number, last = 0): Value {
  const result = plan.tensor('int64', withDim(x.shape, axis, 1));
  const integers = isIntegral(x.dtype) ? 1 : 0;
  plan.step('arg', kind, last, integers, x, result, ...around(x.shape, axis));
  return result;
}

const arg =
  (kind: number): Lower =>
  (plan, node, [x]) => {
    const axis = axisOf(node, intAttribute(node, 'axis', 0), x!.shape.length);
    const places = extremes(plan, x!, axis, kind, intAttribute(node, 'select_last_index', 0));
    return [finished(plan, node, places, [axis])];
  };

const topK: Lower = (plan, node, [x, given]) => {
  const { dtype, shape } = x!;
  const axis = axisOf(node, intAttribute(node, 'axis', -1), shape.length);
  const k = plan.numbers(given!)[0]!;
  const [outer, count, inner] = around(shape, axis);
  if (!(k >= 0 && k <= count)) throw new RangeError(`${node.op}: ${k} of ${count}`);
  const dims = withDim(shape, axis, k);
  const [values, indices] = [plan.tensor(dtype, dims), plan.tensor('int64', dims)];
  const largest = intAttribute(node, 'largest', 1);
  const integers = isIntegral(dtype) ? 1 : 0;
  plan.step('topK', integers, largest, k, x, values, indices, outer, count, inner);
  return [values, indices];
};

export const REDUCTION_OPERATORS: Operators = {
  ...Object.fromEntries(Object.entries(REDUCTIONS).map(([op, spec]) => [op, reduction(spec)])),
  TopK: topK,
  ArgMax: arg(Opcode.REDUCE_MAX),
  ArgMin: arg(Opcode.REDUCE_MIN),
};
