/**
 * Transcendental functions of four float32 lanes, within a few units in the last place, right at zeros, denormals,
 * infinities and NaN. Coefficients come from tables, each loaded into all lanes at once: as constants in the code they
 * would take three instructions each. Polynomials of e^x are evaluated in independent halves, which shortens the chain of
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
// @inline
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

/** e^x; denormal results included. */
// @inline
export function exp(x: v128): v128 {
  // The square of e^(x/2) is infinite, denormal or 0 where it has to be.
  const root = expWithin(clamp(f32x4.mul(x, at(EXP, 9)), at(EXP, 10), at(EXP, 11)));
  return f32x4.mul(root, root);
}

/** 1 / (1 + e^−x); 0 where that is denormal. */
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

/** The natural logarithm. */
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
  p = f32x4.add(madd(n, at(LOG, 3), f), madd(square, at(LOG, 14), p));
  p = v128.bitselect(p, x, f32x4.lt(x, splat(Infinity)));
  p = v128.bitselect(splat(-Infinity), p, f32x4.eq(x, splat(0)));
  return v128.or(p, f32x4.lt(x, splat(0)));
}

// Odd functions as x times a ratio of polynomials of x²: the bounds behind which the result stays what it is there, then
// the coefficients of the numerator from the highest power on, then the denominator's.
const TANH: usize = memory.data<f32>(
  [
    -9, 9, -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5,
    6.37261928875436e-4, 4.89352455891786e-3, 0, 1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3,
    4.89352518554385e-3,
  ],
  16,
);
const ERF: usize = memory.data<f32>(
  [
    -4, 4, -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5, -7.34990630326855e-4,
    -2.95459980854025e-3, -1.60960333262415e-2, -1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3,
    -7.37332916720468e-3, -1.42647390514189e-2,
  ],
  16,
);

/** The hyperbolic tangent. */
export function tanh(x: v128): v128 {
  return ratio(x, TANH);
}

/** The error function. */
export function erf(x: v128): v128 {
  return ratio(x, ERF);
}

function ratio(x: v128, table: usize): v128 {
  x = clamp(x, at(table, 0), at(table, 1));
  const s = f32x4.mul(x, x);
  let p = madd(at(table, 2), s, at(table, 3));
  p = madd(p, s, at(table, 4));
  p = madd(p, s, at(table, 5));
  p = madd(p, s, at(table, 6));
  p = madd(p, s, at(table, 7));
  p = madd(p, s, at(table, 8));
  let q = madd(at(table, 9), s, at(table, 10));
  q = madd(q, s, at(table, 11));
  q = madd(q, s, at(table, 12));
  q = madd(q, s, at(table, 13));
  return f32x4.div(f32x4.mul(p, x), q);
}
