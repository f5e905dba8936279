/**
 * Activation functions (ONNX operator documentation) as expressions.
 */
import { floatAttribute, stringAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import {
  add,
  apply,
  divide,
  type Expression,
  float,
  maximum,
  minimum,
  multiply,
  select,
  subtract,
  type Term,
} from '../plan/expression.ts';
import type { Lower, Operators } from './operator.ts';
import { type Application, type Formula, pointwise } from './pointwise.ts';
import { broadcastShape } from './shapes.ts';

const ZERO = float(0);
const ONE = float(1);

const attribute = ({ node }: Application, name: string, fallback: number): Expression =>
  float(floatAttribute(node, name, fallback));

const isNegative = (x: Term) => apply(Opcode.LT, x, ZERO);
const exp = (x: Expression) => apply(Opcode.EXP, x);
const tanh = (x: Expression) => apply(Opcode.TANH, x);
const unitClamp = (x: Expression) => minimum(maximum(x, ZERO), ONE);
/** e^x − 1. */
const expMinusOne = (x: Expression) => subtract(exp(x), ONE);
/** ln(1 + e^x), stable for large values. */
const softplus = (x: Expression) =>
  add(maximum(x, ZERO), apply(Opcode.LOG, add(ONE, exp(apply(Opcode.NEG, apply(Opcode.ABS, x))))));

/** `x`, or `slope` · `x` where that is negative. */
const leaky: Formula = ({ node }, x) => {
  const slope = floatAttribute(node, 'alpha', 0.01);
  return (slope > 1 ? minimum : maximum)(x, multiply(x, slope));
};

const prelu: Lower = (plan, node, inputs) => {
  const [x, slope] = [inputs[0]!, inputs[1]!];
  const scaled = multiply(x, slope);
  const gentle = slope.known?.every((each) => each <= 1);
  const shape = broadcastShape(node, x.shape, slope.shape);
  const result = gentle ? maximum(x, scaled) : select(isNegative(x), scaled, x);
  return [plan.elementwise(x.dtype, shape, result)];
};

/** x · Φ(x), or its approximation by tanh. */
const gelu: Formula = ({ node }, x) => {
  const gate =
    stringAttribute(node, 'approximate') === 'tanh'
      ? tanh(multiply(multiply(x, Math.sqrt(2 / Math.PI)), add(ONE, multiply(0.044715, multiply(x, x)))))
      : apply(Opcode.ERF, multiply(x, Math.SQRT1_2));
  return multiply(multiply(x, 0.5), add(ONE, gate));
};

const selu: Formula = (at, x) =>
  multiply(
    attribute(at, 'gamma', 1.050701),
    select(isNegative(x), multiply(attribute(at, 'alpha', 1.6732632), expMinusOne(x)), x),
  );

const FORMULAS: Readonly<Record<string, Formula>> = {
  LeakyRelu: leaky,
  Elu: (at, x) => select(isNegative(x), multiply(attribute(at, 'alpha', 1), expMinusOne(x)), x),
  Selu: selu,
  HardSigmoid: (at, x) => unitClamp(add(multiply(x, attribute(at, 'alpha', 0.2)), attribute(at, 'beta', 0.5))),
  HardSwish: (_, x) => multiply(x, unitClamp(add(multiply(x, 1 / 6), 0.5))),
  Softplus: (_, x) => softplus(x),
  Softsign: (_, x) => divide(x, add(ONE, apply(Opcode.ABS, x))),
  Mish: (_, x) => multiply(x, tanh(softplus(x))),
  Gelu: gelu,
};

export const ACTIVATION_OPERATORS: Operators = {
  ...Object.fromEntries(Object.entries(FORMULAS).map(([op, formula]) => [op, pointwise(formula)])),
  PRelu: prelu,
};
