/**
 * WGSL functions of element-wise programs, exact where WGSL's own need not be: what it leaves open for NaN, and functions whose error it
 * measures in thousandths near zero. They are written for F, I, U and B, which a shader says are numbers or vectors of four.
 *
 * The ratios for tanh and erf have the coefficients of ../wasm/assembly/vector-math.ts; trigonometric ones are those of Cephes' single
 * precision library.
 */

/** c[0] · s^n + c[1] · s^(n−1) + … as text. */
const polynomial = (s: string, coefficients: readonly number[]) =>
  coefficients.map((c) => `F(${c})`).reduce((sum, c) => `(${sum}*${s}+${c})`);

/** An odd function as x times a ratio of polynomials of x², x being clamped to ±`bound`; NaN stays. */
const ratio = (name: string, bound: number, above: readonly number[], below: readonly number[]) => `
fn ${name}(x: F) -> F {
let t = select(select(x, F(${bound}), x > F(${bound})), F(-${bound}), x < F(-${bound}));
let s = t * t;
return t * ${polynomial('s', above)} / ${polynomial('s', below)};
}`;

/** Functions by name; what one calls stands here too. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  // A call keeps the compiler from refusing constants that are not finite.
  bits: `
fn bits(x: i32) -> i32 { return x; }`,
  isNan: `
fn isNan(x: F) -> B { return (bitcast<U>(x) & U(0x7fffffff)) > U(0x7f800000); }`,
  least: `
fn least(a: F, b: F) -> F { return select(a, b, (b < a) | isNan(b)); }`,
  greatest: `
fn greatest(a: F, b: F) -> F { return select(a, b, (a < b) | isNan(b)); }`,
  withSign: `
fn withSign(x: F, s: F) -> F { return bitcast<F>(bitcast<U>(x) | (bitcast<U>(s) & U(0x80000000))); }`,
  tanhOf: ratio(
    'tanhOf',
    9,
    [
      -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5,
      6.37261928875436e-4, 4.89352455891786e-3,
    ],
    [1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3],
  ),
  erf: ratio(
    'erf',
    4,
    [
      -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5, -7.34990630326855e-4,
      -2.95459980854025e-3, -1.60960333262415e-2,
    ],
    [-1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3, -1.42647390514189e-2],
  ),
  expOf: `
fn expOf(x: F) -> F { return select(exp(x), x, isNan(x)); }`,
  // x = 2^n · (1 + f), 1 + f between √½ and √2. WGSL's log has an absolute error around 1, and may have anything at and below 0.
  logOf: `
fn logOf(x: F) -> F {
let n = (bitcast<I>(x) - I(0x3f3504f3)) >> U(23);
let f = bitcast<F>(bitcast<I>(x) - (n << U(23))) - 1;
let p = f * f * (f * ${polynomial('f', [7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1])} - .5);
let y = (p - F(n) * 2.1219444e-4 + f) + F(n) * .693359375;
let z = select(y, F(bitcast<f32>(bits(-8388608))), x < F(1.2e-38));
return select(select(z, F(bitcast<f32>(bits(0x7fc00000))), x < F(0)), x, isNan(x) | (x > F(3.4028234e38)));
}`,
  // Near 0 a series, since 1 + z rounds.
  logOnePlus: `
fn logOnePlus(z: F) -> F {
let s = z / (2 + z);
let t = s * s;
return select(logOf(1 + z), 2 * s * ${polynomial('t', [1 / 9, 1 / 7, 1 / 5, 1 / 3, 1])}, abs(z) < F(.4));
}`,
  // Whole exponents up to 32 by multiplication: integers take this way too, and are truncated afterwards.
  power: `
fn power(a: F, b: F) -> F {
let size = abs(a);
let n = abs(b);
var y = expOf(b * logOf(size));
let isWhole = floor(b) == b;
let isSmall = isWhole & (n <= F(32));
if (any(isSmall)) {
var p = F(1);
var square = size;
var left = U(n);
for (var k = 0; k < 6; k++) {
p = select(p, p * square, (left & U(1)) != U(0));
square *= square;
left >>= U(1);
}
y = select(y, select(p, 1 / p, b < F(0)), isSmall);
}
y = select(y, -y, (n < F(16777216)) & (fract(n * .5) == F(.5)) & (bitcast<I>(a) < I(0)));
let isWrong = isNan(b) | ((a < F(0)) & !isWhole & (size <= F(3.4e38)));
return select(y, F(bitcast<f32>(bits(0x7fc00000))), isWrong);
}`,
  // Long division of the significands: exact, however large the quotient.
  remainder: `
fn remainder(a: F, b: F) -> F {
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
  modulo: `
fn modulo(a: F, b: F) -> F {
let rest = remainder(a, b);
return select(rest, rest + b, (rest != F(0)) & ((rest < F(0)) != (b < F(0))));
}`,
  moduloInt: `
fn moduloInt(a: I, b: I) -> I {
let rest = select(a % b, I(0), b == I(0));
return select(rest, rest + b, (rest != I(0)) & ((rest < I(0)) != (b < I(0))));
}`,
  truncated: `
fn truncated(x: F) -> I {
let y = select(select(I(x), I(0x7fffffff), x >= F(2147483648)), I(-2147483648), x <= F(-2147483648));
return select(y, I(0), isNan(x));
}`,
  // Behind 32768 the parts of π/2 are too few.
  sine: `
fn sine(x: F, turn: i32) -> F {
let n = round(x * .63661977);
let r = ((x - n * 1.5703125) - n * 4.8375129699707031e-4) - n * 7.5497899487686481e-8;
let z = r * r;
let q = I(n) + turn;
let y = select(r + r * z * ${polynomial('z', [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1])},
1 - .5 * z + z * z * ${polynomial('z', [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2])},
(q & I(1)) != I(0));
return select(select(y, -y, (q & I(2)) != I(0)), sin(x + f32(turn) * 1.5707964), abs(x) > F(32768));
}`,
  arctangent: `
fn arctangent(x: F) -> F {
let a = abs(x);
let isMiddle = a > F(.41421356);
let isLarge = a > F(2.4142136);
let r = select(select(a, (a - 1) / (a + 1), isMiddle), -1 / a, isLarge);
let z = r * r;
let y = r + r * z * ${polynomial('z', [8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1])};
return withSign(y + select(select(F(0), F(.78539816), isMiddle), F(1.5707964), isLarge), x);
}`,
  sinhOf: `
fn sinhOf(x: F) -> F {
let z = x * x;
let e = expOf(.5 * abs(x));
let y = withSign(.5 * e * e - .5 / e / e, x);
return select(y, x * ${polynomial('z', [1 / 362880, 1 / 5040, 1 / 120, 1 / 6, 1])}, z < F(1));
}`,
  coshOf: `
fn coshOf(x: F) -> F {
let e = expOf(.5 * abs(x));
return .5 * e * e + .5 / e / e;
}`,
  arsinh: `
fn arsinh(x: F) -> F {
let a = abs(x);
return withSign(select(logOnePlus(a + a * a / (1 + sqrt(a * a + 1))), logOf(a) + .69314718, a > F(1e9)), x);
}`,
  arcosh: `
fn arcosh(x: F) -> F {
let t = x - 1;
return select(logOnePlus(t + sqrt(2 * t + t * t)), logOf(x) + .69314718, x > F(1e9));
}`,
};

/** The declarations of all functions that `code` calls, and of the types that they are written for: vectors of `lanes` (1 or 4). */
export function functionsFor(code: string, lanes: 1 | 4): string {
  const found = new Set<string>();
  const visit = (text: string): void => {
    for (const [, name] of text.matchAll(/\b(\w+)\(/g)) {
      if (found.has(name!) || !(name! in FUNCTIONS)) continue;
      found.add(name!);
      visit(FUNCTIONS[name!]!);
    }
  };
  visit(code);
  const types = Object.entries({ F: 'f32', I: 'i32', U: 'u32', B: 'bool' }).map(
    ([alias, type]) => `alias ${alias} = ${lanes === 1 ? type : `vec4<${type}>`};\n`,
  );
  return types.join('') + [...found].map((name) => FUNCTIONS[name]).join('');
}
