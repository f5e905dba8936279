/**
 * Element-wise programs (`Kernels.elementwise`) as WGSL: a statement an instruction, with the semantics of ../js/instructions.ts.
 */
import { bitsOf, floatOf } from '../half.ts';
import * as op from '../kernels/opcodes.ts';
import type { Argument } from '../plan/buffer.ts';
import { type Binding, bufferOf, numberOf, tableOf } from './dispatch.ts';
import { functionsFor } from './functions.ts';
import { dotProduct } from './wgsl.ts';

type Type = 'F' | 'I';

/** What an instruction computes of its sources; `isNumber` says of which a NaN can be ruled out. */
type Rule = (a: string, b: string, isNumber: readonly [boolean, boolean]) => string;

const infix =
  (operator: string): Rule =>
  (a, b) =>
    `${a} ${operator} ${b}`;
const call =
  (name: string): Rule =>
  (a) =>
    `${name}(${a})`;
const callTwo =
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

/** By opcode, but for SELECT. */
const RULES: Readonly<Record<number, Rule>> = {
  [op.ADD]: infix('+'),
  [op.SUB]: infix('-'),
  [op.MUL]: infix('*'),
  [op.DIV]: infix('/'),
  [op.MIN]: extreme('least', '<'),
  [op.MAX]: extreme('greatest', '>'),
  [op.POW]: callTwo('power'),
  [op.FMOD]: callTwo('remainder'),
  [op.MOD]: callTwo('modulo'),
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
  [op.TAN]: (a) => `sine(${a}, 0) / sine(${a}, 1)`,
  [op.ASIN]: (a) => `arctangent(${a} / sqrt((1 - ${a}) * (1 + ${a})))`,
  [op.ACOS]: (a) => `2 * arctangent(sqrt((1 - ${a}) / (1 + ${a})))`,
  [op.ATAN]: call('arctangent'),
  [op.SINH]: call('sinhOf'),
  [op.COSH]: call('coshOf'),
  [op.ASINH]: call('arsinh'),
  [op.ACOSH]: call('arcosh'),
  [op.ATANH]: (a) => `.5 * logOnePlus(2 * ${a} / (1 - ${a}))`,
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

/** Of what type an instruction's sources are. */
const sourceType = (opcode: number): Type => (opcode < op.ADD_INT || opcode === op.FLOAT_TO_INT ? 'F' : 'I');
const resultType = (opcode: number): Type => (opcode < op.EQ || opcode === op.INT_TO_FLOAT ? 'F' : 'I');

/** A program's table in parts. */
export interface ProgramTable {
  readonly dims: readonly number[];
  /** Of each operand, over the dims. */
  readonly strides: readonly (readonly number[])[];
  /** Bits of numbers. */
  readonly constants: readonly number[];
  /** Opcode, destination and three sources each. */
  readonly instructions: readonly (readonly number[])[];
}

/** Takes a program's table apart. */
export function readProgram(table: Int32Array): ProgramTable {
  const [rank = 0, operands = 0, constants = 0, instructions = 0, ...words] = table;
  const take = (count: number) => words.splice(0, count);
  const takeAll = (count: number, size: number) => Array.from({ length: count }, () => take(size));
  return {
    dims: take(rank),
    strides: takeAll(operands, rank),
    constants: take(constants),
    instructions: takeAll(instructions, op.INSTRUCTION_WORDS),
  };
}

/** A program in WGSL, for numbers of the types F and I: see `functionsFor`. */
export interface ProgramText {
  /** Statements that compute the result of the operands, which are the variables `x0`, `x1`, … of these types. */
  readonly code: string;
  readonly operands: readonly Type[];
  /** The result as an expression, and its type. */
  readonly result: string;
  readonly type: Type;
}

/** A register's contents: a variable, or a constant. */
type Contents = { readonly name: string; readonly type: Type } | { readonly bits: number };

/** A program in WGSL; `first` is what operand 0 is, where that is given. */
export function programText({ strides, constants, instructions }: ProgramTable, first?: Type): ProgramText {
  const operands = strides.map((_, register) => {
    if (register === 0 && first) return first;
    const reader = instructions.find(([opcode, , ...sources]) => readsOf(opcode!, sources).includes(register));
    return reader ? sourceType(reader[0]!) : 'I';
  });
  const registers: Contents[] = [
    ...operands.map((type, at) => ({ name: `x${at}`, type })),
    ...constants.map((bits) => ({ bits })),
  ];
  const statements = new Set<string>();
  const textOf = (register: number, type: Type): string => {
    const contents = registers[register]!;
    if (!('bits' in contents)) return contents.type === type ? contents.name : `bitcast<${type}>(${contents.name})`;
    // A variable, since compilers refuse constant expressions that overflow or divide by 0.
    const name = `${type === 'F' ? 'f' : 'i'}${contents.bits >>> 0}`;
    statements.add(`let ${name} = ${constantText(contents.bits, type)};\n`);
    return name;
  };
  const typeOf = (register: number) => {
    const contents = registers[register]!;
    return 'bits' in contents ? undefined : contents.type;
  };
  const isNumber = (register: number) => {
    const contents = registers[register]!;
    return 'bits' in contents && !Number.isNaN(floatOf(contents.bits));
  };
  let last = 0;
  for (const [at, [opcode = 0, target = 0, a = 0, b = 0, c = 0]] of instructions.entries()) {
    let type = resultType(opcode);
    let value: string;
    if (opcode === op.SELECT) {
      type = typeOf(b) ?? typeOf(c) ?? 'I';
      value = `select(${textOf(c, type)}, ${textOf(b, type)}, ${textOf(a, 'I')} != I(0))`;
    } else {
      const from = sourceType(opcode);
      const [left, right] = readsOf(opcode, [a, b]).map((register) => textOf(register, from)) as [string, string];
      value = RULES[opcode]!(left, right, [isNumber(a), isNumber(b)]);
    }
    statements.add(`let t${at} = ${value};\n`);
    registers[target] = { name: `t${at}`, type };
    last = target;
  }
  const type = typeOf(last) ?? 'I';
  return { code: [...statements].join(''), operands, result: textOf(last, type), type };
}

/** Those of the source registers that the instruction reads as numbers: none of SELECT's, which moves words. */
function readsOf(opcode: number, sources: readonly number[]): readonly number[] {
  return opcode === op.SELECT ? [] : sources.slice(0, RULES[opcode]!.length);
}

function constantText(bits: number, type: Type): string {
  if (type === 'I') return `I(${bits})`;
  const number = floatOf(bits);
  const isPlain = Number.isFinite(number) && (Math.abs(number) > 1e-37 || bits === 0);
  return isPlain ? `F(${number}f)` : `F(bitcast<f32>(bits(${bits})))`;
}

/** A float32 number as a WGSL expression of the type F. */
export function floatText(number: number): string {
  return constantText(bitsOf(number), 'F');
}

/** Statements that clamp a variable of the type F; NaN stays. */
export function clampText(variable: string, low: number, high: number): string {
  const bound = (limit: number, sign: string) => {
    const text = floatText(limit);
    return Math.abs(limit) < 3e38 ? `${variable} = select(${variable}, ${text}, ${variable} ${sign} ${text});\n` : '';
  };
  return bound(low, '<') + bound(high, '>');
}

/** What products do to their results, as WGSL. */
export interface EpilogueText {
  /** The buffers that `code` reads: at most three. */
  readonly bindings: readonly Binding[];
  /** Declares `fn epilogue(value: f32, batch: u32, row: u32, column: u32) -> f32`, and the names F, I, U and B of types. */
  readonly code: string;
}

/** The epilogue of a kernel (see `Kernels`), from its arguments. */
export function epilogueOf(
  low: Argument,
  high: Argument,
  program: Argument,
  ...operands: readonly Argument[]
): EpilogueText {
  let body = `var x0 = value;\n${clampText('x0', numberOf(low), numberOf(high))}`;
  const bindings: Binding[] = [];
  let result = 'x0';
  if (program !== 0) {
    const table = readProgram(tableOf(program));
    const text = programText(table, 'F');
    for (const [at, steps] of table.strides.slice(1).entries()) {
      const type = text.operands[at + 1]!;
      bindings.push({ name: `c${at + 1}`, buffer: bufferOf(operands[at]!)!, type: type === 'F' ? 'f32' : 'i32' });
      body += `let x${at + 1} = c${at + 1}[${dotProduct(['batch', 'row', 'column'], steps)}];\n`;
    }
    body += text.code;
    result = text.type === 'F' ? text.result : `bitcast<F>(${text.result})`;
  }
  const code = `fn epilogue(value: f32, batch: u32, row: u32, column: u32) -> f32 {\n${body}return ${result};\n}`;
  return { bindings, code: `${functionsFor(code, 1)}\n${code}\n` };
}
