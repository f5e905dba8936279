/** Element-wise programs over tensors of any rank: the innermost axis in runs, the others by recursion. */
import { PROGRAM_HEADER, PROGRAM_OPERANDS, PROGRAM_RANK } from '../kernels/opcodes.ts';
import { runChain } from './chain.ts';
import type { Reference } from './memory.ts';

export const elementwise: Reference<'elementwise'> = (memory, program, y, ...operands) => {
  const table = memory.words.subarray(program / 4);
  const rank = table[PROGRAM_RANK]!;
  const dim = (axis: number) => (axis < rank ? table[PROGRAM_HEADER + axis]! : 1);
  const strideOf = (operand: number, axis: number) => table[PROGRAM_HEADER + rank * (operand + 1) + axis]!;
  let target = y / 4;
  const walk = (axis: number, starts: readonly number[]): void => {
    if (axis >= rank - 1) {
      runChain(memory, program, target, dim(axis), starts);
      target += dim(axis);
      return;
    }
    for (let i = 0; i < dim(axis); i++)
      walk(
        axis + 1,
        starts.map((start, p) => start + i * strideOf(p, axis)),
      );
  };
  walk(
    0,
    operands.slice(0, table[PROGRAM_OPERANDS]).map((pointer) => pointer / 4),
  );
};
