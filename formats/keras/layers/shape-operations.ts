/**
 * Operations that move elements about, as they stand in a model where somebody wrote `x[:, 0]` or `ops.reshape(x, …)`. The
 * names are those of Keras 3's classes.
 */
import type { Dim } from '../../../src/graph/graph.ts';
import { identity, int, type KerasValue } from '../graph-builder.ts';
import { axisOf } from '../layer-config.ts';
import {
  type AppliedLayer,
  knownSize,
  type LayerRows,
  layerError,
  type Rule,
  unsupportedLayer,
} from '../layer-rule.ts';
import { integersOf, operand, parameter } from '../operation.ts';
import { shapeText } from '../sizes.ts';
import { permutedAxes } from './reshape.ts';

/** The value with its features, where it has them flattened, as Keras has them. */
const unflattened = ({ builder }: AppliedLayer, value: KerasValue) => (value.flat ? builder.plain(value) : value);

const transpose: Rule = (applied) => {
  const value = unflattened(applied, operand(applied));
  const rank = value.shape.length;
  const axes = (integersOf(applied, 'axes', 'perm') ?? identity(rank).reverse()).map((axis) =>
    axisOf(applied.layer, 'axes', axis, rank),
  );
  if (axes.length === rank && new Set(axes).size === rank) return permutedAxes(value, axes);
  throw layerError(applied.layer, `has axes [${axes}], expected those of a value with ${rank} axes`);
};

const expandDims: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = builder.plain(operand(applied));
  const rank = value.shape.length + 1;
  const axes = (integersOf(applied, 'axis') ?? []).map((axis) => axisOf(layer, 'axis', axis, rank));
  if (axes.length !== 1) throw layerError(layer, `adds ${axes.length} axes, expected 1`);
  const name = builder.emit('Unsqueeze', [value.name, builder.integers('axes', axes)]);
  return { ...value, name, shape: value.shape.toSpliced(axes[0]!, 0, 1), order: identity(rank) };
};

/** Axes of size 1 may lie anywhere. */
const squeeze: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = unflattened(applied, operand(applied));
  const { shape, order } = value;
  const given = integersOf(applied, 'axis', 'axes')?.map((axis) => axisOf(layer, 'axis', axis, shape.length));
  const axes = given ?? [...shape.keys()].filter((axis) => shape[axis] === 1);
  if (axes.some((axis) => shape[axis] !== 1)) {
    throw layerError(layer, `takes away axes [${axes}] of ${shapeText(shape)}, which have not the size 1`);
  }
  const places = axes.map((axis) => order.indexOf(axis)).sort((a, b) => a - b);
  const name = builder.emit('Squeeze', [value.name, builder.integers('axes', places)]);
  const left = [...shape.keys()].filter((axis) => !axes.includes(axis));
  const kept = order.filter((axis) => left.includes(axis)).map((axis) => left.indexOf(axis));
  return { name, dtype: value.dtype, shape: left.map((axis) => shape[axis]!), order: kept };
};

/** More than any size: a slice ends at the end. */
const END = 2 ** 31 - 1;

/** One place in the brackets of `x[…]`. */
type Subscript = number | 'ellipsis' | { readonly start: number; readonly stop: number; readonly isOpen: boolean };

function subscriptOf(applied: AppliedLayer, given: unknown): Subscript {
  const { layer } = applied;
  if (Number.isSafeInteger(given)) return given as number;
  const { class_name: className, config, ...plain } = (given ?? {}) as Record<string, unknown>;
  if (className === '__ellipsis__' || given === '...') return 'ellipsis';
  const { start, stop, step } = (config ?? plain) as Record<string, unknown>;
  const isIndex = (value: unknown) => value === null || value === undefined || Number.isSafeInteger(value);
  const isSlice = className === '__slice__' || (className === undefined && 'stop' in plain);
  if (!isSlice || ![start, stop, step].every(isIndex) || (step ?? 1) !== 1) {
    throw unsupportedLayer(
      layer,
      `takes ${JSON.stringify(given)?.slice(0, 60)} of an axis: only places and plain ranges can be read`,
    );
  }
  const isOpen = (start ?? 0) === 0 && (stop ?? undefined) === undefined;
  return { start: (start ?? 0) as number, stop: (stop ?? END) as number, isOpen };
}

/** One subscript for each axis: those that were left out, at the ellipsis or at the end, take all of their axis. */
function subscriptsOf(applied: AppliedLayer, rank: number): Subscript[] {
  const { args, layer } = applied;
  const second = args[1]?.kind === 'constant' ? args[1].value : undefined;
  const given = parameter(applied, 'slice_spec', 'key') ?? second;
  const subscripts = (Array.isArray(given) ? given : [given]).map((each) => subscriptOf(applied, each));
  const dots = subscripts.indexOf('ellipsis');
  const written = subscripts.length - (dots < 0 ? 0 : 1);
  if (written > rank) throw layerError(layer, `has ${written} subscripts, its input ${rank} axes`);
  const whole = new Array<Subscript>(rank - written).fill({ start: 0, stop: END, isOpen: true });
  return dots < 0 ? [...subscripts, ...whole] : subscripts.toSpliced(dots, 1, ...whole);
}

/** `x[…]` with places and ranges: a slice of all ranges, then what is at each place. */
const getItem: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = unflattened(applied, operand(applied));
  const { shape, order } = value;
  const subscripts = subscriptsOf(applied, shape.length);
  const sizes: Dim[] = [...shape];
  const [starts, ends, axes]: number[][] = [[], [], []];
  subscripts.forEach((each, axis) => {
    if (typeof each !== 'object' || each.isOpen) return;
    const size = shape[axis]!;
    sizes[axis] = typeof size === 'number' ? rangeSize(each.start, each.stop, size) : null;
    if (sizes[axis] === 0) throw layerError(layer, `takes nothing of an axis of ${size}`);
    starts!.push(each.start);
    ends!.push(each.stop);
    axes!.push(order.indexOf(axis));
  });
  let { name } = value;
  if (axes!.length > 0) {
    const bounds = [builder.integers('starts', starts!), builder.integers('ends', ends!)];
    name = builder.emit('Slice', [name, ...bounds, builder.integers('axes', axes!)]);
  }
  let kept = [...order];
  subscripts.forEach((place, axis) => {
    if (typeof place !== 'number') return;
    const size = knownSize(layer, value, axis);
    if (place >= size || place < -size) throw layerError(layer, `takes place ${place} of an axis of ${size}`);
    const at = kept.indexOf(axis);
    const picked = builder.emit('Gather', [name, builder.integers('place', [place])], { axis: int(at) });
    name = builder.emit('Squeeze', [picked, builder.integers('axes', [at])]);
    kept = kept.toSpliced(at, 1);
  });
  const left = [...kept].sort((a, b) => a - b);
  const result = left.map((axis) => sizes[axis]!);
  return { name, dtype: value.dtype, shape: result, order: kept.map((axis) => left.indexOf(axis)) };
};

/** How many places a range of an axis of `size` has; negative ends are counted from its end. */
function rangeSize(start: number, stop: number, size: number): number {
  const from = Math.max(start < 0 ? start + size : start, 0);
  const to = Math.min(stop < 0 ? stop + size : stop, size);
  return Math.max(to - from, 0);
}

export const SHAPE_OPERATIONS: LayerRows = {
  Transpose: { rule: transpose },
  ExpandDims: { rule: expandDims },
  Squeeze: { rule: squeeze },
  GetItem: { rule: getItem, note: 'places and ranges without steps' },
  SlicingOpLambda: { rule: getItem, note: 'places and ranges without steps' },
};
