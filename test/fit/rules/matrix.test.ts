import { describe, it } from 'vitest';
import { type Dice, expectGradients, type NodeCase } from '../../support/gradient-cases.ts';

const unknown = (dice: Dice): Pick<NodeCase, 'unknown'> =>
  dice.flip(0.3) ? { unknown: dice.pick(['all', 'batch'] as const) } : {};

describe('gradients of', () => {
  it('Gemm', async () => {
    await expectGradients(24, (dice) => {
      const [rows, inner, columns] = dice.integers(3, 1, 4) as [number, number, number];
      const [transA, transB] = dice.integers(2, 0, 1) as [number, number];
      const bias = dice.pick([undefined, [columns], [1], [], [rows, 1], [rows, columns]]);
      return {
        op: 'Gemm',
        inputs: [
          dice.smooth(transA ? [inner, rows] : [rows, inner]),
          dice.smooth(transB ? [columns, inner] : [inner, columns]),
          bias && dice.smooth(bias),
        ],
        attributes: { transA, transB, ...(dice.flip() && { alpha: 0.5, beta: 1.5 }) },
        ...unknown(dice),
        step: 1 / 4,
      };
    });
  });

  it('MatMul', async () => {
    await expectGradients(40, (dice) => {
      const [rows, inner, columns] = dice.integers(3, 1, 4) as [number, number, number];
      const batch = dice.integers(dice.integer(0, 2), 1, 3);
      const part = () => batch.slice(dice.integer(0, batch.length)).map((size) => (dice.flip(0.3) ? 1 : size));
      const [left, right] = dice.flip() ? [batch, part()] : [part(), batch];
      const shapes = [
        dice.flip(0.15) ? [inner] : [...left, rows, inner],
        dice.flip(0.15) ? [inner] : [...right, inner, columns],
      ];
      return { op: 'MatMul', inputs: shapes.map((shape) => dice.smooth(shape)), ...unknown(dice), step: 1 / 4 };
    });
  });

  it.each([
    ['ij,jk->ik', [2, 3], [3, 4]],
    ['ij,jk', [2, 3], [3, 4]],
    ['bij,bjk->bik', [2, 2, 3], [2, 3, 4]],
    ['ij,ij->', [2, 3], [2, 3]],
    ['ij->j', [2, 3]],
    ['ba', [2, 3]],
    ['a,b->ab', [2], [3]],
    ['abcd,ao,bi,cu,dv->oiuv', [2, 3, 2, 2], [2, 4], [3, 5], [2, 3], [2, 2]],
    ['or,riuv->oiuv', [4, 2], [2, 3, 2, 2]],
    ['i,ij->j', [2], [2, 3]],
    ['ij,k->k', [2, 3], [4]],
    ['...ij,...jk->...ik', [2, 3, 2, 3], [1, 3, 3, 4]],
    ['b...,b->...', [2, 3, 4], [2]],
    ['i j , j -> i', [2, 3], [3]],
  ])('Einsum %s', async (equation, ...shapes) => {
    await expectGradients(2, (dice, index) => ({
      op: 'Einsum',
      inputs: (shapes as number[][]).map((shape) => dice.smooth(shape)),
      attributes: { equation },
      ...(index === 1 && { unknown: 'all' as const }),
      step: 1 / 4,
    }));
  });
});
