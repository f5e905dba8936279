/**
 * Shapes of operators that move elements about: reshaping, slicing, joining, indexing, and the making of tensors from
 * shapes.
 */
import { dtypeFromCode } from '../dtype.ts';
import type { Dim } from '../graph.ts';
import {
  add,
  allFromFront,
  broadcast,
  fromFront,
  multiply,
  product,
  quotient,
  type Shape,
  unknownDims,
  withDim,
} from './dims.ts';
import {
  type Application,
  dtypeOf,
  int,
  ints,
  isGiven,
  type Rule,
  type Rules,
  shapeOf,
  string,
  typed,
} from './rule.ts';

/** A rule for one output of the first input's type, given the first input's known shape. */
const reshaping =
  (shape: (input: Shape, at: Application) => Shape | undefined): Rule =>
  (at) => {
    const input = shapeOf(at, 0);
    return [typed(dtypeOf(at, 0), input && shape(input, at))];
  };

/** No real tensor has more axes; a file may claim so. */
const MOST_AXES = 64;

/** Unknown dimensions, as many as input `index` (1-D) has elements. */
function ranked(at: Application, index: number): Shape | undefined {
  const count = shapeOf(at, index)?.[0];
  return typeof count === 'number' && count <= MOST_AXES ? unknownDims(count) : undefined;
}

const reshape: Rule = (at) => {
  const target = at.integers(1);
  const input = shapeOf(at, 0);
  if (!target) return [typed(dtypeOf(at, 0), ranked(at, 1))];
  const keepsZero = int(at, 'allowzero', 0) === 1;
  const dims = target.map((dim, axis): Dim => (dim === 0 && !keepsZero ? (input?.[axis] ?? null) : dim));
  const open = dims.flatMap((dim, axis) => (dim === -1 || dim === null ? [axis] : []));
  if (open.length === 1) {
    const axis = open[0]!;
    dims[axis] = input ? quotient(input, dims.toSpliced(axis, 1)) : null;
  }
  return [
    typed(
      dtypeOf(at, 0),
      dims.map((dim) => (typeof dim === 'number' && dim < 0 ? null : dim)),
    ),
  ];
};

const transpose = reshaping((input, at) => {
  const perm = ints(at, 'perm') ?? input.map((_, axis) => input.length - 1 - axis);
  return perm.length === input.length ? perm.map((axis) => input[axis] ?? null) : undefined;
});

const flatten = reshaping((input, at) => {
  const axis = int(at, 'axis', 1);
  const front = axis < 0 ? axis + input.length : axis;
  return [product(input.slice(0, front)), product(input.slice(front))];
});

const squeeze = reshaping((input, at) => {
  if (!isGiven(at, 1))
    return input.every((dim) => typeof dim === 'number') ? input.filter((dim) => dim !== 1) : undefined;
  const axes = allFromFront(at.integers(1) ?? [null], input.length);
  return axes && input.filter((_, axis) => !axes.includes(axis));
});

const unsqueeze = reshaping((input, at) => {
  const given = at.integers(1);
  const axes = given && allFromFront(given, input.length + given.length);
  if (!axes) return undefined;
  const rest = [...input];
  return Array.from({ length: input.length + axes.length }, (_, axis) => (axes.includes(axis) ? 1 : rest.shift()!));
});

const concat: Rule = (at) => {
  const shapes = at.inputs.map((input) => input?.shape);
  const known = shapes.filter((shape) => shape !== undefined);
  const dtype = at.inputs.find((input) => input)?.dtype;
  const rank = known[0]?.length;
  const axis = rank === undefined ? undefined : fromFront(int(at, 'axis', 0), rank);
  if (rank === undefined || axis === undefined || known.some((shape) => shape.length !== rank))
    return [typed(dtype, undefined)];
  const shape = unknownDims(rank).map((_, index): Dim => {
    if (index === axis)
      return shapes.reduce<Dim>((sum, each) => (sum === null ? null : add(sum, each?.[axis] ?? null)), 0);
    const dims = known.map((each) => each[index]!);
    return dims.find((dim) => typeof dim === 'number') ?? dims.find((dim) => dim !== null) ?? null;
  });
  return [typed(dtype, shape)];
};

