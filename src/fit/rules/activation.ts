/**
 * Gradients of activations and elementary functions: the derivative of each, after the formulas of the ONNX operator
 * documentation.
 */
import { floatAttribute, stringAttribute } from '../../graph/graph.ts';
import type { Emitter } from '../emit.ts';
import { type Application, broadcasting, type GradientRule, type GradientRules, masked, slope } from './rule.ts';

/** An attribute, or ONNX's default for it. */
const attribute = ({ node }: Application, name: string, fallback: number) => floatAttribute(node, name, fallback);

/** 1 − v². */
const oneMinusSquare = ({ Mul, Sub }: Emitter, value: string) => Sub(1, Mul(value, value));

/** What is linear for x > 0 and a scaled exponential below. */
const exponentialUnit = (
  below: (emit: Emitter, at: Application) => string,
  above = (_: Application) => 1,
): GradientRule => slope((emit, at) => emit.Where(emit.Greater(at.x, 0), above(at), below(emit, at)));

/** ½ erfc(−x/√2) + x φ(x), or the derivative of the approximation by tanh. */
const gelu: GradientRule = slope((emit, { node, x }) => {
  const { Add, Erf, Exp, Mul, Tanh } = emit;
  const square = Mul(x, x);
  if (stringAttribute(node, 'approximate') !== 'tanh') {
    const normal = Mul(Exp(Mul(square, -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return Add(Mul(Add(Erf(Mul(x, Math.SQRT1_2)), 1), 0.5), Mul(x, normal));
  }
  const scale = Math.sqrt(2 / Math.PI);
  const tanh = Tanh(Mul(Mul(x, scale), Add(1, Mul(square, 0.044715))));
  const inner = Mul(Add(1, Mul(square, 3 * 0.044715)), 0.5 * scale);
  return Add(Mul(Add(1, tanh), 0.5), Mul(Mul(x, inner), oneMinusSquare(emit, tanh)));
});

/** Whether a value is neither 0 nor 1 nor beyond. */
const insideUnit = (emit: Emitter, value: string) => emit.And(emit.Greater(value, 0), emit.Less(value, 1));

export const ACTIVATION_RULES: GradientRules = {
  Relu: (emit, { y, dy }) => [masked(emit, emit.Greater(y, 0), dy)],
  LeakyRelu: slope(({ Where, Greater }, at) => Where(Greater(at.x, 0), 1, attribute(at, 'alpha', 0.01))),
  PRelu: broadcasting((emit, { dy, inputs: [x, alpha] }) => {
    const { Greater, Mul, Where } = emit;
    return [Where(Greater(x, 0), dy, Mul(dy, alpha)), Where(Greater(x, 0), 0, Mul(dy, x))];
  }),
  Elu: exponentialUnit(({ Add }, at) => Add(at.y, attribute(at, 'alpha', 1))),
  Celu: exponentialUnit(({ Exp, Div }, at) => Exp(Div(at.x, attribute(at, 'alpha', 1)))),
  Selu: exponentialUnit(
    ({ Add }, at) => Add(at.y, attribute(at, 'alpha', 1.6732632) * attribute(at, 'gamma', 1.050701)),
    (at) => attribute(at, 'gamma', 1.050701),
  ),
  ThresholdedRelu: (emit, at) => [masked(emit, emit.Greater(at.x, attribute(at, 'alpha', 1)), at.dy)],
  Shrink: (emit, at) => [masked(emit, emit.Greater(emit.Abs(at.x), attribute(at, 'lambd', 0.5)), at.dy)],
  Gelu: gelu,
  Sigmoid: slope(({ Mul, Sub }, { y }) => Mul(y, Sub(1, y))),
  HardSigmoid: (emit, at) => [masked(emit, insideUnit(emit, at.y), emit.Mul(at.dy, attribute(at, 'alpha', 0.2)))],
  HardSwish: slope(({ Add, Div, Greater, Less, Where }, { x }) =>
    Where(Less(x, -3), 0, Where(Greater(x, 3), 1, Add(Div(x, 3), 0.5))),
  ),
  Mish: slope((emit, { x }) => {
    const { Add, Mul, Sigmoid, Softplus, Tanh } = emit;
    const tanh = Tanh(Softplus(x));
    return Add(tanh, Mul(Mul(x, Sigmoid(x)), oneMinusSquare(emit, tanh)));
  }),
  Softplus: slope(({ Sigmoid }, { x }) => Sigmoid(x)),
  Softsign: slope(({ Abs, Mul, Sub }, { y }) => Mul(Sub(1, Abs(y)), Sub(1, Abs(y)))),
  Tanh: slope((emit, { y }) => oneMinusSquare(emit, y)),
  Erf: slope(({ Exp, Mul, Neg }, { x }) => Mul(Exp(Neg(Mul(x, x))), 2 / Math.sqrt(Math.PI))),
  Sin: slope(({ Cos }, { x }) => Cos(x)),
  Cos: slope(({ Neg, Sin }, { x }) => Neg(Sin(x))),
  Tan: slope(({ Add, Mul }, { y }) => Add(1, Mul(y, y))),
  Asin: slope((emit, { x }) => emit.Reciprocal(emit.Sqrt(oneMinusSquare(emit, x)))),
  Acos: slope((emit, { x }) => emit.Neg(emit.Reciprocal(emit.Sqrt(oneMinusSquare(emit, x))))),
  Atan: slope(({ Add, Mul, Reciprocal }, { x }) => Reciprocal(Add(1, Mul(x, x)))),
  Sinh: slope(({ Cosh }, { x }) => Cosh(x)),
  Cosh: slope(({ Sinh }, { x }) => Sinh(x)),
  Asinh: slope(({ Add, Mul, Reciprocal, Sqrt }, { x }) => Reciprocal(Sqrt(Add(1, Mul(x, x))))),
  Acosh: slope(({ Mul, Reciprocal, Sqrt, Sub }, { x }) => Reciprocal(Sqrt(Sub(Mul(x, x), 1)))),
  Atanh: slope((emit, { x }) => emit.Reciprocal(oneMinusSquare(emit, x))),
};
