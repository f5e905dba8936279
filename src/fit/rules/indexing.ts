/**
 * Gradients of operators that choose and move elements: each cotangent is added where its element came from.
 */
import { intAttribute, stringAttribute } from '../../graph/graph.ts';
import { type Emitter, givenAttributes } from '../emit.ts';
import { isStatic, reshapeLike, zerosLike } from './like.ts';
import type { Application, GradientRule, GradientRules } from './rule.ts';

/**
 * Adds each element of `dy` to the element of zeros like `x` whose number `origins` tells, counted through all of x. Where no
 * number comes twice, MaxUnpool does it in a tenth of the time.
 */
export function scatterBack(emit: Emitter, origins: string, dy: string, x: string, isDistinct: boolean): string {
  const { Concat, MaxUnpool, Reshape, ScatterElements, Size } = emit;
  if (isDistinct && emit.typeOf(x)?.dtype === 'float32') {
    const [values, places] = [dy, origins].map((value) => Reshape(value, [1, 1, -1]));
    const shape = Concat([1, 1], Reshape(Size(x), [1]), { axis: 0 });
    return reshapeLike(emit, MaxUnpool(values!, places!, shape, { kernel_shape: [1] }), x);
  }
  const zeros = Reshape(zerosLike(emit, x), [-1]);
  const summed = ScatterElements(zeros, Reshape(origins, [-1]), Reshape(dy, [-1]), { axis: 0, reduction: 'add' });
  return reshapeLike(emit, summed, x);
}

/** The rule of any operator that only moves elements: of the elements' numbers it makes the places they come from. */
const moved: GradientRule = (emit, { node, x, dy }) => {
  const numbers = emit.Reshape(emit.Range(0, emit.Size(x), 1), emit.Shape(x));
  const [origins] = emit.node(node.op, [numbers, ...node.inputs.slice(1), givenAttributes(node)], 1);
  return [scatterBack(emit, origins!, dy, x, node.op === 'Slice')];
};

const slice: GradientRule = (emit, at) => {
  const around = paddingAround(emit, at);
  return around ? [emit.Pad(at.dy, around.pads, '', around.axes)] : moved(emit, at);
};

/** What surrounds the elements that a Slice takes, where they lie side by side and the sizes are known. */
function paddingAround(
  emit: Emitter,
  { x, inputs }: Application,
): { pads: number[]; axes: readonly number[] } | undefined {
  const [starts, ends, given, steps] = inputs.slice(1).map((input) => emit.integersOf(input));
  if (inputs[4] !== '' && !steps?.every((step) => step === 1)) return undefined;
  const axes = inputs[3] === '' ? starts?.map((_, axis) => axis) : given;
  if (!starts || !ends || !axes || !isStatic(starts) || !isStatic(ends) || !isStatic(axes)) return undefined;
  const sizes = axes.map((axis) => emit.shapeOf(x)?.at(axis) ?? null);
  if (!isStatic(sizes)) return undefined;
  const clamp = (bound: number, size: number) => Math.min(size, Math.max(0, bound < 0 ? bound + size : bound));
  const before = starts.map((start, index) => clamp(start, sizes[index]!));
  const after = ends.map((end, index) => sizes[index]! - Math.max(before[index]!, clamp(end, sizes[index]!)));
  return { pads: [...before, ...after], axes };
}

const pad: GradientRule = (emit, at) => {
  const [, pads, , axes] = at.inputs;
  // What is reflected or repeated goes back to where it is from; what was cut off comes back as zeros.
  if ((stringAttribute(at.node, 'mode') ?? 'constant') !== 'constant') return moved(emit, at);
  return [emit.Pad(at.dy, emit.Neg(pads), '', axes)];
};

const gather: GradientRule = (emit, at) => {
  if (intAttribute(at.node, 'axis', 0) !== 0) return moved(emit, at);
  return [emit.ScatterND(zerosLike(emit, at.x), emit.Unsqueeze(at.inputs[1], [-1]), at.dy, { reduction: 'add' })];
};

/** Of elements that were chosen along one axis by the indices that `indicesOf` finds. */
const alongAxis =
  (indicesOf: (at: Application) => string, fallback: number): GradientRule =>
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
