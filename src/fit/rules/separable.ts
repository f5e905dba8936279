/**
 * Gradients of operators that are linear along each axis on its own, average pooling and resampling: y = A x A′ᵀ …, whose
 * transpose takes the cotangent back. The matrix of an axis is what the operator itself makes of the unit vectors, so that it
 * is exact in every mode; onnxruntime computes it once, when it opens the graph.
 */
import { intAttribute, intsAttribute, stringAttribute } from '../../graph/graph.ts';
import { type Emitter, givenAttributes } from '../emit.ts';
import { reshapeLike } from './like.ts';
import { spread } from './pooling.ts';
import { type GradientRule, type GradientRules, unsupported } from './rule.ts';
import { tiles, windowAxes } from './window.ts';

/** The unit vectors of axis `axis` of `value`, one a row. */
function unitVectors(emit: Emitter, value: string, axis: number): string {
  const size = emit.Shape(value, { start: axis, end: axis + 1 });
  return emit.EyeLike(emit.Expand(emit.CastLike(0, value), emit.Concat(size, size, { axis: 0 })));
}

/**
 * Takes the cotangent `dy` back to `x` along the axes of `matrices`, which are (size of x, size of y) each and in the order of
 * the axes.
 */
function transposed(emit: Emitter, x: string, dy: string, matrices: ReadonlyMap<number, string>): string {
  const { Concat, MatMul, Reshape, Shape, Transpose } = emit;
  const last = emit.shapeOf(dy)!.length - 1;
  let value = dy;
  for (const [axis, matrix] of matrices) {
    if (axis === last) {
      value = MatMul(value, Transpose(matrix));
      continue;
    }
    // All axes behind this one as one, so that the products are over matrices.
    const whole = Concat(Shape(x, { end: axis + 1 }), Shape(dy, { start: axis + 1 }), { axis: 0 });
    const flat = Reshape(value, [...new Array<number>(axis + 1).fill(0), -1]);
    value = Reshape(MatMul(matrix, flat), whole);
  }
  return reshapeLike(emit, value, x);
}

const averagePool: GradientRule = (emit, { node, x, y, dy }) => {
  const axes = windowAxes(emit, node, x, y);
  if (tiles(axes)) {
    const count = axes.reduce((product, { kernel }) => product * kernel, 1);
    return [spread(emit, axes, emit.Div(dy, count), x)];
  }
  const modes = {
    ceil_mode: intAttribute(node, 'ceil_mode', 0),
    count_include_pad: intAttribute(node, 'count_include_pad', 0),
  };
  const matrices = axes.map(({ kernel, stride, dilation, before, after }, index) => {
    const window = {
      kernel_shape: [kernel],
      strides: [stride],
      dilations: [dilation],
      pads: [before, after],
      ...modes,
    };
    const pooled = emit.AveragePool(emit.Unsqueeze(unitVectors(emit, x, index + 2), [0]), window);
    return [index + 2, emit.Squeeze(pooled, [0])] as const;
  });
  return [transposed(emit, x, dy, new Map(matrices))];
};

const resize: GradientRule = (emit, { node, x, y, dy, inputs: [, roi, scales, sizes] }) => {
  const rank = emit.shapeOf(x)?.length;
  if (rank === undefined) throw unsupported(node, 'the rank of its input is not known');
  if ((stringAttribute(node, 'keep_aspect_ratio_policy') ?? 'stretch') !== 'stretch') {
    throw unsupported(node, 'keep_aspect_ratio_policy is not stretch');
  }
  const axes = intsAttribute(node, 'axes')?.map((axis) => (axis < 0 ? axis + rank : axis));
  const all = axes ?? Array.from({ length: rank }, (_, axis) => axis);
  const [from, to] = [emit.shapeOf(x)!, emit.shapeOf(y)];
  const matrices = new Map<number, string>();
  for (const axis of all.toSorted((a, b) => a - b)) {
    // At a scale of 1, which is what axes of samples and channels have, nothing is done to an axis.
    if (typeof from[axis] === 'number' ? from[axis] === to?.[axis] : axis < 2) continue;
    const place = all.indexOf(axis);
    const own = (list: string, at = place) => list && emit.Slice(list, [at], [at + 1]);
    const region = roi && emit.Concat(own(roi), own(roi, place + all.length), { axis: 0 });
    const attributes = { ...givenAttributes(node), axes: [1], extrapolation_value: 0 };
    matrices.set(axis, emit.Resize(unitVectors(emit, x, axis), region, own(scales), own(sizes), attributes));
  }
  return [transposed(emit, x, dy, matrices)];
};

export const SEPARABLE_RULES: GradientRules = { AveragePool: averagePool, Resize: resize };
