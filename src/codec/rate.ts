/**
 * Estimates of what numbers will cost, to compare ways of storing a tensor without coding it in each.
 */

/**
 * Bits per number of levels whose magnitudes average `mean`: the entropy of the two-sided geometric distribution, which
 * is what a quantised Laplacian source is (Sullivan, "Efficient scalar quantization of exponential and Laplacian random
 * variables", IEEE IT 1996).
 */
export function laplacianBits(mean: number): number {
  if (mean <= 0) return 0;
  const ratio = (Math.sqrt(1 + mean * mean) - 1) / mean;
  return -Math.log2((1 - ratio) / (1 + ratio)) - mean * Math.log2(ratio);
}

/**
 * Bits of `coefficients` (row-major over `shape`) at a quantiser step. Coefficients are taken in groups of one scale, as
 * an adaptive coder would find them: `groupOf` gives the group of each frequency.
 */
export function estimateBits(
  coefficients: Float64Array,
  groups: Uint32Array,
  groupCount: number,
  step: number,
): number {
  const sums = new Float64Array(groupCount);
  const counts = new Float64Array(groupCount);
  for (let at = 0, column = 0; at < coefficients.length; at++) {
    const group = groups[column]!;
    if (++column === groups.length) column = 0;
    sums[group]! += Math.round(Math.abs(coefficients[at]!) / step);
    counts[group]!++;
  }
  return sums.reduce((bits, sum, group) => bits + counts[group]! * laplacianBits(sum / Math.max(1, counts[group]!)), 0);
}
