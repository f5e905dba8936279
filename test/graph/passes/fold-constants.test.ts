import { describe, expect, it, vi } from 'vitest';
import { onnxruntimeEvaluate } from '../../../src/evaluate-constants.ts';
import { type Attribute, node } from '../../../src/graph/graph.ts';
import { fromFloats, toNumbers } from '../../../src/graph/numbers.ts';
import { type Evaluate, foldConstants } from '../../../src/graph/passes/fold-constants.ts';
import { int64Tensor, numericTensor } from '../../../src/graph/tensor.ts';
import { buildModel, copyOf, largestDifference, runModel, seededFeeds } from '../../support/run-model.ts';

const ops = (model: { graph: { nodes: { op: string }[] } }) => model.graph.nodes.map(({ op }) => op);
const int = (value: number): Attribute => ({ type: 'int', value });

describe('foldConstants', () => {
  it('evaluates a constant part once and keeps what it feeds', async () => {
    const model = buildModel(
      21,
      { x: [2, 3] },
      [
        node('Transpose', ['w'], ['t']),
        node('Exp', ['t'], ['e']),
        node('Split', ['e'], ['a', 'b'], { num_outputs: int(2) }),
        node('MatMul', ['x', 'e'], ['m']),
        node('Add', ['m', 'b'], ['y']),
      ],
      ['y'],
      { w: fromFloats('float32', [2, 3], [1, 2, 3, 4, 5, 6]) },
    );
    const before = copyOf(model);
    const feeds = seededFeeds(model);
    const evaluate = vi.fn(onnxruntimeEvaluate);
    expect(await foldConstants(model, evaluate)).toEqual({ folded: 3, unfolded: [] });
    expect(ops(model)).toEqual(['MatMul', 'Add']);
    expect(evaluate).toHaveBeenCalledOnce();
    expect(evaluate.mock.calls[0]![1]).toEqual(['e', 'b']);
    expect(largestDifference(await runModel(before, feeds), await runModel(model, feeds))).toBeLessThan(1e-6);
    expect(await foldConstants(model, evaluate)).toEqual({ folded: 0, unfolded: [] });
    expect(evaluate).toHaveBeenCalledOnce();
  });

  it('leaves random numbers, integers that stand for weights, outputs and huge results', async () => {
    const model = buildModel(
      21,
      { x: [1] },
      [
        node('RandomUniformLike', ['one'], ['random']),
        node('DequantizeLinear', ['q', 'one'], ['weight']),
        node('Neg', ['one'], ['output']),
        node('Expand', ['one', 'size'], ['huge']),
        node('ConstantOfShape', ['size'], ['zeros']),
        node('Sum', ['x', 'random', 'weight', 'huge', 'zeros'], ['y']),
      ],
      ['y', 'output'],
      {
        one: fromFloats('float32', [], [1]),
        q: numericTensor('int8', [1], Uint8Array.of(3)),
        size: int64Tensor([2 ** 40]),
      },
    );
    const evaluate = vi.fn<Evaluate>();
    expect(await foldConstants(model, evaluate)).toEqual({ folded: 0, unfolded: [] });
    expect(evaluate).not.toHaveBeenCalled();
    expect(model.graph.nodes.length).toBe(6);
  });

  it('says what could not be evaluated and folds the rest', async () => {
    const model = buildModel(
      21,
      { x: [1] },
      [
        node('Neg', ['one'], ['minus']),
        node('Exp', ['minus'], ['bad']),
        node('Abs', ['minus'], ['good']),
        node('Sum', ['x', 'bad', 'good'], ['y']),
      ],
      ['y'],
      { one: fromFloats('float32', [1], [1]) },
    );
    const evaluate: Evaluate = (constants, names) => {
      if (ops(constants).includes('Exp')) return Promise.reject(new Error('no exponentials today'));
      return onnxruntimeEvaluate(constants, names);
    };
    expect(await foldConstants(model, evaluate)).toEqual({
      folded: 1,
      unfolded: [{ name: 'bad', why: 'no exponentials today' }],
    });
    expect(ops(model)).toEqual(['Neg', 'Exp', 'Sum']);
    expect(toNumbers(model.graph.initializers.get('good')!)).toEqual([1]);
  });
});
