/**
 * Losses of classifiers (ONNX operator documentation).
 */
import { intAttribute, type Node, stringAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply, divide, float, integer, multiply, operand, select } from '../plan/expression.ts';
import { sizeOf, type Value } from '../plan/value.ts';
import { gathered } from './gather.ts';
import { elementPlaces } from './indexing.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { reduced } from './reduction.ts';
import { countUp, withDim } from './shapes.ts';
import { softmaxAlong } from './softmax.ts';

/** −weight[target] · x[target], without those whose target is to be ignored. `x` is (N, C, …), `target` (N, …). */
function loss(plan: Lowering, node: Node, x: Value, target: Value, weights: Value | undefined): Value {
  const { shape } = target;
  const { dtype } = x;
  const index = plan.view(target, withDim(x.shape, 1, 1));
  const ignored = intAttribute(node, 'ignore_index');
  const chosen = gathered(plan, x, elementPlaces(plan, index, x.shape, 1), shape, [1, sizeOf(x), 1]);
  const weight = weights ? operand(gathered(plan, weights, target, shape, [1, sizeOf(weights), 1])) : float(1);
  const isIgnored = apply(Opcode.EQ_INT, target, integer(ignored ?? 0));
  const factor = plan.elementwise(dtype, shape, ignored === undefined ? weight : select(isIgnored, 0, weight));
  const scale = plan.tensor(dtype, shape, plan.buffer(factor));
  const losses = plan.elementwise(dtype, shape, multiply(scale, apply(Opcode.NEG, chosen)));
  const reduction = stringAttribute(node, 'reduction') ?? 'mean';
  if (reduction === 'none') return losses;
  const sum = (value: Value) => plan.view(reduced(plan, value, countUp(shape.length), Opcode.REDUCE_SUM), []);
  const total = sum(losses);
  return reduction === 'sum' ? total : plan.elementwise(dtype, [], divide(total, sum(scale)));
}

const negativeLogLikelihoodLoss: Lower = (plan, node, [x, target, weights]) => [loss(plan, node, x!, target!, weights)];

const softmaxCrossEntropyLoss: Lower = (plan, node, [scores, labels, weights]) => {
  const logarithms = softmaxAlong(plan, scores!, 1, Opcode.LOG_SOFTMAX);
  return [loss(plan, node, logarithms, labels!, weights), logarithms];
};

export const LOSS_OPERATORS: Operators = {
  NegativeLogLikelihoodLoss: negativeLogLikelihoodLoss,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropyLoss,
};
