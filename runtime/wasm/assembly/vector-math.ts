/**
 * Transcendental functions of four float32 lanes, within a few units in the last place, right at zeros, denormals,
 * infinities and NaN. Coefficients come from tables, each loaded into all lanes at once: as constants in the code they
 * would take three instructions each. Polynomials are evaluated in independent halves where that shortens the chain of
 * operations that wait for each other.
 */
import { madd } from './arithmetic';

/** Coefficient `index` of a table, in every lane. */
function at(table: usize, index: usize): v128 {
  return v128.load32_splat(table + (index << 2));
}

/** One float32 in every lane. */
export function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** x lane by lane brought into `low`…`high`; NaN stays. */
export function clamp(x: v128, low: v128, high: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, high), low);
}

// log2 e; 1.5 · 2^23, which added rounds to an integer and leaves it in the low bits; −ln 2 in two parts, the product
// of the first with any n here being exact; the least-maximum coefficients of (e^r − 1 − r) / r², |r| ≤ ½ ln 2.
const EXP: usize = memory.data<f32>(
  [
    1.4426950216293335, 12582912, -0.693359375, 2.1219444e-4, 0.4999922811985016, 0.16667115688323975,
    0.041890550404787064, 0.008312477730214596, 1, 0.5, -52, 52, -88, 88,
  ],
  16,
);

/** e^x for |x| ≤ 88, where neither x nor the result needs care. */
function expWithin(x: v128): v128 {
  const shifted = madd(x, at(EXP, 0), at(EXP, 1));
  const n = f32x4.sub(shifted, at(EXP, 1));
  const r = madd(n, at(EXP, 3), madd(n, at(EXP, 2), x));
  const square = f32x4.mul(r, r);
  const q = madd(madd(at(EXP, 7), r, at(EXP, 6)), square, madd(at(EXP, 5), r, at(EXP, 4)));
  const p = f32x4.add(madd(q, square, r), at(EXP, 8));
  // 2^n: what the rounding added to the bits of `shifted` is lost on the way to the exponent.
  return f32x4.mul(p, i32x4.add(i32x4.shl(shifted, 23), at(EXP, 8)));
}

export function exp(x: v128): v128 {
  // The square of e^(x/2) is infinite, denormal or 0 where it has to be.
  const root = expWithin(clamp(f32x4.mul(x, at(EXP, 9)), at(EXP, 10), at(EXP, 11)));
  return f32x4.mul(root, root);
}

export function sigmoid(x: v128): v128 {
  const e = expWithin(clamp(f32x4.neg(x), at(EXP, 12), at(EXP, 13)));
  return v128.andnot(f32x4.div(at(EXP, 8), f32x4.add(e, at(EXP, 8))), f32x4.lt(x, at(EXP, 12)));
}

// The least normal number, 2^23, the exponent of the latter; ln 2 in two parts; Cephes' coefficients of
// (log(1 + f) − f + ½f²) / f³ from the highest power on; −½.
const LOG: usize = memory.data<f32>(
  [
    1.17549435e-38, 8388608, 23, 0.693359375, -2.1219444e-4, 7.0376836292e-2, -1.151461031e-1, 1.167699874e-1,
    -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1, -0.5,
  ],
  16,
);

export function log(x: v128): v128 {
  const denormal = f32x4.lt(x, at(LOG, 0));
  const scaled = v128.bitselect(f32x4.mul(x, at(LOG, 1)), x, denormal);
  // x = 2^n · (1 + f), 1 + f between √½ and √2.
  const exponent = i32x4.shr_s(i32x4.sub(scaled, i32x4.splat(0x3f3504f3)), 23);
  const f = f32x4.sub(i32x4.sub(scaled, i32x4.shl(exponent, 23)), splat(1));
  const n = f32x4.sub(f32x4.convert_i32x4_s(exponent), v128.and(denormal, at(LOG, 2)));
  let p = madd(at(LOG, 5), f, at(LOG, 6));
  for (let i = 7; i < 14; i++) p = madd(p, f, at(LOG, i));
  const square = f32x4.mul(f, f);
  p = madd(n, at(LOG, 4), f32x4.mul(p, f32x4.mul(square, f)));
  p = madd(n, at(LOG, 3), f32x4.add(f, madd(square, at(LOG, 14), p)));
  p = v128.bitselect(p, x, f32x4.lt(x, splat(Infinity)));
  p = v128.bitselect(splat(-Infinity), p, f32x4.eq(x, splat(0)));
  return v128.or(p, f32x4.lt(x, splat(0)));
}

// A ratio of polynomials of x², times x: the numerator's coefficients from the highest power on, then the denominator's.
const TANH: usize = memory.data<f32>(
  [
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5,
    6.37261928875436e-4, 4.89352455891786e-3, 1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3,
    4.89352518554385e-3, -9, 9,
  ],
  16,
);

export function tanh(x: v128): v128 {
  x = clamp(x, at(TANH, 11), at(TANH, 12));
  const s = f32x4.mul(x, x);
  let p = madd(at(TANH, 0), s, at(TANH, 1));
  p = madd(p, s, at(TANH, 2));
  p = madd(p, s, at(TANH, 3));
  p = madd(p, s, at(TANH, 4));
  p = madd(p, s, at(TANH, 5));
  p = madd(p, s, at(TANH, 6));
  let q = madd(at(TANH, 7), s, at(TANH, 8));
  q = madd(q, s, at(TANH, 9));
  q = madd(q, s, at(TANH, 10));
  return f32x4.div(f32x4.mul(p, x), q);
}

// Near 0, x + x · a polynomial of x²; else 1 − e^(a polynomial of |x|), |x| being taken off. From the highest power on.
const ERF: usize = memory.data<f32>(
  [
    -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1, -1.7285347e-5,
    3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1, 0.927734375,
  ],
  16,
);

export function erf(x: v128): v128 {
  const t = f32x4.abs(x);
  const s = f32x4.mul(x, x);
  let p = madd(at(ERF, 0), s, at(ERF, 1));
  p = madd(p, s, at(ERF, 2));
  p = madd(p, s, at(ERF, 3));
  p = madd(p, s, at(ERF, 4));
  p = madd(p, s, at(ERF, 5));
  const near = madd(p, x, x);
  let q = madd(at(ERF, 6), t, at(ERF, 7));
  q = madd(q, s, madd(at(ERF, 8), t, at(ERF, 9)));
  q = madd(q, t, at(ERF, 10));
  q = madd(q, t, at(ERF, 11));
  q = madd(q, t, at(ERF, 12));
  const far = f32x4.sub(splat(1), exp(f32x4.sub(f32x4.mul(q, t), t)));
  return v128.bitselect(v128.bitselect(x, far, splat(-0.0)), near, f32x4.gt(t, at(ERF, 13)));
}
