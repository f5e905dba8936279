/**
 * The interpreter of element-wise programs: see `Kernels.elementwise` for their table. A run of words along the last axis
 * goes through the program in blocks, each instruction in turn over the whole block.
 */
import * as opcodes from '../kernels/opcodes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import type { Memory } from './memory.ts';

/** Words of a register. */
const BLOCK = 256;

const floats = new Float32Array(opcodes.MOST_REGISTERS * BLOCK);
const words = new Int32Array(floats.buffer);

/**
 * Runs the program over `count` words along the last axis of its dims, from where each operand begins in `starts`
 * (indices of words), into the words from index `y` on.
 */
export function runChain(memory: Memory, program: number, y: number, count: number, starts: readonly number[]): void {
  const table = memory.words.subarray(program / 4);
  const rank = table[opcodes.PROGRAM_RANK]!;
  const operands = table[opcodes.PROGRAM_OPERANDS]!;
  const constants = table[opcodes.PROGRAM_CONSTANTS]!;
  const instructions = table[opcodes.PROGRAM_INSTRUCTIONS]!;
  const strides = opcodes.PROGRAM_HEADER + rank;
  const bits = strides + operands * rank;
  const code = bits + constants;
  for (let k = 0; k < constants; k++) {
    words.fill(table[bits + k]!, (operands + k) * BLOCK, (operands + k + 1) * BLOCK);
  }
  for (let done = 0; done < count; done += BLOCK) {
    const n = Math.min(BLOCK, count - done);
    for (let p = 0; p < operands; p++) {
      const stride = rank ? table[strides + p * rank + rank - 1]! : 0;
      const from = starts[p]! + done * stride;
      for (let i = 0; i < n; i++) words[p * BLOCK + i] = memory.words[from + i * stride]!;
    }
    let result = 0;
    for (let at = code; at < code + instructions * opcodes.INSTRUCTION_WORDS; at += opcodes.INSTRUCTION_WORDS) {
      result = table[at + 1]! * BLOCK;
      execute(table[at]!, n, result, table[at + 2]! * BLOCK, table[at + 3]! * BLOCK, table[at + 4]! * BLOCK);
    }
    memory.words.set(words.subarray(result, result + n), y + done);
  }
}

/** One instruction over the first `n` words of registers, which are given by where they begin. */
function execute(opcode: number, n: number, y: number, a: number, b: number, c: number): void {
  if (opcode === opcodes.SELECT) {
    for (let i = 0; i < n; i++) words[y + i] = words[a + i] ? words[b + i]! : words[c + i]!;
    return;
  }
  const { fromFloats, toFloats, of } = INSTRUCTIONS[opcode]!;
  const source = fromFloats ? floats : words;
  const target = toFloats ? floats : words;
  for (let i = 0; i < n; i++) target[y + i] = of(source[a + i]!, source[b + i]!);
}

/**
 * Runs a program of three axes in place on `count` words at the pointer `y`, which stand at (batch, row, column…) of its
 * axes. Operand 0 is y; operands 1 to 3 begin at the pointers `c1` to `c3`.
 */
export function applyChain(
  memory: Memory,
  program: number,
  batch: number,
  row: number,
  column: number,
  count: number,
  y: number,
  c1: number,
  c2: number,
  c3: number,
): void {
  const table = memory.words.subarray(program / 4);
  const starts = [y / 4];
  for (const [i, pointer] of [c1, c2, c3].slice(0, table[opcodes.PROGRAM_OPERANDS]! - 1).entries()) {
    const strides = opcodes.PROGRAM_HEADER + 3 * (i + 2);
    starts.push(pointer / 4 + batch * table[strides]! + row * table[strides + 1]! + column * table[strides + 2]!);
  }
  runChain(memory, program, y / 4, count, starts);
}
