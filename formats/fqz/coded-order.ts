/**
 * Which numbers of an operand the file holds, and in which order (SPEC.md, "Coefficients"): frequency by frequency in
 * zigzag order.
 */
import { stridesOf } from '../../src/codec/einsum.ts';
import { forEachInZigzag } from '../../src/codec/zigzag.ts';

/** Where the numbers of one operand stand, and how many of them the file holds. */
export interface CoreLayout {
  readonly shape: readonly number[];
  /** Axes whose index is a frequency, ascending. */
  readonly frequencyAxes: readonly number[];
  /** Frequencies that are coded, in zigzag order; all entries behind them are zero. */
  readonly frequencies: number;
}

/** Numbers that the file holds for `layout`. */
export function codedCount(layout: CoreLayout): number {
  const plain = layout.shape.filter((_, axis) => !layout.frequencyAxes.includes(axis));
  return plain.reduce((product, size) => product * size, layout.frequencies);
}

/** Visits the coded entries in order: frequencies in zigzag order, under each the plain axes in row-major order. */
export function forEachCoded(layout: CoreLayout, visit: (offset: number, index: Int32Array) => void): void {
  const { shape, frequencyAxes } = layout;
  const plainAxes = shape.map((_, axis) => axis).filter((axis) => !frequencyAxes.includes(axis));
  const strides = stridesOf(shape);
  const plainCount = plainAxes.reduce((product, axis) => product * shape[axis]!, 1);
  const box = frequencyAxes.map((axis) => shape[axis]!);
  const index = new Int32Array(shape.length);
  forEachInZigzag(box, layout.frequencies, (frequency) => {
    let offset = 0;
    for (let at = 0; at < frequencyAxes.length; at++) {
      const axis = frequencyAxes[at]!;
      index[axis] = frequency[at]!;
      offset += frequency[at]! * strides[axis]!;
    }
    for (let entry = 0; entry < plainCount; entry++) {
      visit(offset, index);
      for (let at = plainAxes.length - 1; at >= 0; at--) {
        const axis = plainAxes[at]!;
        offset += strides[axis]!;
        if (++index[axis]! < shape[axis]!) break;
        offset -= strides[axis]! * shape[axis]!;
        index[axis] = 0;
      }
    }
  });
}
