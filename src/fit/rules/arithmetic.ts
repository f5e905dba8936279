/**
 * Gradients of broadcast arithmetic and of what chooses between values.
 */
import { broadcasting, type GradientRule, type GradientRules, masked, scalarOf, slope, sumTo } from './rule.ts';

const variadic = (rule: GradientRule): GradientRule =>
  broadcasting((emit, at) => {
    const gradients = rule(emit, at);
    return at.node.inputs.map((_, index) => gradients[index] ?? gradients[0]);
  });

/** Min and Max: to the input that was chosen, in equal parts where several are equal. */
const extremum: GradientRule = broadcasting((emit, { node, y, dy }) => {
  const { Add, CastLike, Div, Equal, Mul } = emit;
  const chosen = node.inputs.map((input) => CastLike(Equal(input, y), dy));
  const shared =
    chosen.length === 1
      ? dy
      : Div(
          dy,
          chosen.reduce((sum, each) => Add(sum, each)),
        );
  return chosen.map((each) => Mul(shared, each));
});

export const ARITHMETIC_RULES: GradientRules = {
  Add: broadcasting((_, { dy }) => [dy, dy]),
  Sub: broadcasting(({ Neg }, { dy }) => [dy, Neg(dy)]),
  Mul: broadcasting(({ Mul }, { dy, inputs: [a, b] }) => [Mul(dy, b), Mul(dy, a)]),
  Div: broadcasting(({ Div, Mul, Neg }, { dy, y, inputs: [, b] }) => [Div(dy, b), Neg(Div(Mul(dy, y), b))]),
  Pow: broadcasting((emit, { dy, x, y, inputs: [, exponent] }) => {
    const { CastLike, Log, Mul, Pow, Sub } = emit;
    const power = scalarOf(emit, exponent);
    const lower = power === 2 ? x : Pow(x, power === undefined ? Sub(exponent, CastLike(1, exponent)) : power - 1);
    return [Mul(Mul(dy, power ?? CastLike(exponent, x)), lower), Mul(dy, Mul(y, Log(x)))];
  }),
  Sum: variadic((_, { dy }) => [dy]),
  Mean: variadic(({ Div }, { node, dy }) => [Div(dy, node.inputs.length)]),
  Max: extremum,
  Min: extremum,
  Where: broadcasting(({ Where }, { dy, x: condition }) => ['', Where(condition, dy, 0), Where(condition, 0, dy)]),
  Clip: (emit, { inputs: [x, low, high], y, dy }) => [
    masked(emit, emit.Equal(x, y), dy),
    low && sumTo(emit, masked(emit, emit.Less(x, low), dy), low),
    high && sumTo(emit, masked(emit, emit.Greater(x, high), dy), high),
  ],
  Neg: slope(() => -1),
  Abs: slope(({ Sign }, { x }) => Sign(x)),
  Sqrt: (emit, { y, dy }) => [emit.Div(emit.Mul(dy, 0.5), y)],
  Exp: slope((_, { y }) => y),
  Log: ({ Div }, { x, dy }) => [Div(dy, x)],
  Reciprocal: slope(({ Mul, Neg }, { y }) => Neg(Mul(y, y))),
  Identity: (_, { dy }) => [dy],
  Cast: ({ CastLike }, { x, dy }) => [CastLike(dy, x)],
  CastLike: ({ CastLike }, { x, dy }) => [CastLike(dy, x)],
};
