/** Arithmetic that the two builds do differently. */

/** a · b + c: rounded once in the relaxed build where the processor can, else twice. */
export function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}
