/**
 * Which numbers of an operand the file holds, and in which order (SPEC.md, "Coefficients"): frequency by frequency in
 * zigzag order, and that chain by chain where there are chains.
 */
import { stridesOf } from '../../src/codec/einsum.ts';
import { forEachInZigzag, otherAxes } from '../../src/codec/zigzag.ts';

/** Where the numbers of one operand stand, and how many of them the file holds. */
export interface CoreLayout {
  readonly shape: readonly number[];
  /** Axes whose index is a frequency, ascending. */
  readonly frequencyAxes: readonly number[];
  /** Frequencies that are coded, in zigzag order; all entries behind them are zero. */
  readonly frequencies: number;
  /** The axis each of whose indices has a chain of dependent quantisation; none of the frequency axes. */
  readonly chainAxis?: number;
}

/** The axes from the slowest to the fastest in the order of the file. */
export function axesOf({ shape, frequencyAxes, chainAxis }: CoreLayout): number[] {
  const first = chainAxis === undefined ? frequencyAxes : [chainAxis, ...frequencyAxes];
  return [...first, ...otherAxes(shape, first)];
}

/** Numbers that the file holds for `layout`. */
export function codedCount({ shape, frequencyAxes, frequencies }: CoreLayout): number {
  return otherAxes(shape, frequencyAxes).reduce((product, axis) => product * shape[axis]!, frequencies);
}

/**
 * Visits the coded entries in order: frequencies in zigzag order, under each the plain axes in row-major order; with chains, all
 * of the first chain before those of the second.
 */
export function forEachCoded(
  { shape, frequencyAxes, frequencies, chainAxis }: CoreLayout,
  visit: (offset: number, index: Int32Array) => void,
): void {
  if (chainAxis === undefined) {
    forEachInZigzag(shape, frequencyAxes, frequencies, visit);
    return;
  }
  const strides = stridesOf(shape);
  const one = shape.with(chainAxis, 1);
  for (let chain = 0; chain < shape[chainAxis]!; chain++) {
    const visitInChain = (offset: number, index: Int32Array) => {
      index[chainAxis] = chain;
      visit(offset + chain * strides[chainAxis]!, index);
    };
    forEachInZigzag(one, frequencyAxes, frequencies, visitInChain, strides);
  }
}
