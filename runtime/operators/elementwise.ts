/**
 * Arithmetic and functions element by element (ONNX operator documentation), on float and, where ONNX has them, integer
 * tensors.
 */
import { dtypeFromCode } from '../../src/graph/dtype.ts';
import { intAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply, divide, type Expression, integer, multiply, select } from '../plan/expression.ts';
import { sizeOf } from '../plan/value.ts';
import type { Lower, Operators } from './operator.ts';
import { converted, type Formula, literal, magnitude, pointwise, variadic, wrapped } from './pointwise.ts';
import { broadcastShape } from './shapes.ts';

/** Two inputs, with one opcode for floats and one for integers. */
const arithmetic =
  (ofFloats: number, ofIntegers: number): Formula =>
  ({ dtype, integral }, x, y) =>
    wrapped(dtype, apply(integral ? ofIntegers : ofFloats, x, y));

const sum = arithmetic(Opcode.ADD, Opcode.ADD_INT);
const difference = arithmetic(Opcode.SUB, Opcode.SUB_INT);
const least = arithmetic(Opcode.MIN, Opcode.MIN_INT);
const greatest = arithmetic(Opcode.MAX, Opcode.MAX_INT);

/** Functions of float tensors, in the order of their opcodes from `SQRT` on. */
const FUNCTIONS =
  'Sqrt Exp Log Tanh Sigmoid Erf Ceil Floor Round Sign Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh'.split(
    ' ',
  );

/** Powers that something cheaper than `POW` computes. */
const POWERS: Readonly<Record<number, (x: Expression) => Expression>> = {
  1: (x) => x,
  2: (x) => multiply(x, x),
  3: (x) => multiply(multiply(x, x), x),
  0.5: (x) => apply(Opcode.SQRT, x),
  [-1]: (x) => divide(1, x),
};

/** Base and exponent may be of different types, integers among them. */
const pow: Lower = (plan, node, inputs) => {
  const [x, y] = [inputs[0]!, inputs[1]!];
  const base = converted(x, x.dtype, 'float32');
  const cheap = y.known && sizeOf(y) === 1 ? POWERS[y.known[0]!] : undefined;
  const power = cheap ? cheap(base) : apply(Opcode.POW, base, converted(y, y.dtype, 'float32'));
  return [plan.elementwise(x.dtype, broadcastShape(node, x.shape, y.shape), converted(power, 'float32', x.dtype))];
};

const mean: Lower = (plan, node, inputs) => {
  const total = variadic(sum)(plan, node, inputs)[0]!;
  return [plan.elementwise(total.dtype, total.shape, multiply(total, 1 / inputs.length))];
};

const clip: Formula = (at, x, low?: Expression, high?: Expression) => {
  const floored = low ? greatest(at, x, low) : x;
  return high ? least(at, floored, high) : floored;
};

const mod: Formula = (at, x, y) =>
  intAttribute(at.node, 'fmod', 0) === 1
    ? arithmetic(Opcode.FMOD, Opcode.FMOD_INT)(at, x, y)
    : arithmetic(Opcode.MOD, Opcode.MOD_INT)(at, x, y);

const cast: Lower = (plan, node, [x]) => {
  const to = dtypeFromCode(intAttribute(node, 'to', 0))!;
  return [plan.elementwise(to, x!.shape, converted(x!, x!.dtype, to))];
};

const sign: Formula = ({ integral }, x) =>
  integral ? apply(Opcode.MAX_INT, apply(Opcode.MIN_INT, x, integer(1)), integer(-1)) : apply(Opcode.SIGN, x);

export const ELEMENTWISE_OPERATORS: Operators = {
  ...Object.fromEntries(FUNCTIONS.map((op, at) => [op, pointwise((_, x) => apply(Opcode.SQRT + at, x))])),
  Add: pointwise(sum),
  Sub: pointwise(difference),
  Mul: pointwise(arithmetic(Opcode.MUL, Opcode.MUL_INT)),
  Div: pointwise(arithmetic(Opcode.DIV, Opcode.DIV_INT)),
  Mod: pointwise(mod),
  Pow: pow,
  Sum: variadic(sum),
  Min: variadic(least),
  Max: variadic(greatest),
  Mean: mean,
  Neg: pointwise((at, x) => (at.integral ? difference(at, integer(0), x) : apply(Opcode.NEG, x))),
  Abs: pointwise(({ dtype }, x) => wrapped(dtype, magnitude(x, dtype))),
  Sign: pointwise(sign),
  Reciprocal: pointwise((_, x) => divide(1, x)),
  Clip: pointwise(clip),
  Relu: pointwise((at, x) => greatest(at, x, literal(at.dtype, 0))),
  Where: pointwise((_, condition, x, y) => select(condition, x, y), 1),
  Cast: cast,
};
