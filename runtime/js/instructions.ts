/**
 * The instructions of element-wise programs, one function of a few numbers each: see ../kernels/opcodes.ts. Where a
 * function yields float32, whoever stores the number rounds it.
 */
import * as opcodes from '../kernels/opcodes.ts';
import { floats, type Instruction, integers, RARE_INSTRUCTIONS } from './rare-instructions.ts';

const tests = (of: (a: number, b: number) => boolean): Instruction => ({
  fromFloats: true,
  toFloats: false,
  of: (a, b) => Number(of(a, b)),
});
/** Every instruction but SELECT, by opcode. */
export const INSTRUCTIONS: Readonly<Record<number, Instruction>> = {
  ...RARE_INSTRUCTIONS,
  [opcodes.ADD]: floats((a, b) => a + b),
  [opcodes.SUB]: floats((a, b) => a - b),
  [opcodes.MUL]: floats((a, b) => a * b),
  [opcodes.DIV]: floats((a, b) => a / b),
  [opcodes.MIN]: floats(Math.min),
  [opcodes.MAX]: floats(Math.max),
  [opcodes.NEG]: floats((a) => -a),
  [opcodes.ABS]: floats(Math.abs),
  [opcodes.SQRT]: floats(Math.sqrt),
  [opcodes.EXP]: floats(Math.exp),
  [opcodes.LOG]: floats(Math.log),
  [opcodes.TANH]: floats(Math.tanh),
  [opcodes.SIGMOID]: floats((a) => 1 / (1 + Math.exp(-a))),
  [opcodes.ERF]: floats(erf),
  [opcodes.CEIL]: floats(Math.ceil),
  [opcodes.FLOOR]: floats(Math.floor),
  [opcodes.ROUND]: floats(roundHalfToEven),
  [opcodes.SIGN]: floats((a) => Number(a > 0) - Number(a < 0)),
  [opcodes.EQ]: tests((a, b) => a === b),
  [opcodes.LT]: tests((a, b) => a < b),
  [opcodes.LE]: tests((a, b) => a <= b),
  [opcodes.IS_NAN]: tests(Number.isNaN),
  [opcodes.ADD_INT]: integers((a, b) => a + b),
  [opcodes.SUB_INT]: integers((a, b) => a - b),
  [opcodes.MUL_INT]: integers(Math.imul),
  [opcodes.MIN_INT]: integers(Math.min),
  [opcodes.MAX_INT]: integers(Math.max),
  [opcodes.AND]: integers((a, b) => a & b),
  [opcodes.OR]: integers((a, b) => a | b),
  [opcodes.XOR]: integers((a, b) => a ^ b),
  [opcodes.EQ_INT]: integers((a, b) => a === b),
  [opcodes.LT_INT]: integers((a, b) => a < b),
  [opcodes.LE_INT]: integers((a, b) => a <= b),
  [opcodes.INT_TO_FLOAT]: { fromFloats: false, toFloats: true, of: (a) => a },
  [opcodes.FLOAT_TO_INT]: {
    fromFloats: true,
    toFloats: false,
    of: (a) => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(a) || 0)),
  },
};

function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const away = x - below;
  const up = away > 0.5 || (away === 0.5 && below % 2 !== 0);
  return up ? Math.ceil(x) : below;
}

/** The error function, to double precision: its Taylor series near 0, else the continued fraction of its complement. */
export function erf(x: number): number {
  const t = Math.abs(x);
  if (t < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 40; n > 0; n--) fraction = n / 2 / (t + fraction);
  const complement = Math.exp(-t * t) / (Math.sqrt(Math.PI) * (t + fraction));
  return Math.sign(x) * (1 - complement) || x;
}
