/**
 * Comparisons, logic and bits (ONNX operator documentation). A bool is a word that is 0 or 1.
 */
import { intAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { apply, float, integer } from '../plan/expression.ts';
import type { Operators } from './operator.ts';
import { type Formula, pointwise, wrapped } from './pointwise.ts';

const compare =
  (ofFloats: number, ofIntegers: number, swapped = false): Formula =>
  ({ integral }, x, y) =>
    apply(integral ? ofIntegers : ofFloats, ...(swapped ? [y, x] : [x, y]));

const less = (swapped: boolean) => pointwise(compare(Opcode.LT, Opcode.LT_INT, swapped), 'bool');
const lessOrEqual = (swapped: boolean) => pointwise(compare(Opcode.LE, Opcode.LE_INT, swapped), 'bool');

const bits = (opcode: number) => pointwise((_, x, y) => apply(opcode, x, y));
const and = bits(Opcode.AND);
const or = bits(Opcode.OR);
const xor = bits(Opcode.XOR);

/** Infinities of the signs that the node asks for. */
const isInf: Formula = ({ node }, x) => {
  const [positive, negative] = ['detect_positive', 'detect_negative'].map((name) => intAttribute(node, name, 1));
  if (!positive && !negative) return integer(0);
  const sought = positive ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return apply(Opcode.EQ, positive && negative ? apply(Opcode.ABS, x) : x, float(sought));
};

export const COMPARISON_OPERATORS: Operators = {
  Equal: pointwise(compare(Opcode.EQ, Opcode.EQ_INT), 'bool'),
  Less: less(false),
  Greater: less(true),
  LessOrEqual: lessOrEqual(false),
  GreaterOrEqual: lessOrEqual(true),
  And: and,
  Or: or,
  Xor: xor,
  Not: pointwise((_, x) => apply(Opcode.XOR, x, integer(1))),
  BitwiseAnd: and,
  BitwiseOr: or,
  BitwiseXor: xor,
  BitwiseNot: pointwise(({ dtype }, x) => wrapped(dtype, apply(Opcode.XOR, x, integer(-1)))),
  IsNaN: pointwise((_, x) => apply(Opcode.IS_NAN, x), 'bool'),
  IsInf: pointwise(isInf, 'bool'),
};
