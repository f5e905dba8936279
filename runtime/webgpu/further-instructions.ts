/**
 * Instructions that operators of networks for pictures seldom have, as WGSL: in the builds that have everything.
 */
import * as op from '../kernels/opcodes.ts';
import { FUNCTIONS, polynomial } from './functions.ts';
import { call, callTwo, INSTRUCTIONS, type Instructions } from './instructions.ts';

const FURTHER_FUNCTIONS: readonly string[] = [
  `fn withSign(x: F, s: F) -> F { return bitcast<F>(bitcast<U>(x) | (bitcast<U>(s) & U(0x80000000))); }`,
  // Near 0 a series, since 1 + z rounds.
  `fn logOnePlus(z: F) -> F {
let s = z / (2 + z);
let t = s * s;
return select(logOf(1 + z), 2 * s * ${polynomial('t', [1 / 9, 1 / 7, 1 / 5, 1 / 3, 1])}, abs(z) < F(.4));
}`,
  // Long division of the significands: exact, however large the quotient.
  `fn remainder(a: F, b: F) -> F {
let p = bitcast<U>(a) & U(0x7fffffff);
let q = bitcast<U>(b) & U(0x7fffffff);
var rest = (p & U(0x7fffff)) | U(0x800000);
let divisor = (q & U(0x7fffff)) | U(0x800000);
let isLess = p < q;
var shift = I(p >> U(23)) - I(q >> U(23));
while (any(shift > I(0))) {
let some = clamp(shift, I(0), I(8));
rest = (rest << U(some)) % divisor;
shift -= some;
}
let y = select(withSign(F(rest % divisor) * 1.1920929e-7 * bitcast<F>(q & U(0x7f800000)), a), a, isLess);
return select(y, F(bitcast<f32>(bits(0x7fc00000))), (p >= U(0x7f800000)) | (q > U(0x7f800000)) | (q < U(0x800000)));
}`,
  `fn modulo(a: F, b: F) -> F {
let rest = remainder(a, b);
return select(rest, rest + b, (rest != F(0)) & ((rest < F(0)) != (b < F(0))));
}`,
  `fn arctangent(x: F) -> F {
let a = abs(x);
let isMiddle = a > F(.41421356);
let isLarge = a > F(2.4142136);
let r = select(select(a, (a - 1) / (a + 1), isMiddle), -1 / a, isLarge);
let z = r * r;
let y = r + r * z * ${polynomial('z', [8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1])};
return withSign(y + select(select(F(0), F(.78539816), isMiddle), F(1.5707964), isLarge), x);
}`,
  `fn sinhOf(x: F) -> F {
let z = x * x;
let e = expOf(.5 * abs(x));
let y = withSign(.5 * e * e - .5 / e / e, x);
return select(y, x * ${polynomial('z', [1 / 362880, 1 / 5040, 1 / 120, 1 / 6, 1])}, z < F(1));
}`,
  `fn coshOf(x: F) -> F {
let e = expOf(.5 * abs(x));
return .5 * e * e + .5 / e / e;
}`,
  `fn arsinh(x: F) -> F {
let a = abs(x);
return withSign(select(logOnePlus(a + a * a / (1 + sqrt(a * a + 1))), logOf(a) + .69314718, a > F(1e9)), x);
}`,
  `fn arcosh(x: F) -> F {
let t = x - 1;
return select(logOnePlus(t + sqrt(2 * t + t * t)), logOf(x) + .69314718, x > F(1e9));
}`,
];

/** All instructions, with what they call. */
export const ALL_INSTRUCTIONS: Instructions = {
  functions: [...FUNCTIONS, ...FURTHER_FUNCTIONS],
  rules: {
    ...INSTRUCTIONS.rules,
    [op.FMOD]: callTwo('remainder'),
    [op.MOD]: callTwo('modulo'),
    [op.TAN]: (a) => `sine(${a}, 0) / sine(${a}, 1)`,
    [op.ASIN]: (a) => `arctangent(${a} / sqrt((1 - ${a}) * (1 + ${a})))`,
    [op.ACOS]: (a) => `2 * arctangent(sqrt((1 - ${a}) / (1 + ${a})))`,
    [op.ATAN]: call('arctangent'),
    [op.SINH]: call('sinhOf'),
    [op.COSH]: call('coshOf'),
    [op.ASINH]: call('arsinh'),
    [op.ACOSH]: call('arcosh'),
    [op.ATANH]: (a) => `.5 * logOnePlus(2 * ${a} / (1 - ${a}))`,
  },
};
