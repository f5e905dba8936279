/**
 * The interpreter of element-wise programs: see `Kernels.elementwise` for their table. A run of words along the last axis
 * goes through the program in blocks that stay in the first-level cache: each instruction in turn over the whole
 * block.
 */
import {
  INSTRUCTION_WORDS,
  OR,
  PROGRAM_CONSTANTS,
  PROGRAM_HEADER,
  PROGRAM_INSTRUCTIONS,
  PROGRAM_OPERANDS,
  PROGRAM_RANK,
} from '../../kernels/opcodes';
import { executeExactly, repeat } from './instructions';

/** Words of a register. */
export const BLOCK: i32 = 256;
const REGISTER_BYTES: usize = 1024;

/** `MOST_REGISTERS` blocks that any kernel may use as scratch while it runs no program. */
export const registers: usize = memory.data(24576, 16);
// For each register where it lies now and the step between its eights of words: 32 bytes, or 0 where eight stand for all.
const locations: usize = memory.data(192, 16);
// For each operand where its run begins.
const starts: usize = memory.data(96, 16);

let operands: i32 = 0;
let instructions: i32 = 0;
let innerStrides: usize = 0;
let strideStep: usize = 0;
let code: usize = 0;
// Whether an operand has to be gathered, and so has to fit into a register.
let isStrided: bool = false;

/** Word `index` of a table. */
export function word(table: usize, index: i32): i32 {
  return load<i32>(table + ((<usize>index) << 2));
}

/** Where operand `index` stands; `run` reads from there. */
export function startOf(index: i32): usize {
  return load<usize>(starts + ((<usize>index) << 2));
}

/** Moves operand `index` to `address`. */
export function setStart(index: i32, address: usize): void {
  store<usize>(starts + ((<usize>index) << 2), address);
}

function locate(register: i32, address: usize, step: usize): void {
  const location = locations + ((<usize>register) << 3);
  store<usize>(location, address);
  store<usize>(location, step, 4);
}

function registerAt(index: i32): usize {
  return registers + <usize>index * REGISTER_BYTES;
}

/** Makes `program` the one that `run` runs. */
export function open(program: usize): void {
  const rank = word(program, PROGRAM_RANK);
  const constants = word(program, PROGRAM_CONSTANTS);
  operands = word(program, PROGRAM_OPERANDS);
  instructions = word(program, PROGRAM_INSTRUCTIONS);
  strideStep = (<usize>rank) << 2;
  innerStrides = program + ((PROGRAM_HEADER - 1) << 2) + (strideStep << 1);
  const bits = program + (PROGRAM_HEADER << 2) + strideStep * (<usize>operands + 1);
  for (let i = 0; i < constants; i++) splatWord(operands + i, bits + ((<usize>i) << 2));
  code = bits + ((<usize>constants) << 2);
  isStrided = false;
  for (let p = 0; p < operands; p++) isStrided = isStrided || <u32>load<i32>(innerStrides + strideStep * p) > 1;
}

/** Makes the register repeat the word at `address`. */
function splatWord(register: i32, address: usize): void {
  const at = registerAt(register);
  repeat(at, v128.load32_splat(address));
  locate(register, at, 0);
}

/**
 * Runs the opened program over `rows` runs of `count` words along the last axis, from where its operands stand. There
 * may be several rows where some fit into a register; they follow each other along the last axis but one.
 */
export function run(y: usize, rows: i32, count: i32): void {
  const block = instructions > 1 || isStrided || rows > 1 ? BLOCK : count;
  const most = rows > 1 ? block / count : 1;
  for (let row = 0; row < rows; row += most) {
    const taken = min(rows - row, most);
    for (let done = 0; done < count; done += block) {
      const n = min(count - done, block);
      for (let p = 0; p < operands; p++) place(p, row, taken, done, n);
      calculate(y, n * taken);
      y += (<usize>(n * taken)) << 2;
    }
  }
}

/** Runs the instructions over `n` words, operands being in place. */
function calculate(y: usize, n: i32): void {
  if (instructions === 0) apply(OR, y, n, 0, 0, 0);
  let at = code;
  for (let i = instructions; i > 0; i--) {
    const opcode = load<i32>(at);
    const target = load<i32>(at, 4);
    const a = load<i32>(at, 8);
    const b = load<i32>(at, 12);
    const c = load<i32>(at, 16);
    at += INSTRUCTION_WORDS << 2;
    if (i === 1) {
      apply(opcode, y, n, a, b, c);
    } else {
      const register = registerAt(target);
      apply(opcode, register, (n + 7) & -8, a, b, c);
      locate(target, register, 32);
    }
  }
}

/** Brings operand `index` to where the run now is: in place where its words lie side by side. */
function place(index: i32, row: i32, rows: i32, done: i32, n: i32): void {
  const strides = innerStrides + strideStep * index;
  const stride = load<i32>(strides);
  const rowStride = rows > 1 || row > 0 ? load<i32>(strides - 4) : 0;
  let from = startOf(index) + ((<usize>(done * stride + row * rowStride)) << 2);
  if (rows === 1 || rowStride === stride * n) {
    if (stride === 0) return splatWord(index, from);
    if (stride === 1) return locate(index, from, 32);
  }
  const register = registerAt(index);
  let to = register;
  for (let r = 0; r < rows; r++) {
    let at = from;
    for (let i = 0; i < n; i++) {
      store<i32>(to, load<i32>(at));
      at += (<usize>stride) << 2;
      to += 4;
    }
    from += (<usize>rowStride) << 2;
  }
  locate(index, register, 32);
}

/** Runs an instruction whose sources are registers. */
function apply(opcode: i32, y: usize, n: i32, a: i32, b: i32, c: i32): void {
  const atA = locations + ((<usize>a) << 3);
  const atB = locations + ((<usize>b) << 3);
  const atC = locations + ((<usize>c) << 3);
  executeExactly(
    opcode,
    y,
    n,
    load<usize>(atA),
    load<usize>(atA, 4),
    load<usize>(atB),
    load<usize>(atB, 4),
    load<usize>(atC),
    load<usize>(atC, 4),
  );
}

/**
 * Runs a program of three axes in place on `count` words at `y`, which stand at (batch, row, column…) of its axes.
 * Operand 0 is y; operands 1 to 3 begin at `c1` to `c3`.
 */
export function applyChain(
  program: usize,
  batch: i32,
  row: i32,
  column: i32,
  count: i32,
  y: usize,
  c1: usize,
  c2: usize,
  c3: usize,
): void {
  open(program);
  setStart(0, y);
  setStart(1, c1);
  setStart(2, c2);
  setStart(3, c3);
  for (let p = 1; p < operands; p++) {
    const strides = innerStrides + strideStep * p - 8;
    const offset = batch * load<i32>(strides) + row * load<i32>(strides, 4) + column * load<i32>(strides, 8);
    setStart(p, startOf(p) + ((<usize>offset) << 2));
  }
  run(y, 1, count);
}
