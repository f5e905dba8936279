/**
 * Arithmetic on concrete shapes that lowerings of all families need.
 */
import type { Node } from '../../src/graph/graph.ts';

/** Product of dimensions; 1 for none. */
export function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1);
}

/** `axis` counted from the front. Throws `RangeError` where there is no such axis. */
export function axisOf(node: Node, axis: number, rank: number): number {
  const front = axis < 0 ? axis + rank : axis;
  if (!(front >= 0 && front < rank)) throw new RangeError(`${node.op}: no axis ${axis} of ${rank}`);
  return front;
}

/** Sizes before, at and after an axis. */
export function around(shape: readonly number[], axis: number): [outer: number, count: number, inner: number] {
  return [product(shape.slice(0, axis)), shape[axis]!, product(shape.slice(axis + 1))];
}

/** Shape of the numpy-style broadcast. Throws `RangeError` where the shapes do not fit. */
export function broadcastShape(node: Node, ...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const dims = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    const dim = dims.find((each) => each !== 1) ?? 1;
    if (dims.some((each) => each !== 1 && each !== dim)) {
      throw new RangeError(`${node.op}: shapes [${shapes.join('] and [')}] do not fit`);
    }
    return dim;
  });
}

/** `shape` with dimension `axis` replaced by `dims`. */
export function withDim(shape: readonly number[], axis: number, ...dims: number[]): number[] {
  return [...shape.slice(0, axis), ...dims, ...shape.slice(axis + 1)];
}

/** 0, 1, …, `count` − 1. Throws `RangeError` for counts that no real tensor's axis has. */
export function countUp(count: number): number[] {
  if (count > LONGEST_AXIS) throw new RangeError(`an axis of size ${count}`);
  return Array.from({ length: count }, (_, at) => at);
}

const LONGEST_AXIS = 2 ** 24;
