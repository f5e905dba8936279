/**
 * Transcendental functions of four float32 lanes, within a few units in the last place, right at zeros, denormals,
 * infinities and NaN. exp and log reduce their range as Cephes does and use its polynomials; tanh is a ratio of two
 * polynomials.
 */
import { madd } from './arithmetic';

const LOG2_E = <f32>Math.LOG2E;
// ln 2 in two parts: n · LN2_HIGH is exact for every n that comes up.
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.1219444e-4;

/** One float32 in every lane. */
export function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** x lane by lane brought into `low`…`high`; NaN stays. */
export function clamp(x: v128, low: v128, high: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, high), low);
}

export function exp(x: v128): v128 {
  x = clamp(x, splat(-104), splat(89));
  // Adding 1.5 · 2^23 rounds to an integer and leaves it in the low bits.
  const shifted = madd(x, splat(LOG2_E), splat(12582912));
  const n = f32x4.sub(shifted, splat(12582912));
  const r = madd(n, splat(-LN2_LOW), madd(n, splat(-LN2_HIGH), x));
  let p = madd(splat(1.98756915e-4), r, splat(1.3981999507e-3));
  p = madd(p, r, splat(8.3334519073e-3));
  p = madd(p, r, splat(4.1665795894e-2));
  p = madd(p, r, splat(1.6666665459e-1));
  p = madd(p, r, splat(5.0000001201e-1));
  p = f32x4.add(madd(p, f32x4.mul(r, r), r), splat(1));
  // 2^n in two factors, so that neither is out of range where the product is denormal or infinite.
  const exponent = i32x4.sub(shifted, i32x4.splat(0x4b400000));
  const half = i32x4.shr_s(exponent, 1);
  return f32x4.mul(f32x4.mul(p, powerOfTwo(half)), powerOfTwo(i32x4.sub(exponent, half)));
}

/** 2^n of int32 lanes within −126…127. */
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

export function log(x: v128): v128 {
  const denormal = f32x4.lt(x, splat(1.17549435e-38));
  const scaled = v128.bitselect(f32x4.mul(x, splat(8388608)), x, denormal);
  // x = 2^n · (1 + f), 1 + f between √½ and √2.
  const exponent = i32x4.shr_s(i32x4.sub(scaled, i32x4.splat(0x3f3504f3)), 23);
  const f = f32x4.sub(i32x4.sub(scaled, i32x4.shl(exponent, 23)), splat(1));
  const n = f32x4.sub(f32x4.convert_i32x4_s(exponent), v128.and(denormal, splat(23)));
  let p = madd(splat(7.0376836292e-2), f, splat(-1.151461031e-1));
  p = madd(p, f, splat(1.167699874e-1));
  p = madd(p, f, splat(-1.2420140846e-1));
  p = madd(p, f, splat(1.4249322787e-1));
  p = madd(p, f, splat(-1.6668057665e-1));
  p = madd(p, f, splat(2.0000714765e-1));
  p = madd(p, f, splat(-2.4999993993e-1));
  p = madd(p, f, splat(3.3333331174e-1));
  const square = f32x4.mul(f, f);
  p = madd(n, splat(LN2_LOW), f32x4.mul(p, f32x4.mul(square, f)));
  p = madd(square, splat(-0.5), p);
  p = madd(n, splat(LN2_HIGH), f32x4.add(f, p));
  p = v128.bitselect(p, x, f32x4.lt(x, splat(Infinity)));
  p = v128.bitselect(splat(-Infinity), p, f32x4.eq(x, splat(0)));
  return v128.or(p, f32x4.lt(x, splat(0)));
}

export function tanh(x: v128): v128 {
  x = clamp(x, splat(-9), splat(9));
  const s = f32x4.mul(x, x);
  let p = madd(splat(-2.76076847742355e-16), s, splat(2.00018790482477e-13));
  p = madd(p, s, splat(-8.60467152213735e-11));
  p = madd(p, s, splat(5.12229709037114e-8));
  p = madd(p, s, splat(1.48572235717979e-5));
  p = madd(p, s, splat(6.37261928875436e-4));
  p = madd(p, s, splat(4.89352455891786e-3));
  let q = madd(splat(1.19825839466702e-6), s, splat(1.18534705686654e-4));
  q = madd(q, s, splat(2.268434632439e-3));
  q = madd(q, s, splat(4.89352518554385e-3));
  return f32x4.div(f32x4.mul(p, x), q);
}

export function sigmoid(x: v128): v128 {
  // e^−|x| never overflows.
  const e = exp(v128.or(x, splat(-0.0)));
  const upper = f32x4.div(splat(1), f32x4.add(splat(1), e));
  return v128.bitselect(f32x4.mul(e, upper), upper, f32x4.lt(x, splat(0)));
}

export function erf(x: v128): v128 {
  const t = f32x4.abs(x);
  const s = f32x4.mul(x, x);
  // Near 0: x + x · polynomial of x².
  let p = madd(splat(-5.96761703e-4), s, splat(4.99119423e-3));
  p = madd(p, s, splat(-2.67681349e-2));
  p = madd(p, s, splat(1.12819925e-1));
  p = madd(p, s, splat(-3.76125336e-1));
  p = madd(p, s, splat(1.28379166e-1));
  const near = madd(p, x, x);
  // Else 1 − e^polynomial of |x|, with the sign of x.
  let q = madd(splat(-1.7285347e-5), t, splat(3.83197126e-4));
  q = madd(q, s, madd(splat(-3.88396438e-3), t, splat(2.42546219e-2)));
  q = madd(q, t, splat(-1.06777877e-1));
  q = madd(q, t, splat(-6.34846687e-1));
  q = madd(q, t, splat(-1.28717512e-1));
  const far = f32x4.sub(splat(1), exp(f32x4.sub(f32x4.mul(q, t), t)));
  return v128.bitselect(v128.bitselect(x, far, splat(-0.0)), near, f32x4.gt(t, splat(0.927734375)));
}
