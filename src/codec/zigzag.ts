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

/**
 * Visits the first `count` entries of a box in zigzag order, without memory of its own, so that a file may promise a
 * large box and few frequencies. `index` is the same array on every call.
 */
export function forEachInZigzag(
  shape: readonly number[],
  count: number,
  visit: (index: Int32Array, place: number) => void,
): void {
  // How much the axes behind each one can add to the index sum.
  const behind = shape.map((_, axis) => shape.slice(axis + 1).reduce((sum, size) => sum + size - 1, 0));
  const index = new Int32Array(shape.length);
  const last = shape.length - 1;
  let place = 0;
  /** Visits what gives the axes from `axis` on the index sum `sum`. */
  const spread = (axis: number, sum: number): void => {
    if (axis >= last) {
      // What is left is for the last axis, if there is one.
      index[last] = sum;
      visit(index, place++);
      return;
    }
    const most = Math.min(sum, shape[axis]! - 1);
    for (let at = Math.max(0, sum - behind[axis]!); at <= most && place < count; at++) {
      index[axis] = at;
      spread(axis + 1, sum - at);
    }
  };
  const largestSum = shape.reduce((sum, size) => sum + size - 1, 0);
  if (!shape.includes(0)) for (let sum = 0; sum <= largestSum && place < count; sum++) spread(0, sum);
}

/** Offsets (row-major over `shape`) of all entries of a box in zigzag order. */
export function zigzagOrder(shape: readonly number[]): Uint32Array {
  const strides = stridesOf(shape);
  const order = new Uint32Array(shape.reduce((product, size) => product * size, 1));
  forEachInZigzag(shape, order.length, (index, place) => {
    order[place] = index.reduce((offset, at, axis) => offset + at * strides[axis]!, 0);
  });
  return order;
}
