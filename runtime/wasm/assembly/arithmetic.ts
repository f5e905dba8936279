/** Arithmetic that the two builds do differently. */

/**
 * a · b + c, rounded twice; in the relaxed build once, where the processor can. That build is made from this one (see
 * ../embedded.ts) wherever `c` is a variable, a word that is loaded, or another `madd`.
 */
export function madd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}
