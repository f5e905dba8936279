/**
 * The instructions of element-wise programs that are too rare for code of their own in WebAssembly: its kernels call these too.
 */
import * as opcodes from '../kernels/opcodes.ts';

/** What an instruction reads and writes, and how it computes one element. */
export interface Instruction {
  /** Whether its sources are float32; int32 else. */
  readonly fromFloats: boolean;
  /** Whether its result is float32; int32 else. */
  readonly toFloats: boolean;
  readonly of: (a: number, b: number) => number;
}

/** An instruction from float32 to float32. */
export const floats = (of: Instruction['of']): Instruction => ({ fromFloats: true, toFloats: true, of });
/** An instruction from int32 to int32. */
export const integers = (of: (a: number, b: number) => number | boolean): Instruction => ({
  fromFloats: false,
  toFloats: false,
  of: (a, b) => Number(of(a, b)),
});

/** In the order of their opcodes from `SIN` on. */
const TRIGONOMETRY = ['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'asinh', 'acosh', 'atanh'] as const;

/** Those instructions, by opcode. */
export const RARE_INSTRUCTIONS: Readonly<Record<number, Instruction>> = {
  ...Object.fromEntries(TRIGONOMETRY.map((name, at) => [opcodes.SIN + at, floats(Math[name])])),
  [opcodes.POW]: floats((a, b) => a ** b),
  [opcodes.FMOD]: floats((a, b) => a % b),
  [opcodes.MOD]: floats(modulo),
  [opcodes.DIV_INT]: integers((a, b) => (a / b) | 0),
  [opcodes.FMOD_INT]: integers((a, b) => (a % b) | 0),
  [opcodes.MOD_INT]: integers((a, b) => modulo(a, b) | 0),
  [opcodes.SHIFT_LEFT]: integers((a, b) => a << b),
  [opcodes.SHIFT_RIGHT]: integers((a, b) => a >>> b),
  [opcodes.SHIFT_RIGHT_SIGNED]: integers((a, b) => a >> b),
};

/** Remainder with the sign of the divisor. */
function modulo(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}
