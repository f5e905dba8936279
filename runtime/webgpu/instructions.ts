/**
 * The instructions of element-wise programs as WGSL, one expression each, with the semantics of ../js/instructions.ts.
 */
import { UnsupportedError } from '../../src/errors.ts';
import * as op from '../kernels/opcodes.ts';
import { FUNCTIONS } from './functions.ts';

/** Of what type an expression is: a number, or a vector of four. */
export type Type = 'F' | 'I';

/** An expression for what an instruction computes of its sources; `isNumber` says of which a NaN can be ruled out. */
type Rule = (a: string, b: string, isNumber: readonly [boolean, boolean]) => string;

/** Instructions that programs may have, but for SELECT. */
export interface Instructions {
  /** By opcode. */
  readonly rules: Readonly<Record<number, Rule>>;
  /** Declarations of the functions that they call. */
  readonly functions: readonly string[];
}

const infix =
  (operator: string): Rule =>
  (a, b) =>
    `${a} ${operator} ${b}`;
/** A function of the source. */
export const call =
  (name: string): Rule =>
  (a) =>
    `${name}(${a})`;
/** A function of both sources. */
export const callTwo =
  (name: string): Rule =>
  (a, b) =>
    `${name}(${a}, ${b})`;
const test =
  (operator: string): Rule =>
  (a, b) =>
    `I(${a} ${operator} ${b})`;
const shift =
  (operator: string): Rule =>
  (a, b) =>
    `${a} ${operator} U(${b} & I(31))`;
/** The one source where it is beyond the other; constants are compared such that NaN of the other source stays. */
const extreme =
  (name: string, sign: string): Rule =>
  (a, b, [isNumberA, isNumberB]) => {
    if (isNumberB) return `select(${a}, ${b}, ${b} ${sign} ${a})`;
    return isNumberA ? `select(${b}, ${a}, ${a} ${sign} ${b})` : `${name}(${a}, ${b})`;
  };

const RULES: Readonly<Record<number, Rule>> = {
  [op.ADD]: infix('+'),
  [op.SUB]: infix('-'),
  [op.MUL]: infix('*'),
  [op.DIV]: infix('/'),
  [op.MIN]: extreme('least', '<'),
  [op.MAX]: extreme('greatest', '>'),
  [op.POW]: callTwo('power'),
  [op.NEG]: call('-'),
  [op.ABS]: call('abs'),
  [op.SQRT]: call('sqrt'),
  [op.EXP]: call('expOf'),
  [op.LOG]: call('logOf'),
  [op.TANH]: call('tanhOf'),
  [op.SIGMOID]: (a) => `1 / (1 + expOf(-${a}))`,
  [op.ERF]: call('erf'),
  [op.CEIL]: call('ceil'),
  [op.FLOOR]: call('floor'),
  [op.ROUND]: call('round'),
  [op.SIGN]: (a) => `F(${a} > F(0)) - F(${a} < F(0))`,
  [op.SIN]: (a) => `sine(${a}, 0)`,
  [op.COS]: (a) => `sine(${a}, 1)`,
  [op.EQ]: test('=='),
  [op.LT]: test('<'),
  [op.LE]: test('<='),
  [op.IS_NAN]: (a) => `I(isNan(${a}))`,
  [op.ADD_INT]: infix('+'),
  [op.SUB_INT]: infix('-'),
  [op.MUL_INT]: infix('*'),
  [op.DIV_INT]: (a, b) => `select(${a} / ${b}, I(0), ${b} == I(0))`,
  [op.FMOD_INT]: (a, b) => `select(${a} % ${b}, I(0), ${b} == I(0))`,
  [op.MOD_INT]: callTwo('moduloInt'),
  [op.MIN_INT]: callTwo('min'),
  [op.MAX_INT]: callTwo('max'),
  [op.AND]: infix('&'),
  [op.OR]: infix('|'),
  [op.XOR]: infix('^'),
  [op.SHIFT_LEFT]: shift('<<'),
  [op.SHIFT_RIGHT]: (a, b) => `I(U(${a}) >> U(${b} & I(31)))`,
  [op.SHIFT_RIGHT_SIGNED]: shift('>>'),
  [op.EQ_INT]: test('=='),
  [op.LT_INT]: test('<'),
  [op.LE_INT]: test('<='),
  [op.INT_TO_FLOAT]: (a) => `F(${a})`,
  [op.FLOAT_TO_INT]: call('truncated'),
};

/** Those of every build. */
export const INSTRUCTIONS: Instructions = { rules: RULES, functions: FUNCTIONS };

/** Of what type the sources of an instruction are, unless it is SELECT. */
export const sourceType = (opcode: number): Type => (opcode < op.ADD_INT || opcode === op.FLOAT_TO_INT ? 'F' : 'I');
/** Of what type its result is. */
export const resultType = (opcode: number): Type => (opcode < op.EQ || opcode === op.INT_TO_FLOAT ? 'F' : 'I');

/** What an instruction computes. Throws `UnsupportedError` where it is not among `rules`. */
function ruleOf({ rules }: Instructions, opcode: number): Rule {
  const rule = rules[opcode];
  if (!rule) throw new UnsupportedError(`instruction ${opcode} has no shader here`);
  return rule;
}

/** Those of an instruction's three source registers that it computes with: none of SELECT's, which moves words. */
export function readsOf(instructions: Instructions, opcode: number, sources: readonly number[]): readonly number[] {
  return opcode === op.SELECT ? [] : sources.slice(0, Math.min(2, ruleOf(instructions, opcode).length));
}

/** An instruction but SELECT as an expression of its sources, which are names; `isNumber` says which can't be NaN. */
export function instructionText(
  instructions: Instructions,
  opcode: number,
  [a = '', b = '']: readonly string[],
  isNumber: readonly [boolean, boolean],
): string {
  return ruleOf(instructions, opcode)(a, b, isNumber);
}
