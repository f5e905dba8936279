/**
 * Which numbers of an operand the file holds, and in which order (SPEC.md, "Coefficients"): frequency by frequency in
 * zigzag order.
 */
import { forEachInZigzag, otherAxes } from '../../src/codec/zigzag.ts';

/** Where the numbers of one operand stand, and how many of them the file holds. */
export interface CoreLayout {
  readonly shape: readonly number[];
  /** Axes whose index is a frequency, ascending. */
  readonly frequencyAxes: readonly number[];
  /** Frequencies that are coded, in zigzag order; all entries behind them are zero. */
  readonly frequencies: number;
}

/** Numbers that the file holds for `layout`. */
export function codedCount({ shape, frequencyAxes, frequencies }: CoreLayout): number {
  return otherAxes(shape, frequencyAxes).reduce((product, axis) => product * shape[axis]!, frequencies);
}

/** Visits the coded entries in order: frequencies in zigzag order, under each the plain axes in row-major order. */
export function forEachCoded(layout: CoreLayout, visit: (offset: number, index: Int32Array) => void): void {
  forEachInZigzag(layout.shape, layout.frequencyAxes, layout.frequencies, visit);
}
