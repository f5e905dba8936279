/**
 * Element-wise arithmetic as expressions, before it becomes a program (`Kernels.elementwise`). Operators of the
 * element-wise families lower to these; the plan melts chains of them into one program, or into the epilogue of the
 * convolution or matrix product that they follow.
 */
import { bitsOf } from '../half.ts';
import * as Opcode from '../kernels/opcodes.ts';
import type { Value } from './value.ts';

/** A value element by element, broadcast as ONNX does; a constant; the result of the kernel that comes before; or an instruction. */
export type Expression =
  | { readonly kind: 'operand'; readonly value: Value }
  | { readonly kind: 'constant'; readonly bits: number }
  | { readonly kind: 'result' }
  | { readonly kind: 'apply'; readonly opcode: number; readonly sources: readonly Expression[] };

/** The expression that is the float32 number `value` everywhere. */
export function float(value: number): Expression {
  return { kind: 'constant', bits: bitsOf(value) };
}

/** The expression that is the int32 number `value` everywhere. */
export function integer(value: number): Expression {
  return { kind: 'constant', bits: value | 0 };
}

/** The elements of `value`, broadcast to where the expression is used. */
export function operand(value: Value): Expression {
  return { kind: 'operand', value };
}

/** What instructions work on: an expression, the elements of a value, or a float32 number. */
export type Term = Expression | Value | number;

/** The expression that a term stands for. */
export function expressionOf(term: Term): Expression {
  if (typeof term === 'number') return float(term);
  return 'dtype' in term ? operand(term) : term;
}

/** An instruction on one to three sources. */
export function apply(opcode: number, ...sources: Term[]): Expression {
  return { kind: 'apply', opcode, sources: sources.map(expressionOf) };
}

export const add = (a: Term, b: Term) => apply(Opcode.ADD, a, b);
export const subtract = (a: Term, b: Term) => apply(Opcode.SUB, a, b);
export const multiply = (a: Term, b: Term) => apply(Opcode.MUL, a, b);
export const divide = (a: Term, b: Term) => apply(Opcode.DIV, a, b);
export const minimum = (a: Term, b: Term) => apply(Opcode.MIN, a, b);
export const maximum = (a: Term, b: Term) => apply(Opcode.MAX, a, b);
/** `a` where `condition` (int32) is not 0, else `b`. */
export const select = (condition: Term, a: Term, b: Term) => apply(Opcode.SELECT, condition, a, b);

/** Every value that the expression reads, once each, in the order of first use. */
export function operandsOf(
  expression: Expression,
  found = new Set<Value>(),
  // A part that is used twice is walked once: squaring forty times would take 2^40 steps otherwise.
  seen = new Set<Expression>(),
): Set<Value> {
  if (seen.has(expression)) return found;
  seen.add(expression);
  if (expression.kind === 'operand') found.add(expression.value);
  if (expression.kind === 'apply') for (const source of expression.sources) operandsOf(source, found, seen);
  return found;
}

/** The expression with each operand replaced by what `replace` gives for it; equal parts stay shared, and what stays equal the same object. */
export function substitute(
  expression: Expression,
  replace: (value: Value) => Expression | undefined,
  done = new Map<Expression, Expression>(),
): Expression {
  const known = done.get(expression);
  if (known) return known;
  let result = expression;
  if (expression.kind === 'operand') result = replace(expression.value) ?? expression;
  if (expression.kind === 'apply') {
    const sources = expression.sources.map((source) => substitute(source, replace, done));
    if (sources.some((source, at) => source !== expression.sources[at])) result = { ...expression, sources };
  }
  done.set(expression, result);
  return result;
}
