/**
 * float16 bit patterns (IEEE 754 binary16) to and from float32 patterns, for numbers that both can hold. The runtime has
 * no dependency, so these few lines stand in for a library there.
 */

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);

/** The float32 pattern of a float16 pattern. */
export function floatFromHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  floats[0] = fraction * 2 ** -24;
  return (sign | words[0]!) >>> 0;
}

/** The float16 pattern of a float32 pattern; throws `RangeError` where float16 cannot hold the number exactly. */
export function halfFromFloat(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const exponent = (word >>> 23) & 255;
  const fraction = word & 0x7fffff;
  let half = sign | (fraction >> 13);
  if (exponent === 255) half |= 0x7c00;
  else if (exponent > 112) half |= (exponent - 112) << 10;
  else {
    words[0] = word & 0x7fffffff;
    half = sign | (floats[0]! * 2 ** 24);
  }
  if (exponent > 142 && exponent < 255) throw new RangeError('the number is too large for float16');
  if (floatFromHalf(half) !== word >>> 0) throw new RangeError('the number is no float16');
  return half;
}
