/**
 * Gradients of operators that arrange elements anew, join and part tensors, or repeat them.
 */
import { intAttribute, intsAttribute, stringAttribute } from '../../graph/graph.ts';
import { reshapeLike, sumTo, zerosLike } from './like.ts';
import { type GradientRule, type GradientRules, unsupported } from './rule.ts';

const reshaped: GradientRule = (emit, { x, dy }) => [reshapeLike(emit, dy, x)];

/** The inverse of DepthToSpace: SpaceToDepth, whose own channels come behind those of the block, or in CRD mode before them. */
const depthToSpace: GradientRule = (emit, { node, x, dy }) => {
  const { Concat, Reshape, Shape, SpaceToDepth, Transpose } = emit;
  const blocksize = intAttribute(node, 'blocksize', 1);
  const parted = SpaceToDepth(dy, { blocksize });
  if (stringAttribute(node, 'mode') !== 'CRD') return [parted];
  const apart = Reshape(parted, Concat([0, blocksize ** 2, -1], Shape(x, { start: 2 }), { axis: 0 }));
  return [reshapeLike(emit, Transpose(apart, { perm: [0, 2, 1, 3, 4] }), x)];
};

const concat: GradientRule = (emit, { node, inputs, dy }) => {
  const rank = emit.shapeOf(dy)?.length;
  if (rank === undefined) throw unsupported(node, 'the rank of its output is not known');
  const given = intAttribute(node, 'axis', 0);
  const axis = given < 0 ? given + rank : given;
  const parts = inputs.slice(0, node.inputs.length);
  const sizes = parts.map((part) => emit.Shape(part, { start: axis, end: axis + 1 }));
  return emit.node('Split', [dy, emit.Concat(...sizes, { axis: 0 }), { axis }], parts.length);
};

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
  Concat: concat,
  Split: (emit, { node, cotangents }) => {
    const parts = node.outputs.map((output, index) => cotangents[index] ?? zerosLike(emit, output));
    return [emit.Concat(...parts, { axis: intAttribute(node, 'axis', 0) })];
  },
  DepthToSpace: depthToSpace,
  SpaceToDepth: ({ DepthToSpace }, { node, dy }) => [
    DepthToSpace(dy, { blocksize: intAttribute(node, 'blocksize', 1) }),
  ],
  Trilu: ({ Trilu }, { node, dy, inputs: [, k] }) => [Trilu(dy, k, { upper: intAttribute(node, 'upper', 1) })],
};
