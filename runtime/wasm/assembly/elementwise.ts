/** Element-wise programs over tensors of any rank: the innermost axis in runs, the others by recursion. */
import { PROGRAM_HEADER, PROGRAM_OPERANDS, PROGRAM_RANK } from '../../kernels/opcodes';
import { open, run, setStart, startOf, word } from './chain';

/** Runs of so few words are gathered into registers, several at once. */
const SHORT: i32 = 32;

/** See `Kernels.elementwise`. */
export function elementwise(
  program: usize,
  y: usize,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  e: usize,
  f: usize,
): void {
  open(program);
  setStart(0, a);
  setStart(1, b);
  setStart(2, c);
  setStart(3, d);
  setStart(4, e);
  setStart(5, f);
  walk(program, 0, y);
}

/** Runs everything under one position of the axes before `axis`; returns where y goes on. */
function walk(program: usize, axis: i32, y: usize): usize {
  const rank = word(program, PROGRAM_RANK);
  const count = axis < rank ? word(program, PROGRAM_HEADER + axis) : 1;
  if (axis >= rank - 1) {
    run(y, 1, count);
    return y + ((<usize>count) << 2);
  }
  if (axis === rank - 2) {
    const columns = word(program, PROGRAM_HEADER + axis + 1);
    if (columns <= SHORT) {
      run(y, count, columns);
      return y + ((<usize>(count * columns)) << 2);
    }
  }
  const operands = word(program, PROGRAM_OPERANDS);
  for (let i = 0; i < count; i++) {
    y = walk(program, axis + 1, y);
    for (let p = 0; p < operands; p++) advance(p, word(program, PROGRAM_HEADER + (p + 1) * rank + axis));
  }
  for (let p = 0; p < operands; p++) advance(p, -count * word(program, PROGRAM_HEADER + (p + 1) * rank + axis));
  return y;
}

function advance(operand: i32, words: i32): void {
  setStart(operand, startOf(operand) + ((<usize>words) << 2));
}
