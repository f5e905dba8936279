/**
 * Elements of small integer tensors, followed through the operators that exporters compute shapes with, so that a
 * symbolic size keeps its name on the way from Shape to Reshape.
 */
import type { Dim } from '../graph.ts';
import { toNumbers } from '../numbers.ts';
import { add, multiply, product, type Shape } from './dims.ts';
import { sliceRange } from './layout.ts';
import { type Application, dtypeOf, int, isGiven, shapeOf } from './rule.ts';

/** More elements than any shape has; larger tensors are not followed. */
export const MOST_INTEGERS = 256;

/** Elements of the first output in order, or `undefined` where they are not known. */
type IntegerRule = (application: Application) => Shape | undefined;

/** Element by element, where one side may be a single number. */
const pairwise =
  (combine: (a: Dim, b: Dim) => Dim): IntegerRule =>
  (at) => {
    const [a, b] = [at.integers(0), at.integers(1)];
    if (!a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1)) return undefined;
    const count = a.length === 0 || b.length === 0 ? 0 : Math.max(a.length, b.length);
    return Array.from({ length: count }, (_, index) => combine(a[index % a.length]!, b[index % b.length]!));
  };

const onNumbers =
  (combine: (a: number, b: number) => number) =>
  (a: Dim, b: Dim): Dim => {
    const result = typeof a === 'number' && typeof b === 'number' ? combine(a, b) : null;
    return Number.isSafeInteger(result) ? result : null;
  };

const same: IntegerRule = (at) => at.integers(0);

/** The shape of the data, cut by `start` and `end`. */
const shape: IntegerRule = (at) => {
  const end = at.node.attributes.has('end') ? int(at, 'end', 0) : undefined;
  return shapeOf(at, 0)?.slice(int(at, 'start', 0), end);
};

const size: IntegerRule = (at) => {
  const dims = shapeOf(at, 0);
  return dims && [product(dims)];
};

/** Of a 1-D tensor, which is all that shape arithmetic needs. */
const gather: IntegerRule = (at) => {
  const [data, indices] = [at.integers(0), at.integers(1)];
  if (!data || !indices || shapeOf(at, 0)?.length !== 1) return undefined;
  return indices.map((index) => (typeof index === 'number' ? (data.at(index) ?? null) : null));
};

const concat: IntegerRule = (at) => {
  const parts = at.inputs.map((_, index) => at.integers(index));
  return parts.every((part) => part !== undefined) && shapeOf(at, 0)?.length === 1 ? parts.flat() : undefined;
};

const slice: IntegerRule = (at) => {
  const data = at.integers(0);
  const [start, end] = [at.integers(1)?.[0], at.integers(2)?.[0]];
  const step = isGiven(at, 4) ? at.integers(4)?.[0] : 1;
  if (!data || shapeOf(at, 0)?.length !== 1) return undefined;
  if (typeof start !== 'number' || typeof end !== 'number' || typeof step !== 'number' || step === 0) return undefined;
  const { from, count } = sliceRange(data.length, start, end, step);
  return Array.from({ length: count }, (_, index) => data[from + index * step]!);
};

const constantOfShape: IntegerRule = (at) => {
  const count = product(at.integers(0) ?? [null]);
  const value = at.node.attributes.get('value');
  if (typeof count !== 'number' || count < 0 || count > MOST_INTEGERS || value?.type !== 'tensor') return undefined;
  if (value.value.dtype !== 'int64' && value.value.dtype !== 'int32') return undefined;
  return new Array<Dim>(count).fill(toNumbers(value.value)[0] ?? null);
};

/** Only between integers: a float's fraction would be lost. */
const cast: IntegerRule = (at) => {
  const dtype = dtypeOf(at, 0);
  return dtype === 'int64' || dtype === 'int32' ? at.integers(0) : undefined;
};

const reduceProd: IntegerRule = (at) => {
  const data = at.integers(0);
  return data && shapeOf(at, 0)?.length === 1 ? [product(data)] : undefined;
};

/** Numbers compare; a name is only ever certain to equal itself and to differ from a negative number. */
const equal: IntegerRule = pairwise((a, b) => {
  if (a === null || b === null) return null;
  if (a === b) return 1;
  if (typeof a === 'number' && typeof b === 'number') return 0;
  return (typeof a === 'number' && a < 0) || (typeof b === 'number' && b < 0) ? 0 : null;
});

const where: IntegerRule = (at) => {
  const [condition, a, b] = [at.integers(0), at.integers(1), at.integers(2)];
  if (!condition || !a || !b) return undefined;
  const count = Math.max(condition.length, a.length, b.length);
  if ([condition, a, b].some((part) => part.length !== count && part.length !== 1)) return undefined;
  return Array.from({ length: count }, (_, index) => {
    const chosen = condition[index % condition.length]!;
    const [yes, no] = [a[index % a.length]!, b[index % b.length]!];
    return chosen === 1 ? yes : chosen === 0 ? no : null;
  });
};

const division = onNumbers((a, b) => (b === 0 ? Number.NaN : Math.trunc(a / b)));

export const INTEGER_RULES: Readonly<Record<string, IntegerRule>> = {
  Shape: shape,
  Size: size,
  Identity: same,
  Reshape: same,
  Squeeze: same,
  Unsqueeze: same,
  Cast: cast,
  Gather: gather,
  Concat: concat,
  Slice: slice,
  ConstantOfShape: constantOfShape,
  ReduceProd: reduceProd,
  Equal: equal,
  Where: where,
  Add: pairwise((a, b) => add(a, b)),
  Sub: pairwise((a, b) => (b === 0 ? a : onNumbers((x, y) => x - y)(a, b))),
  Mul: pairwise((a, b) => multiply(a, b)),
  Div: pairwise((a, b) => (b === 1 ? a : division(a, b))),
  Min: pairwise(onNumbers(Math.min)),
  Max: pairwise(onNumbers(Math.max)),
};
