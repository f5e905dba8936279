/** max |a − b| / max |b|; NaN where anything is NaN. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, largest] = [0, 0];
  for (let at = 0; at < expected.length; at++) {
    difference = Math.max(difference, Math.abs(expected[at]! - actual[at]!));
    largest = Math.max(largest, Math.abs(expected[at]!));
  }
  return difference / largest;
}
