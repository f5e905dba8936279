/**
 * Gradients of operators that arrange elements anew.
 */
import { intsAttribute } from '../../graph/graph.ts';
import { type GradientRule, type GradientRules, reshapeLike, sumTo } from './rule.ts';

const reshaped: GradientRule = (emit, { x, dy }) => [reshapeLike(emit, dy, x)];

export const LAYOUT_RULES: GradientRules = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: ({ Transpose }, { node, dy }) => {
    const perm = intsAttribute(node, 'perm');
    return [perm ? Transpose(dy, { perm: perm.map((_, axis) => perm.indexOf(axis)) }) : Transpose(dy)];
  },
  Expand: (emit, { x, dy }) => [sumTo(emit, dy, x)],
};
