/**
 * Gradients of broadcast arithmetic and of what chooses between values.
 */
import { toNumbers } from '../../graph/numbers.ts';
import type { Emitter } from '../emit.ts';
import { sumTo } from './like.ts';
import { broadcasting, type GradientRule, type GradientRules, masked, slope, unsupported } from './rule.ts';

/** Of any number of inputs, all of which have the same gradient. */
const alike = (rule: GradientRule): GradientRule =>
  broadcasting((emit, at) => {
    const [gradient] = rule(emit, at);
    return at.node.inputs.map(() => gradient);
  });

/** Min and Max: to the input that was chosen, in equal parts where several are equal. */
const extremum: GradientRule = broadcasting((emit, { node, y, dy }) => {
  const { Add, CastLike, Div, Equal, Mul } = emit;
  const chosen = node.inputs.map((input) => CastLike(Equal(input, y), dy));
  const count = chosen.reduce((sum, each) => Add(sum, each));
  return chosen.map((each) => Mul(Div(dy, count), each));
});

/** The known value of a scalar float constant. */
function scalarOf(emit: Emitter, value: string): number | undefined {
  const tensor = emit.constantOf(value);
  if (!tensor || tensor.dtype === 'string' || tensor.shape.some((dim) => dim !== 1)) return undefined;
  return toNumbers(tensor)[0];
}

const pow: GradientRule = broadcasting((emit, { dy, x, y, inputs: [, exponent] }) => {
  const { CastLike, Log, Mul, Pow, Sub } = emit;
  const power = scalarOf(emit, exponent);
  const lower = power === 2 ? x : Pow(x, power === undefined ? Sub(exponent, CastLike(1, exponent)) : power - 1);
  return [Mul(Mul(dy, power ?? CastLike(exponent, x)), lower), Mul(dy, Mul(y, Log(x)))];
});

const dropout: GradientRule = (emit, { node, dy, inputs: [, ratio, training] }) => {
  const [trains] = training === '' ? [0] : (emit.integersOf(training) ?? []);
  if (typeof trains !== 'number') throw unsupported(node, 'whether it is in training is not known');
  if (trains === 0) return [dy];
  return [emit.Div(masked(emit, emit.outputOf(node, 1), dy), emit.Sub(1, ratio || 0.5))];
};

export const ARITHMETIC_RULES: GradientRules = {
  Add: broadcasting((_, { dy }) => [dy, dy]),
  Sub: broadcasting(({ Neg }, { dy }) => [dy, Neg(dy)]),
  Mul: broadcasting(({ Mul }, { dy, inputs: [a, b] }) => [Mul(dy, b), Mul(dy, a)]),
  Div: broadcasting(({ Div, Mul, Neg }, { dy, y, inputs: [, b] }) => [Div(dy, b), Neg(Div(Mul(dy, y), b))]),
  Pow: pow,
  Sum: alike((_, { dy }) => [dy]),
  Mean: alike(({ Div }, { node, dy }) => [Div(dy, node.inputs.length)]),
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
  Dropout: dropout,
  Cast: ({ CastLike }, { x, dy }) => [CastLike(dy, x)],
  CastLike: ({ CastLike }, { x, dy }) => [CastLike(dy, x)],
};
