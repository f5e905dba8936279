/** Arithmetic that the two builds do differently. */

/** a · b + c: rounded once in the relaxed build where the processor can; scripts/multiply-adds.mjs makes the other. */
export function madd(a: v128, b: v128, c: v128): v128 {
  return f32x4.relaxed_madd(a, b, c);
}
