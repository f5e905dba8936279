/**
 * The order in which frequencies are kept and coded: by index sum, ties by the first axis ascending, then the second,
 * and so on, as the truncation of Frequency Regularization counts them (Zhao et al. 2023, section 3.2).
 */
import { stridesOf } from './einsum.ts';

/** Sum of the indices of every entry of a box, row-major over `shape`. */
export function indexSums(shape: readonly number[]): Uint32Array {
  const sums = new Uint32Array(shape.reduce((product, size) => product * size, 1));
  // Each axis repeats what the axes behind it have made, one higher every time.
  for (let axis = shape.length - 1, block = 1; axis >= 0; axis--) {
    const size = shape[axis]!;
    for (let place = 1; place < size; place++) {
      for (let at = 0; at < block; at++) sums[place * block + at] = sums[at]! + place;
    }
    block *= size;
  }
  return sums;
}

/** The axes of a shape that are not among `axes`, ascending. */
export function otherAxes(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
}

/**
 * Visits entries of a box: the first `count` frequencies, which are the indices along `axes`, in zigzag order, and under
 * each the other axes in row-major order. It takes no memory of its own, so that a file may promise a large box and few
 * frequencies. `offset` is row-major over `shape`, unless other `strides` are given; `index` is the same array on every call.
 */
export function forEachInZigzag(
  shape: readonly number[],
  axes: readonly number[],
  count: number,
  visit: (offset: number, index: Int32Array) => void,
  strides: ArrayLike<number> = stridesOf(shape),
): void {
  const others = otherAxes(shape, axes);
  const index = new Int32Array(shape.length);
  /** How much the axes from each one on can add to the index sum. */
  const reach = [...axes, 0].map((_, at) => axes.slice(at).reduce((sum, axis) => sum + shape[axis]! - 1, 0));
  let left = count;

  /** Visits what is under one frequency, from axis `others[at]` on. */
  const fill = (at: number, offset: number): void => {
    const axis = others[at];
    if (axis === undefined) {
      visit(offset, index);
      return;
    }
    for (let place = 0; place < shape[axis]!; place++) {
      index[axis] = place;
      fill(at + 1, offset + place * strides[axis]!);
    }
  };

  /** Visits the frequencies whose indices from axis `axes[at]` on add up to `sum`. */
  const spread = (at: number, sum: number, offset: number): void => {
    const axis = axes[at];
    if (axis === undefined) {
      left--;
      fill(0, offset);
      return;
    }
    const most = Math.min(sum, shape[axis]! - 1);
    for (let place = Math.max(0, sum - reach[at + 1]!); place <= most && left > 0; place++) {
      index[axis] = place;
      spread(at + 1, sum - place, offset + place * strides[axis]!);
    }
  };
  for (let sum = 0; sum <= reach[0]! && left > 0; sum++) spread(0, sum, 0);
}

/** Offsets (row-major over `shape`) of all entries of a box in zigzag order. */
export function zigzagOrder(shape: readonly number[]): Uint32Array {
  const order = new Uint32Array(shape.reduce((product, size) => product * size, 1));
  let place = 0;
  const axes = shape.map((_, axis) => axis);
  forEachInZigzag(shape, axes, order.length, (offset) => {
    order[place++] = offset;
  });
  return order;
}
