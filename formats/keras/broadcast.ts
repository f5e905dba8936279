/**
 * Bringing values and constants to one order of axes, so that element-wise operators can take them together.
 */
import type { Dim } from '../../src/graph/graph.ts';
import { permuted } from '../../src/graph/permute.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { withRows } from './array-order.ts';
import { featureOrder, type GraphBuilder, identity, type KerasValue, sameOrder } from './graph-builder.ts';
import type { KerasArray, KerasLayer } from './keras-model.ts';
import { layerError } from './layer-rule.ts';
import { shapeText } from './sizes.ts';

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
  const order = turned?.order ?? identity(rank);
  return plain.map((value) => builder.ordered(value, order));
}

/** The values with as many axes as the one with the most: sizes of 1 are put in before axis `at`. */
export function sameRank(builder: GraphBuilder, values: readonly KerasValue[], at: number): KerasValue[] {
  const rank = Math.max(...values.map(({ shape }) => shape.length));
  return values.map((given) => {
    const missing = rank - given.shape.length;
    if (missing === 0) return given;
    const value = builder.plain(given);
    const shape: Dim[] = [...value.shape];
    shape.splice(at, 0, ...new Array<number>(missing).fill(1));
    const axes = Array.from({ length: missing }, (_, index) => at + index);
    const name = builder.emit('Unsqueeze', [value.name, builder.integers('axes', axes)]);
    return { ...value, name, shape, order: identity(rank) };
  });
}

/** The shape of two values of one rank together, of which sizes of 1 are repeated. Throws `FormatError`. */
export function broadcastShape(layer: KerasLayer, a: readonly Dim[], b: readonly Dim[]): Dim[] {
  return a.map((size, axis) => {
    const other = b[axis]!;
    if (size === other || other === 1) return size;
    if (size === 1) return other;
    if (typeof size !== 'number') return typeof other === 'number' ? other : null;
    if (typeof other !== 'number') return size;
    throw layerError(layer, `is given values of shapes ${shapeText(a)} and ${shapeText(b)}, which do not go together`);
  });
}

function sameParts(a: KerasValue, b: KerasValue): boolean {
  if (!sameOrder(a.order, b.order) || a.flat?.length !== b.flat?.length) return false;
  return (a.flat ?? []).every((part, index) => {
    const other = b.flat![index]!;
    return sameOrder(part.shape, other.shape) && sameOrder(part.order, other.order);
  });
}
