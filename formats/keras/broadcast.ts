/**
 * Bringing values and constants to one order of axes, so that element-wise operators can take them together.
 */
import { permuted } from '../../src/graph/permute.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { withRows } from './array-order.ts';
import { featureOrder, type GraphBuilder, type KerasValue, sameOrder } from './graph-builder.ts';
import type { KerasArray } from './keras-model.ts';

/**
 * A constant that broadcasts against `value` as it is kept. `array` is aligned with the last axes of the value's shape, as
 * in NumPy, and has no more axes than that. Returns the constant's name.
 */
export function broadcastConstant(builder: GraphBuilder, what: string, array: KerasArray, value: KerasValue): string {
  const { shape } = array;
  if (array.values.length === 1) return builder.constant(what, float32Tensor([], array.values));
  if (value.flat) {
    const column = { shape: [array.values.length, 1], values: array.values };
    return builder.constant(what, float32Tensor(shape, withRows(column, featureOrder(value.flat)).values));
  }
  const rank = value.shape.length;
  const padded = [...new Array<number>(rank - shape.length).fill(1), ...shape];
  const turned = permuted(float32Tensor(padded, array.values), value.order);
  const leading = turned.shape.findIndex((size) => size !== 1);
  return builder.constant(what, { ...turned, shape: turned.shape.slice(leading) });
}

/**
 * The values in one order of axes, that of the first whose axes are not as Keras has them. All must have the same rank.
 * Flat values stay so only where all are flat alike.
 */
export function together(builder: GraphBuilder, values: readonly KerasValue[]): KerasValue[] {
  const [first] = values;
  if (values.every((value) => sameParts(value, first!))) return [...values];
  const plain = values.map((value) => (value.flat ? builder.plain(value) : value));
  const rank = first!.shape.length;
  const turned = plain.find(({ order }) => order.some((axis, index) => axis !== index));
  const order = turned?.order ?? Array.from({ length: rank }, (_, axis) => axis);
  return plain.map((value) => builder.ordered(value, order));
}

function sameParts(a: KerasValue, b: KerasValue): boolean {
  if (!sameOrder(a.order, b.order) || a.flat?.length !== b.flat?.length) return false;
  return (a.flat ?? []).every((part, index) => {
    const other = b.flat![index]!;
    return sameOrder(part.shape, other.shape) && sameOrder(part.order, other.order);
  });
}