const split: Rule = (at) => {
  const input = shapeOf(at, 0);
  const dtype = dtypeOf(at, 0);
  const axis = input && fromFront(int(at, 'axis', 0), input.length);
  const count = at.node.outputs.length;
  const sizes = isGiven(at, 1) ? at.integers(1) : undefined;
  if (!input || axis === undefined) return at.node.outputs.map(() => typed(dtype, undefined));
  const whole = input[axis]!;
  return at.node.outputs.map((_, index) => {
    if (sizes || isGiven(at, 1)) return typed(dtype, withDim(input, axis, sizes?.[index] ?? null));
    if (typeof whole !== 'number') return typed(dtype, withDim(input, axis, null));
    const part = Math.ceil(whole / count);
    return typed(dtype, withDim(input, axis, Math.max(0, Math.min(part, whole - index * part))));
  });
};

/** Elements that a slice from `start` to `end` takes of an axis of size `size`. */
export function sliceRange(size: number, start: number, end: number, step: number): { from: number; count: number } {
  const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + size : at, low), high);
  const [low, high] = step < 0 ? [-1, size - 1] : [0, size];
  const from = step < 0 ? clamp(start, 0, size - 1) : clamp(start, 0, size);
  const to = clamp(end, low, high);
  return { from, count: Math.max(0, Math.ceil((to - from) / step)) };
}

const slice = reshaping((input, at) => {
  const starts = at.integers(1);
  const ends = at.integers(2);
  const given = isGiven(at, 3) ? at.integers(3) : starts?.map((_, index) => index);
  const steps = isGiven(at, 4) ? at.integers(4) : starts?.map(() => 1);
  const axes = given && allFromFront(given, input.length);
  if (!axes) return unknownDims(input.length);
  const dims = [...input];
  axes.forEach((axis, index) => {
    const [size, start, end, step] = [input[axis]!, starts?.[index], ends?.[index], steps?.[index]];
    const fixed = typeof start === 'number' && typeof end === 'number' && typeof step === 'number' && step !== 0;
    if (fixed && typeof size === 'number') dims[axis] = sliceRange(size, start, end, step).count;
    else if (!(start === 0 && step === 1 && (end === Number.MAX_SAFE_INTEGER || (end !== null && end === size))))
      dims[axis] = null;
  });
  return dims;
});

const pad = reshaping((input, at) => {
  const pads = at.integers(1);
  const given = isGiven(at, 3) ? at.integers(3) : input.map((_, axis) => axis);
  const axes = given && allFromFront(given, input.length);
  if (!pads || !axes) return unknownDims(input.length);
  const dims = [...input];
  axes.forEach((axis, index) => {
    const extra = add(pads[index] ?? null, pads[index + axes.length] ?? null);
    dims[axis] = typeof extra === 'number' ? add(input[axis]!, extra) : null;
  });
  return dims;
});

const expand: Rule = (at) => {
  const target = at.integers(1) ?? ranked(at, 1);
  return [typed(dtypeOf(at, 0), broadcast([shapeOf(at, 0), target]))];
};

const tile = reshaping((input, at) => {
  const repeats = at.integers(1);
  return input.map((dim, axis) => multiply(dim, repeats?.[axis] ?? null));
});

const gather = reshaping((input, at) => {
  const axis = fromFront(int(at, 'axis', 0), input.length);
  const indices = shapeOf(at, 1);
  return axis === undefined || !indices ? undefined : input.toSpliced(axis, 1, ...indices);
});

const gatherND = reshaping((input, at) => {
  const indices = shapeOf(at, 1);
  const depth = indices?.at(-1);
  const batch = int(at, 'batch_dims', 0);
  return typeof depth === 'number' ? [...indices!.slice(0, -1), ...input.slice(batch + depth)] : undefined;
});

/** A shape given as the elements of input 0. */
const constantOfShape: Rule = (at) => {
  const value = at.node.attributes.get('value');
  const dtype = value === undefined ? 'float32' : value.type === 'tensor' ? value.value.dtype : undefined;
  return [typed(dtype, at.integers(0) ?? ranked(at, 0))];
};

