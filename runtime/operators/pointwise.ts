/**
 * How operators that work element by element are lowered: a formula per operator, as an expression of its inputs.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { DTYPES, type DType } from '../../src/graph/dtype.ts';
import type { Node } from '../../src/graph/graph.ts';
import { isElementType } from '../elements.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply, type Expression, expressionOf, float, integer, operand, type Term } from '../plan/expression.ts';
import { isIntegral } from '../plan/value.ts';
import type { Lower } from './operator.ts';
import { broadcastShape } from './shapes.ts';

/** What a formula may depend on besides the inputs themselves. */
export interface Application {
  readonly node: Node;
  /** Element type of the first input. */
  readonly dtype: DType;
  /** Whether that is an integer type or bool. */
  readonly integral: boolean;
}

/** The result of an operator for its inputs; an input that is left out is `undefined`. */
export type Formula = (at: Application, ...inputs: Expression[]) => Expression;

/**
 * Lowers an operator whose inputs are broadcast to one shape. The result has the type `result`, or that of the input at
 * this position.
 */
export function pointwise(formula: Formula, result: DType | number = 0): Lower {
  return (plan, node, inputs) => {
    const given = inputs.filter((input) => input !== undefined);
    const { dtype } = given[0]!;
    const shape = broadcastShape(node, ...given.map((input) => input.shape));
    const expression = formula(
      { node, dtype, integral: isIntegral(dtype) },
      ...inputs.map((input) => (input && operand(input)) as Expression),
    );
    return [plan.elementwise(typeof result === 'number' ? inputs[result]!.dtype : result, shape, expression)];
  };
}

/** The first input as it is. */
export const identity: Lower = pointwise((_, x) => x);

/** Lowers an operator of one or more inputs as a chain of an operator of two. */
export function variadic(formula: Formula): Lower {
  const pair = pointwise(formula);
  return (plan, node, inputs) =>
    inputs.length === 1
      ? identity(plan, node, inputs)
      : [inputs.reduce((result, next) => pair(plan, node, [result, next])[0])!];
}

/** `number` in the words of `dtype`. */
export function literal(dtype: DType, number: number): Expression {
  return isIntegral(dtype) ? integer(number) : float(number);
}

/** An int32 number brought back to the range of a narrower integer type, as overflow leaves it. */
export function wrapped(dtype: DType, value: Expression): Expression {
  const { bits } = DTYPES[dtype];
  if (!isIntegral(dtype) || dtype === 'bool' || bits > 16) return value;
  const shift = integer(32 - bits);
  const back = dtype.startsWith('u') ? Opcode.SHIFT_RIGHT : Opcode.SHIFT_RIGHT_SIGNED;
  return apply(back, apply(Opcode.SHIFT_LEFT, value, shift), shift);
}

/** `value` of type `from` as `to`, after ONNX's Cast. */
export function converted(term: Term, from: DType, to: DType): Expression {
  const value = expressionOf(term);
  if (!isElementType(to)) throw new UnsupportedError(`elements of type ${to}`);
  const integral = isIntegral(from);
  if (from === to) return value;
  if (to === 'bool') {
    const isZero = apply(integral ? Opcode.EQ_INT : Opcode.EQ, value, integer(0));
    return apply(Opcode.XOR, isZero, integer(1));
  }
  if (!isIntegral(to)) return integral ? apply(Opcode.INT_TO_FLOAT, value) : value;
  return wrapped(to, integral ? value : apply(Opcode.FLOAT_TO_INT, value));
}

/** |x| of type `dtype`. */
export function magnitude(x: Expression, dtype: DType): Expression {
  return isIntegral(dtype) ? apply(Opcode.MAX_INT, x, apply(Opcode.SUB_INT, integer(0), x)) : apply(Opcode.ABS, x);
}
