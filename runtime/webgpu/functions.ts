/**
 * WGSL functions of element-wise programs, exact where WGSL's own need not be: what it leaves open for NaN, and functions whose error it
 * measures in thousandths near zero. They are written for F, I, U and B, which a shader says are numbers or vectors of four.
 *
 * The ratios for tanh and erf have the coefficients of ../wasm/assembly/vector-math.ts; trigonometric ones are those of Cephes' single
 * precision library.
 */

/** c[0] · s^n + c[1] · s^(n−1) + … as text. */
export const polynomial = (s: string, coefficients: readonly number[]) =>
  coefficients.map((c) => `F(${c})`).reduce((sum, c) => `(${sum}*${s}+${c})`);

/** An odd function as x times a ratio of polynomials of x², x being clamped to ±`bound`; NaN stays. */
const ratio = (
  name: string,
  bound: number,
  above: readonly number[],
  below: readonly number[],
) => `fn ${name}(x: F) -> F {
let t = select(select(x, F(${bound}), x > F(${bound})), F(-${bound}), x < F(-${bound}));
let s = t * t;
return t * ${polynomial('s', above)} / ${polynomial('s', below)};
}`;

/** Functions; what one calls is among them, too. */
export const FUNCTIONS: readonly string[] = [
  // A call keeps the compiler from refusing constants that are not finite.
  `fn bits(x: i32) -> i32 { return x; }`,
  `fn isNan(x: F) -> B { return (bitcast<U>(x) & U(0x7fffffff)) > U(0x7f800000); }`,
  `fn least(a: F, b: F) -> F { return select(a, b, (b < a) | isNan(b)); }`,
  `fn greatest(a: F, b: F) -> F { return select(a, b, (a < b) | isNan(b)); }`,
  ratio(
    'tanhOf',
    9,
    [-2.76076848e-16, 2.0001879e-13, -8.60467152e-11, 5.12229709e-8, 1.48572236e-5, 6.37261929e-4, 4.89352456e-3],
    [1.19825839e-6, 1.18534706e-4, 2.26843463e-3, 4.89352519e-3],
  ),
  ratio(
    'erf',
    4,
    [-2.72614226e-10, 2.77068142e-8, -2.10102402e-6, -5.69250639e-5, -7.3499063e-4, -2.95459981e-3, -1.60960333e-2],
    [-1.45660718e-5, -2.13374055e-4, -1.68282697e-3, -7.37332917e-3, -1.42647391e-2],
  ),
  `fn expOf(x: F) -> F { return select(exp(x), x, isNan(x)); }`,
  // x = 2^n · (1 + f), 1 + f between √½ and √2. WGSL's log has an absolute error around 1, and may have anything at and below 0.
  `fn logOf(x: F) -> F {
let n = (bitcast<I>(x) - I(0x3f3504f3)) >> U(23);
let f = bitcast<F>(bitcast<I>(x) - (n << U(23))) - 1;
let p = f * f * (f * ${polynomial('f', [7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1])} - .5);
let y = (p - F(n) * 2.1219444e-4 + f) + F(n) * .693359375;
let z = select(y, F(bitcast<f32>(bits(-8388608))), x < F(1.2e-38));
return select(select(z, F(bitcast<f32>(bits(0x7fc00000))), x < F(0)), x, isNan(x) | (x > F(3.4028234e38)));
}`,
  // Whole exponents up to 32 by multiplication: integers take this way too, and are truncated afterwards.
  `fn power(a: F, b: F) -> F {
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
  `fn moduloInt(a: I, b: I) -> I {
let rest = select(a % b, I(0), b == I(0));
return select(rest, rest + b, (rest != I(0)) & ((rest < I(0)) != (b < I(0))));
}`,
  `fn truncated(x: F) -> I {
let y = select(select(I(x), I(0x7fffffff), x >= F(2147483648)), I(-2147483648), x <= F(-2147483648));
return select(y, I(0), isNan(x));
}`,
  // Behind 32768 the parts of π/2 are too few.
  `fn sine(x: F, turn: i32) -> F {
let n = round(x * .63661977);
let r = ((x - n * 1.5703125) - n * 4.83751297e-4) - n * 7.54978995e-8;
let z = r * r;
let q = I(n) + turn;
let y = select(r + r * z * ${polynomial('z', [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1])},
1 - .5 * z + z * z * ${polynomial('z', [2.44331571e-5, -1.38873163e-3, 4.16666457e-2])},
(q & I(1)) != I(0));
return select(select(y, -y, (q & I(2)) != I(0)), sin(x + f32(turn) * 1.5707964), abs(x) > F(32768));
}`,
];

/**
 * The declarations of those of `functions` that `code` calls, and of the types that they are written for: vectors of `lanes` (1 or 4).
 */
export function functionsFor(code: string, lanes: 1 | 4, functions = FUNCTIONS): string {
  const found = new Set<string>();
  const visit = (text: string): void => {
    for (const [call] of text.matchAll(/\b\w+\(/g)) {
      const declaration = functions.find((each) => each.startsWith(`fn ${call}`));
      if (!declaration || found.has(declaration)) continue;
      found.add(declaration);
      visit(declaration);
    }
  };
  visit(code);
  const types = ['f32', 'i32', 'u32', 'bool'].map(
    (type, at) => `alias ${'FIUB'[at]} = ${lanes === 1 ? type : `vec4<${type}>`};\n`,
  );
  return `${types.join('')}${[...found].join('\n')}\n`;
}
