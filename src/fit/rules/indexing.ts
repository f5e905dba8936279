/**
 * Gradients of operators that choose and move elements: each cotangent is added where its element came from.
 */
import { intAttribute } from '../../graph/graph.ts';
import { givenAttributes } from '../emit.ts';
import { type GradientRule, type GradientRules, isStatic, scatterBack, zerosLike } from './rule.ts';

/** The rule of any operator that only moves elements: of the elements' numbers it makes the places they come from. */
const moved: GradientRule = (emit, { node, x, dy }) => {
  const numbers = emit.Reshape(emit.Range(0, emit.Size(x), 1), emit.Shape(x));
  const [origins] = emit.node(node.op, [numbers, ...node.inputs.slice(1), givenAttributes(node)], 1);
  return [scatterBack(emit, origins!, dy, x, node.op === 'Slice')];
};

/** A range of elements is put back among zeros. */
const slice: GradientRule = (emit, at) => {
  const [, starts, ends, axes, steps] = at.node.inputs.map((input) => emit.integersOf(input));
  const shape = emit.shapeOf(at.x);
  const along = axes ?? starts?.map((_, axis) => axis);
  if (!shape || !starts || !ends || !along || !isStatic(starts) || !isStatic(ends) || !isStatic(along))
    return moved(emit, at);
  const sizes = along.map((axis) => shape.at(axis) ?? null);
  if (!isStatic(sizes) || steps?.some((step) => step !== 1) || (at.inputs[4] && !steps)) return moved(emit, at);
  const clamp = (bound: number, size: number) => Math.min(size, Math.max(0, bound < 0 ? bound + size : bound));
  const before = starts.map((start, index) => clamp(start, sizes[index]!));
  const after = ends.map((end, index) => sizes[index]! - Math.max(before[index]!, clamp(end, sizes[index]!)));
  return [emit.Pad(at.dy, [...before, ...after], '', along)];
};

const pad: GradientRule = (emit, at) => {
  const { node, dy, inputs } = at;
  const [, pads, , axes] = inputs;
  // What is reflected or repeated goes back to where it is from.
  if ((givenAttributes(node).mode ?? 'constant') !== 'constant') return moved(emit, at);
  return [emit.Pad(dy, emit.Neg(pads), '', axes)];
};

const gather: GradientRule = (emit, at) => {
  if (intAttribute(at.node, 'axis', 0) !== 0) return moved(emit, at);
  return [emit.ScatterND(zerosLike(emit, at.x), emit.Unsqueeze(at.inputs[1], [-1]), at.dy, { reduction: 'add' })];
};

const alongAxis =
  (indicesOf: (at: Parameters<GradientRule>[1]) => string, fallback: number): GradientRule =>
  (emit, at) => {
    const attributes = { axis: intAttribute(at.node, 'axis', fallback), reduction: 'add' };
    return [emit.ScatterElements(zerosLike(emit, at.x), indicesOf(at), at.dy, attributes)];
  };

export const INDEXING_RULES: GradientRules = {
  Slice: slice,
  Pad: pad,
  Gather: gather,
  GatherElements: alongAxis(({ inputs }) => inputs[1], 0),
  GatherND: moved,
  TopK: alongAxis(({ node }) => node.outputs[1]!, -1),
  Tile: moved,
};
