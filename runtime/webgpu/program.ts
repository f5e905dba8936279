/**
 * Element-wise programs (`Kernels.elementwise`) as WGSL: a statement an instruction.
 */
import { bitsOf, floatOf } from '../half.ts';
import * as op from '../kernels/opcodes.ts';
import type { Argument } from '../plan/buffer.ts';
import { type Binding, bufferOf, type DeviceFacts, numberOf, tableOf } from './dispatch.ts';
import { functionsFor } from './functions.ts';
import {
  INSTRUCTIONS,
  type Instructions,
  instructionText,
  readsOf,
  resultType,
  sourceType,
  type Type,
} from './instructions.ts';
import { dotProduct } from './wgsl.ts';

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

/**
 * A program in WGSL; `first` is what operand 0 is, where that is given. Throws `UnsupportedError` for an instruction that is not among those
 * that are `known`.
 */
export function programText(
  known: Instructions,
  { strides, constants, instructions }: ProgramTable,
  first?: Type,
): ProgramText {
  const operands = strides.map((_, register) => {
    if (register === 0 && first) return first;
    const reader = instructions.find(([opcode, , ...sources]) => readsOf(known, opcode!, sources).includes(register));
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
      const sources = readsOf(known, opcode, [a, b]).map((register) => textOf(register, from));
      value = instructionText(known, opcode, sources, [isNumber(a), isNumber(b)]);
    }
    statements.add(`let t${at} = ${value};\n`);
    registers[target] = { name: `t${at}`, type };
    last = target;
  }
  const type = typeOf(last) ?? 'I';
  return { code: [...statements].join(''), operands, result: textOf(last, type), type };
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
  { instructions = INSTRUCTIONS }: DeviceFacts,
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
    const text = programText(instructions, table, 'F');
    for (const [at, steps] of table.strides.slice(1).entries()) {
      const type = text.operands[at + 1]!;
      bindings.push({ name: `c${at + 1}`, buffer: bufferOf(operands[at]!)!, type: type === 'F' ? 'f32' : 'i32' });
      body += `let x${at + 1} = c${at + 1}[${dotProduct(['batch', 'row', 'column'], steps)}];\n`;
    }
    body += text.code;
    result = text.type === 'F' ? text.result : `bitcast<F>(${text.result})`;
  }
  const code = `fn epilogue(value: f32, batch: u32, row: u32, column: u32) -> f32 {\n${body}return ${result};\n}`;
  return { bindings, code: `${functionsFor(code, 1, instructions.functions)}\n${code}\n` };
}
