/**
 * Numbers to float16 (IEEE 754 binary16) and bfloat16 (the upper half of float32), rounded to the nearest and ties to
 * even.
 */

const floats = new Float32Array(1);
const words = new Uint32Array(floats.buffer);

/** The float32 number with these bits. */
export function floatOf(bits: number): number {
  words[0] = bits;
  return floats[0]!;
}

/** The bits of the float32 number nearest to `number`, as int32. */
export function bitsOf(number: number): number {
  floats[0] = number;
  return words[0]! | 0;
}

/** The float16 bits nearest to a float32 pattern; what is too large becomes infinite, and any NaN the quiet one. */
export function nearestHalf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  // A carry out of the fraction goes into the exponent, as it should, up to infinity.
  if (magnitude >= 0x38800000) return sign | ((magnitude + 0xc8000fff + ((magnitude >>> 13) & 1)) >>> 13);
  // Between 0.5 and 1, float32 numbers are as far apart as float16 numbers near 0.
  return sign | (bitsOf(floatOf(magnitude) + 0.5) - 0x3f000000);
}

/** The bfloat16 bits nearest to a float32 pattern. */
export function nearestBrain(word: number): number {
  if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 64;
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}

/** The bits of each number in either type. */
export function halvesOf(numbers: ArrayLike<number>, dtype: 'float16' | 'bfloat16'): Uint16Array {
  const patterns = new Uint32Array(Float32Array.from(numbers).buffer);
  return Uint16Array.from(patterns, dtype === 'float16' ? nearestHalf : nearestBrain);
}
