/**
 * Gradients of pooling.
 */
import { intAttribute } from '../../graph/graph.ts';
import { expandLike, type GradientRule, type GradientRules, reshapeLike, unsupported, zerosLike } from './rule.ts';
import { windowAxes } from './window.ts';

/** Each cotangent goes to the element that was the largest, which MaxPool's second output tells. */
const maxPool: GradientRule = (emit, { node, x, y, dy }) => {
  if (intAttribute(node, 'storage_order', 0) !== 0) throw unsupported(node, 'storage_order is not 0');
  const indices = emit.outputOf(node, 1);
  const axes = windowAxes(emit, node, x, y);
  const overlaps = axes.some(({ kernel, stride, dilation }) => (kernel - 1) * dilation + 1 > stride);
  // With `output_shape`, the windows matter only in that they must not ask for more: the indices count through all of x.
  if (!overlaps) return [emit.MaxUnpool(dy, indices, emit.Shape(x), { kernel_shape: axes.map(() => 1) })];
  const flat = emit.Reshape(zerosLike(emit, x), [-1]);
  const summed = emit.ScatterElements(flat, emit.Reshape(indices, [-1]), emit.Reshape(dy, [-1]), { reduction: 'add' });
  return [reshapeLike(emit, summed, x)];
};

export const POOLING_RULES: GradientRules = {
  MaxPool: maxPool,
  GlobalAveragePool: (emit, { x, y, dy }) => {
    const { CastLike, Div, Size } = emit;
    return [expandLike(emit, Div(dy, CastLike(Div(Size(x), Size(y)), dy)), x)];
  },
};
