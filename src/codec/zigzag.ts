/**
 * The order in which frequencies are kept and coded: by index sum, ties by the first axis ascending, then the second,
 * and so on, as the truncation of Frequency Regularization counts them (Zhao et al. 2023, section 3.2).
 */

/** Offsets (row-major over `shape`) of all entries of a box in zigzag order. */
export function zigzagOrder(shape: readonly number[]): Uint32Array {
  const length = shape.reduce((a, b) => a * b, 1);
  const sums = new Uint32Array(length);
  let repeat = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!;
    for (let at = 0; at < length; at++) sums[at]! += Math.floor(at / repeat) % size;
    repeat *= size;
  }
  // A counting sort is stable, and row-major order is the order of ties.
  const starts = new Uint32Array(shape.reduce((sum, size) => sum + size - 1, 0) + 2);
  for (const sum of sums) starts[sum + 1]!++;
  for (let sum = 1; sum < starts.length; sum++) starts[sum]! += starts[sum - 1]!;
  const order = new Uint32Array(length);
  for (let at = 0; at < length; at++) order[starts[sums[at]!]!++] = at;
  return order;
}
