/**
 * Operators that pick or place elements by index (ONNX operator documentation), Gather apart. Negative indices count from the end.
 */
import { dtypeFromCode } from '../../src/graph/dtype.ts';
import { intAttribute, type Node, stringAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { SCATTER_REDUCTIONS } from '../kernels/rare-kernels.ts';
import { apply, type Expression, integer, operand, select, type Term } from '../plan/expression.ts';
import { isIntegral, sizeOf, type Value } from '../plan/value.ts';
import { gathered } from './gather.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { converted, literal } from './pointwise.ts';
import { reduced } from './reduction.ts';
import { around, axisOf, countUp, product, withDim } from './shapes.ts';
import { rowMajor } from './strided-copy.ts';

const plus = (a: Term, b: Term) => apply(Opcode.ADD_INT, a, b);
const times = (a: Term, b: Term) => apply(Opcode.MUL_INT, a, b);
const isLess = (a: Term, b: Term) => apply(Opcode.LT_INT, a, b);
/** An index counted from the front of an axis. */
const fromFront = (index: Term, size: Term) => select(isLess(index, integer(0)), plus(index, size), index);

/** Places of all elements of a strided array, in order. */
function placesOf(dims: readonly number[], strides: readonly number[]): number[] {
  const own = rowMajor(dims);
  const step = (at: number, axis: number) => (Math.floor(at / own[axis]!) % dims[axis]!) * strides[axis]!;
  return countUp(product(dims)).map((at) => dims.reduce((place, _, axis) => place + step(at, axis), 0));
}

/** int32 numbers as an operand that is broadcast over `behind` further axes. */
export function known(plan: Lowering, dims: readonly number[], numbers: readonly number[], behind = 0): Expression {
  return operand(plan.constant('int32', [...dims, ...new Array<number>(behind).fill(1)], numbers));
}

const axisAttribute = (node: Node, { shape }: Value) => axisOf(node, intAttribute(node, 'axis', 0), shape.length);

/** Places in an array of shape `shape` that elements of `indices` name along `axis`, the other coordinates being their own. */
export function elementPlaces(plan: Lowering, indices: Value, shape: readonly number[], axis: number): Value {
  const strides = rowMajor(shape);
  const [before, behind] = [indices.shape.slice(0, axis), indices.shape.slice(axis + 1)];
  const along = times(fromFront(indices, integer(shape[axis]!)), integer(strides[axis]!));
  const outer = known(plan, before, placesOf(before, strides), behind.length + 1);
  const inner = known(plan, behind, placesOf(behind, strides.slice(axis + 1)));
  return plan.elementwise('int32', indices.shape, plus(plus(along, outer), inner));
}

/** Places of the slices that the rows of `indices` name, in slices, and the number of elements of a slice. */
function slicePlaces(plan: Lowering, indices: Value, shape: readonly number[], batch: number): [Value, number] {
  const depth = indices.shape.at(-1) ?? 0;
  if (batch + depth > shape.length || batch >= indices.shape.length)
    throw new RangeError(`[${indices.shape}] in [${shape}]`);
  const inner = product(shape.slice(batch + depth));
  const strides = rowMajor(shape).map((stride) => stride / inner);
  const end = batch + depth;
  const sizes = known(plan, [depth], shape.slice(batch, end));
  const steps = known(plan, [depth], strides.slice(batch, end));
  const parts = plan.elementwise('int32', indices.shape, times(fromFront(indices, sizes), steps));
  const rank = indices.shape.length - 1;
  const sums = plan.view(reduced(plan, parts, [rank], Opcode.REDUCE_SUM), indices.shape.slice(0, -1));
  const batches = shape.slice(0, batch);
  const starts = known(plan, batches, placesOf(batches, strides), rank - batch);
  return [plan.elementwise('int32', sums.shape, plus(sums, starts)), inner];
}

const gatherElements: Lower = (plan, node, [x, indices]) => {
  const places = elementPlaces(plan, indices!, x!.shape, axisAttribute(node, x!));
  return [gathered(plan, x!, places, indices!.shape, [1, sizeOf(x!), 1])];
};

const gatherND: Lower = (plan, node, [x, indices]) => {
  const { shape } = x!;
  const batch = intAttribute(node, 'batch_dims', 0);
  const [places, inner] = slicePlaces(plan, indices!, shape, batch);
  const result = [...places.shape, ...shape.slice(batch + indices!.shape.at(-1)!)];
  return [gathered(plan, x!, places, result, [1, sizeOf(x!) / inner, inner])];
};

/** A copy of `x` with `updates` put, or taken into account, at `places`, which count slices of `inner` elements. */
function scattered(plan: Lowering, node: Node, x: Value, places: Value, updates: Value, inner: number): Value {
  const source = plan.buffer(x);
  const count = sizeOf(places);
  const [at, rows] = [plan.buffer(places), plan.buffer(plan.view(updates, [count, inner]))];
  const result = plan.tensor(x.dtype, x.shape);
  const target = plan.buffer(result);
  const size = sizeOf(x);
  plan.step('copy', plan.table([1, 0, 0, size, 1, 1]), source, target);
  const reduction = SCATTER_REDUCTIONS.indexOf(stringAttribute(node, 'reduction') ?? 'none');
  const integers = isIntegral(x.dtype) ? 1 : 0;
  plan.step('scatter', reduction, integers, at, rows, target, count, inner, size / inner);
  return result;
}

const scatterElements: Lower = (plan, node, [x, indices, updates]) => [
  scattered(plan, node, x!, elementPlaces(plan, indices!, x!.shape, axisAttribute(node, x!)), updates!, 1),
];

const scatterND: Lower = (plan, node, [x, indices, updates]) => {
  const [places, inner] = slicePlaces(plan, indices!, x!.shape, 0);
  return [scattered(plan, node, x!, places, updates!, inner)];
};

const oneHot: Lower = (plan, node, inputs) => {
  const [indices, depth, values] = inputs as [Value, Value, Value];
  const { dtype, shape } = indices;
  const axis = axisOf(node, intAttribute(node, 'axis', -1), shape.length + 1);
  const count = plan.numbers(depth)[0]!;
  const [off, on] = plan.numbers(values).map((value) => literal(values.dtype, value));
  const column = plan.view(indices, [...shape.slice(0, axis), 1, ...shape.slice(axis)]);
  const index = fromFront(converted(column, dtype, 'int32'), integer(count));
  const isPlace = apply(Opcode.EQ_INT, index, known(plan, [count], countUp(count), shape.length - axis));
  return [plan.elementwise(values.dtype, withDim(column.shape, axis, count), select(isPlace, on!, off!))];
};

const cumSum: Lower = (plan, node, [x, given]) => {
  const { dtype, shape } = x!;
  const axis = axisOf(node, plan.numbers(given!)[0]!, shape.length);
  const flags = ['exclusive', 'reverse'].map((name) => intAttribute(node, name, 0)) as [number, number];
  const source = plan.buffer(x!);
  const result = plan.tensor(dtype, shape);
  const integers = isIntegral(dtype) ? 1 : 0;
  plan.step('cumulativeSum', integers, source, result, ...around(shape, axis), ...flags);
  return [result];
};

/** Zeros above or below the k-th diagonal. */
const trilu: Lower = (plan, node, [x, given]) => {
  const { dtype, shape } = x!;
  const [rows, columns] = shape.slice(-2) as [number, number];
  const k = given ? plan.numbers(given)[0]! : 0;
  const row = known(
    plan,
    [rows],
    countUp(rows).map((at) => at + k),
    1,
  );
  const column = known(plan, [columns], countUp(columns));
  const isKept = apply(Opcode.LE_INT, ...(intAttribute(node, 'upper', 1) === 1 ? [row, column] : [column, row]));
  return [plan.elementwise(dtype, shape, select(isKept, x!, literal(dtype, 0)))];
};

const eyeLike: Lower = (plan, node, [x]) => {
  const [rows, columns] = x!.shape as [number, number];
  const dtype = dtypeFromCode(intAttribute(node, 'dtype', 0)) ?? x!.dtype;
  const k = intAttribute(node, 'k', 0);
  const row = known(
    plan,
    [rows],
    countUp(rows).map((at) => at + k),
    1,
  );
  const isDiagonal = apply(Opcode.EQ_INT, row, known(plan, [columns], countUp(columns)));
  return [plan.elementwise(dtype, x!.shape, converted(isDiagonal, 'bool', dtype))];
};

const reverseSequence: Lower = (plan, node, [x, lengths]) => {
  const { shape } = x!;
  const [first, second] = shape as [number, number];
  const isTimeFirst = intAttribute(node, 'time_axis', 0) === 0;
  const axis = (isTime: boolean) => {
    const isFirst = isTime === isTimeFirst;
    return known(plan, isFirst ? [first] : [second], countUp(isFirst ? first : second), isFirst ? 1 : 0);
  };
  const [batch, time] = [axis(false), axis(true)];
  const length = operand(plan.view(lengths!, isTimeFirst ? [second] : [first, 1]));
  const back = apply(Opcode.SUB_INT, apply(Opcode.SUB_INT, length, integer(1)), time);
  const moved = select(isLess(time, length), back, time);
  const [slow, fast] = isTimeFirst ? [moved, batch] : [batch, moved];
  const places = plan.elementwise('int32', [first, second], plus(times(slow, integer(second)), fast));
  return [gathered(plan, x!, places, shape, [1, first * second, product(shape.slice(2))])];
};

const compress: Lower = (plan, node, [x, condition]) => {
  const given = intAttribute(node, 'axis');
  const shape = given === undefined ? [sizeOf(x!)] : x!.shape;
  const axis = axisOf(node, given ?? 0, shape.length);
  const kept = plan.numbers(condition!).flatMap((flag, at) => (flag ? [at] : []));
  const indices = plan.constant('int32', [kept.length], kept);
  return [gathered(plan, x!, indices, withDim(shape, axis, kept.length), around(shape, axis))];
};

const nonZero: Lower = (plan, _node, [x]) => {
  const places = plan.numbers(x!).flatMap((element, at) => (element ? [at] : []));
  const strides = rowMajor(x!.shape);
  const coordinates = x!.shape.flatMap((dim, axis) => places.map((at) => Math.floor(at / strides[axis]!) % dim));
  return [plan.constant('int64', [x!.shape.length, places.length], coordinates)];
};

/** Distinct elements, or slices along an axis, by order or by first place. */
const unique: Lower = (plan, node, [x]) => {
  const numbers = plan.numbers(x!);
  const given = intAttribute(node, 'axis');
  const shape = given === undefined ? [numbers.length] : x!.shape;
  const axis = axisOf(node, given ?? 0, shape.length);
  const [outer, count, inner] = around(shape, axis);
  const groups = new Map<string, { slice: number[]; places: number[] }>();
  for (const place of countUp(count)) {
    const slice = placesOf([outer, inner], [count * inner, 1]).map((at) => numbers[at + place * inner]!);
    const group = groups.get(slice.join()) ?? { slice, places: [] };
    group.places.push(place);
    groups.set(slice.join(), group);
  }
  const found = [...groups.values()];
  if (intAttribute(node, 'sorted', 1) === 1) {
    const order = (a: readonly number[], b: readonly number[]) => {
      const at = a.findIndex((element, index) => element !== b[index]);
      return a[at]! - b[at]!;
    };
    found.sort((a, b) => order(a.slice, b.slice));
  }
  const inverse = new Array<number>(count);
  for (const [at, { places }] of found.entries()) for (const place of places) inverse[place] = at;
  const vector = (elements: readonly number[]) => plan.constant('int64', [elements.length], elements);
  const firsts = found.map(({ places }) => places[0]!);
  const whole = countUp(outer).flatMap((o) => found.flatMap(({ slice }) => slice.slice(o * inner, (o + 1) * inner)));
  return [
    plan.constant(x!.dtype, withDim(shape, axis, found.length), whole),
    vector(firsts),
    vector(inverse),
    vector(found.map(({ places }) => places.length)),
  ];
};

export const INDEXING_OPERATORS: Operators = {
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  OneHot: oneHot,
  CumSum: cumSum,
  Trilu: trilu,
  EyeLike: eyeLike,
  ReverseSequence: reverseSequence,
  Compress: compress,
  NonZero: nonZero,
  Unique: unique,
};
