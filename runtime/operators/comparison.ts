/**
 * Comparisons and logic (ONNX operator documentation). A bool is a word that is 0 or 1.
 */
import * as Opcode from '../kernels/opcodes.ts';
import { apply, integer } from '../plan/expression.ts';
import type { Operators } from './operator.ts';
import { type Formula, pointwise } from './pointwise.ts';

const compare =
  (ofFloats: number, ofIntegers: number, swapped = false): Formula =>
  ({ integral }, x, y) =>
    apply(integral ? ofIntegers : ofFloats, ...(swapped ? [y, x] : [x, y]));

const less = (swapped: boolean) => pointwise(compare(Opcode.LT, Opcode.LT_INT, swapped), 'bool');
const lessOrEqual = (swapped: boolean) => pointwise(compare(Opcode.LE, Opcode.LE_INT, swapped), 'bool');

export const COMPARISON_OPERATORS: Operators = {
  Equal: pointwise(compare(Opcode.EQ, Opcode.EQ_INT), 'bool'),
  Less: less(false),
  Greater: less(true),
  LessOrEqual: lessOrEqual(false),
  GreaterOrEqual: lessOrEqual(true),
  And: pointwise((_, x, y) => apply(Opcode.AND, x, y)),
  Or: pointwise((_, x, y) => apply(Opcode.OR, x, y)),
  Xor: pointwise((_, x, y) => apply(Opcode.XOR, x, y)),
  Not: pointwise((_, x) => apply(Opcode.XOR, x, integer(1))),
  IsNaN: pointwise((_, x) => apply(Opcode.IS_NAN, x), 'bool'),
};