const random: Rule = (at) => [typed(dtypeFromCode(int(at, 'dtype', 1)), ints(at, 'shape'))];

const shape: Rule = (at) => {
  const rank = shapeOf(at, 0)?.length;
  if (rank === undefined) return [{ dtype: 'int64', shape: [null] }];
  const clamp = (axis: number) => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  const count = clamp(int(at, 'end', rank)) - clamp(int(at, 'start', 0));
  return [{ dtype: 'int64', shape: [Math.max(0, count)] }];
};

const range: Rule = (at) => {
  const [start, limit, delta] = [0, 1, 2].map((index) => at.integers(index)?.[0]);
  const known = typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number' && delta !== 0;
  return [typed(dtypeOf(at, 0), [known ? Math.max(0, Math.ceil((limit - start) / delta)) : null])];
};

const oneHot: Rule = (at) => {
  const indices = shapeOf(at, 0);
  const axis = indices && fromFront(int(at, 'axis', -1), indices.length + 1);
  const depth = at.integers(1)?.[0] ?? null;
  const known = typeof depth === 'number' && depth >= 0 ? depth : null;
  return [typed(dtypeOf(at, 2), axis === undefined ? undefined : indices!.toSpliced(axis, 0, known))];
};

const compress = reshaping((input, at) => {
  if (!at.node.attributes.has('axis')) return [null];
  const axis = fromFront(int(at, 'axis', 0), input.length);
  return axis === undefined ? undefined : withDim(input, axis, null);
});

const unique: Rule = (at) => {
  const input = shapeOf(at, 0);
  const axis = at.node.attributes.has('axis') ? input && fromFront(int(at, 'axis', 0), input.length) : undefined;
  const flat = !at.node.attributes.has('axis');
  const first = flat ? [null] : input && axis !== undefined ? withDim(input, axis, null) : undefined;
  const indices = typed('int64', [null]);
  return [typed(dtypeOf(at, 0), first), indices, indices, indices];
};

const topK: Rule = (at) => {
  const input = shapeOf(at, 0);
  const axis = input && fromFront(int(at, 'axis', -1), input.length);
  const dims = axis === undefined ? undefined : withDim(input!, axis, at.integers(1)?.[0] ?? null);
  return [typed(dtypeOf(at, 0), dims), typed('int64', dims)];
};

const centerCropPad = reshaping((input, at) => {
  const target = at.integers(1);
  const axes = allFromFront(ints(at, 'axes') ?? input.map((_, axis) => axis), input.length);
  if (!axes) return undefined;
  return input.map((dim, axis) => {
    const place = axes.indexOf(axis);
    return place < 0 ? dim : (target?.[place] ?? null);
  });
});

const nonZero: Rule = (at) => [typed('int64', [shapeOf(at, 0)?.length ?? null, null])];

export const LAYOUT_RULES: Rules = {
  Reshape: reshape,
  Transpose: transpose,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Expand: expand,
  Tile: tile,
  Gather: gather,
  GatherElements: (at) => [typed(dtypeOf(at, 0), shapeOf(at, 1))],
  GatherND: gatherND,
  ConstantOfShape: constantOfShape,
  RandomNormal: random,
  RandomUniform: random,
  Shape: shape,
  Size: () => [{ dtype: 'int64', shape: [] }],
  Range: range,
  OneHot: oneHot,
  Compress: compress,
  Unique: unique,
  TopK: topK,
  CenterCropPad: centerCropPad,
  NonZero: nonZero,
  NonMaxSuppression: () => [{ dtype: 'int64', shape: [null, 3] }],
  ImageDecoder: (at) => [{ dtype: 'uint8', shape: [null, null, string(at, 'pixel_format') === 'Grayscale' ? 1 : 3] }],
  // The last axis loses its stop words.
  StringNormalizer: reshaping((input) => [...input.slice(0, -1), null]),
  StringSplit: (at) => {
    const input = shapeOf(at, 0);
    return [typed('string', input && [...input, null]), typed('int64', input)];
  },
};
