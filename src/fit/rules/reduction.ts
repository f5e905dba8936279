/**
 * Gradients of what sums or chooses along axes: the cotangent goes to all of the terms, to each with the share that it had.
 */
import { intAttribute } from '../../graph/graph.ts';
import { quotient } from '../../graph/shapes/dims.ts';
import { type Emitter, givenAttributes, type Operand } from '../emit.ts';
import { expandLike, sumTo } from './like.ts';
import type { Application, GradientRule, GradientRules } from './rule.ts';

/** A rule in which y and dy have all axes of x, the reduced ones of size 1; its result may still lack their sizes. */
const reduction =
  (gradient: (emit: Emitter, at: Application) => string): GradientRule =>
  (emit, at) => {
    const axes = at.inputs[1];
    const isKept = intAttribute(at.node, 'keepdims', 1) === 1 || axes === '';
    const kept = (value: string) => (isKept ? value : emit.Unsqueeze(value, axes));
    return [expandLike(emit, gradient(emit, { ...at, y: kept(at.y), dy: kept(at.dy) }), at.x)];
  };

/** How many elements of `x` go into each of its mean, in the type of `like`. */
export function meanCount(emit: Emitter, x: string, mean: string, like: string): Operand {
  const [from, to] = [emit.shapeOf(x), emit.shapeOf(mean)];
  const count = from && to ? quotient(from, to) : null;
  return typeof count === 'number' ? count : emit.CastLike(emit.Div(emit.Size(x), emit.Size(mean)), like);
}

/** Sums over every axis but the second: (N, C, …) → (C). */
export function channelSums(emit: Emitter, value: string): string {
  const axes = (emit.shapeOf(value) ?? [null]).map((_, axis) => axis).filter((axis) => axis !== 1);
  return emit.ReduceSum(value, axes, { keepdims: 0 });
}

const mean = reduction((emit, { x, y, dy }) => emit.Div(dy, meanCount(emit, x, y, dy)));

/** To the largest or smallest element, in equal parts where there are several. */
const extremum = reduction((emit, { x, y, dy }) => {
  const { CastLike, Div, Equal, Mul } = emit;
  const chosen = CastLike(Equal(x, y), dy);
  return Mul(chosen, Div(dy, sumTo(emit, chosen, y)));
});

/** Sums along the axis of a Softmax. */
const sumAlong = ({ ReduceSum }: Emitter, { node }: Application, value: string) =>
  ReduceSum(value, [intAttribute(node, 'axis', -1)]);

const softmax: GradientRule = (emit, at) => {
  const { Mul, Sub } = emit;
  return [Mul(at.y, Sub(at.dy, sumAlong(emit, at, Mul(at.dy, at.y))))];
};

const logSoftmax: GradientRule = (emit, at) => {
  const { Exp, Mul, Sub } = emit;
  return [Sub(at.dy, Mul(Exp(at.y), sumAlong(emit, at, at.dy)))];
};

export const REDUCTION_RULES: GradientRules = {
  ReduceSum: reduction((_, { dy }) => dy),
  ReduceMean: mean,
  ReduceMax: extremum,
  ReduceMin: extremum,
  ReduceL1: reduction(({ Mul, Sign }, { x, dy }) => Mul(dy, Sign(x))),
  ReduceL2: reduction(({ Div, Mul }, { x, y, dy }) => Mul(x, Div(dy, y))),
  ReduceSumSquare: reduction(({ Mul }, { x, dy }) => Mul(x, Mul(dy, 2))),
  ReduceLogSum: reduction(({ Exp, Div }, { y, dy }) => Div(dy, Exp(y))),
  ReduceLogSumExp: reduction(({ Exp, Mul, Sub }, { x, y, dy }) => Mul(dy, Exp(Sub(x, y)))),
  // Not a number where an element is 0.
  ReduceProd: reduction(({ Div, Mul }, { x, y, dy }) => Div(Mul(dy, y), x)),
  GlobalAveragePool: mean,
  GlobalMaxPool: extremum,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  CumSum: ({ CumSum }, { node, dy, inputs: [, axis] }) => [
    CumSum(dy, axis, { ...givenAttributes(node), reverse: 1 - intAttribute(node, 'reverse', 0) }),
  ],
};
