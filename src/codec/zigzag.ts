/**
 * The order in which frequencies are kept and coded: by index sum, ties by the first axis ascending, then the second,
 * and so on, as the truncation of Frequency Regularization counts them (Zhao et al. 2023, section 3.2).
 */

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

/** Offsets (row-major over `shape`) of all entries of a box in zigzag order. */
export function zigzagOrder(shape: readonly number[]): Uint32Array {
  const sums = indexSums(shape);
  // A counting sort is stable, and row-major order is the order of ties.
  const starts = new Uint32Array(shape.reduce((sum, size) => sum + size - 1, 0) + 2);
  for (const sum of sums) starts[sum + 1]!++;
  for (let sum = 1; sum < starts.length; sum++) starts[sum]! += starts[sum - 1]!;
  const order = new Uint32Array(sums.length);
  for (let at = 0; at < sums.length; at++) order[starts[sums[at]!]!++] = at;
  return order;
}
