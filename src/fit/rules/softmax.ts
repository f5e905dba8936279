/**
 * Gradients of Softmax and LogSoftmax over one axis.
 */
import { intAttribute, type Node } from '../../graph/graph.ts';
import type { Emitter } from '../emit.ts';
import type { GradientRules } from './rule.ts';

const sumOver = ({ ReduceSum }: Emitter, node: Node, value: string) =>
  ReduceSum(value, [intAttribute(node, 'axis', -1)]);

export const SOFTMAX_RULES: GradientRules = {
  Softmax: (emit, { node, y, dy }) => {
    const { Mul, Sub } = emit;
    return [Mul(y, Sub(dy, sumOver(emit, node, Mul(dy, y))))];
  },
  LogSoftmax: (emit, { node, y, dy }) => {
    const { Exp, Mul, Sub } = emit;
    return [Sub(dy, Mul(Exp(y), sumOver(emit, node, dy)))];
  },
};
