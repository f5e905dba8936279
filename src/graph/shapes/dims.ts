/**
 * Arithmetic on dimensions that may be symbolic (`'N'`) or unknown (`null`). Every result is either certain or `null`.
 */
import type { DType } from '../dtype.ts';
import type { Dim } from '../graph.ts';

/** What is known of a tensor value; `shape` is absent where not even the rank is known. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape?: readonly Dim[];
}

export type Shape = readonly Dim[];

/** `a · b`. */
export function multiply(a: Dim, b: Dim): Dim {
  if (a === 0 || b === 0) return 0;
  if (a === 1) return b;
  if (b === 1) return a;
  return typeof a === 'number' && typeof b === 'number' ? a * b : null;
}

/** `a + b`. */
export function add(a: Dim, b: Dim): Dim {
  if (a === 0) return b;
  if (b === 0) return a;
  return typeof a === 'number' && typeof b === 'number' ? a + b : null;
}

/** Number of elements of `dims`. */
export function product(dims: Shape): Dim {
  return dims.reduce<Dim>(multiply, 1);
}

/** `(a · b · …) / (c · d · …)` where it is certain, for the one dimension that a reshape leaves open. */
export function quotient(dividend: Shape, divisor: Shape): Dim {
  let above = 1;
  let below = 1;
  const symbols: string[] = [];
  for (const dim of dividend) {
    if (dim === null) return null;
    if (typeof dim === 'number') above *= dim;
    else symbols.push(dim);
  }
  for (const dim of divisor) {
    if (dim === null) return null;
    if (typeof dim === 'number') below *= dim;
    else {
      const at = symbols.indexOf(dim);
      if (at < 0) return null;
      symbols.splice(at, 1);
    }
  }
  if (!Number.isSafeInteger(above) || below === 0 || above % below !== 0) return null;
  if (symbols.length === 0) return above / below;
  return symbols.length === 1 && above === below ? symbols[0]! : null;
}

/** One dimension of the result of numpy-style broadcasting; `undefined` where the two contradict each other. */
function broadcastDim(a: Dim, b: Dim): Dim | undefined {
  if (a === b) return a;
  if (a === 1) return b;
  if (b === 1) return a;
  if (typeof a === 'number') return typeof b === 'number' ? undefined : a;
  return typeof b === 'number' ? b : null;
}

/** Shape of the numpy-style broadcast of `shapes`; `undefined` where one is unknown or they do not fit. */
export function broadcast(shapes: readonly (Shape | undefined)[]): Dim[] | undefined {
  let result: Dim[] = [];
  for (const shape of shapes) {
    if (!shape) return undefined;
    const rank = Math.max(result.length, shape.length);
    const next: Dim[] = [];
    for (let axis = 1; axis <= rank; axis++) {
      const dim = broadcastDim(
        result.at(-axis) ?? (axis > result.length ? 1 : null),
        shape.at(-axis) ?? (axis > shape.length ? 1 : null),
      );
      if (dim === undefined) return undefined;
      next.unshift(dim);
    }
    result = next;
  }
  return result;
}

/** `axis` counted from the front; `undefined` where it is out of range. */
export function fromFront(axis: number, rank: number): number | undefined {
  const front = axis < 0 ? axis + rank : axis;
  return Number.isInteger(front) && front >= 0 && front < rank ? front : undefined;
}

/** All of `axes` counted from the front; `undefined` where one is out of range or not known. */
export function allFromFront(axes: Shape, rank: number): number[] | undefined {
  const front = axes.map((axis) => (typeof axis === 'number' ? fromFront(axis, rank) : undefined));
  return front.every((axis) => axis !== undefined) ? front : undefined;
}

/** `shape` with dimension `axis` replaced. */
export function withDim(shape: Shape, axis: number, dim: Dim): Dim[] {
  return shape.map((old, index) => (index === axis ? dim : old));
}

/** `rank` unknown dimensions. */
export function unknownDims(rank: number): null[] {
  return new Array<null>(rank).fill(null);
}
