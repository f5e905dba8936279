/**
 * Sizes of values, some of which may not be known.
 */
import type { Dim } from '../../src/graph/graph.ts';

/** The product of sizes; `null` where one is not known. */
export function productOf(sizes: readonly Dim[]): Dim {
  return sizes.every((size) => typeof size === 'number') ? sizes.reduce((product, size) => product * size, 1) : null;
}

/** A shape for messages: `[N, ?, 3]`. */
export function shapeText(shape: readonly Dim[]): string {
  return `[${shape.map((size) => size ?? '?').join(', ')}]`;
}
