import { describe, expect, it } from 'vitest';
import { type Attribute, type Node, node } from '../../../src/graph/graph.ts';
import { fromFloats } from '../../../src/graph/numbers.ts';
import { mergeTransposes } from '../../../src/graph/passes/merge-transposes.ts';
import { removeDeadCode } from '../../../src/graph/passes/remove-dead-code.ts';
import { removeNoOps } from '../../../src/graph/passes/remove-no-ops.ts';
import { int64Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { buildModel, copyOf, largestDifference, runModel, seededFeeds } from '../../support/run-model.ts';

const transpose = (input: string, output: string, ...value: number[]) =>
  node('Transpose', [input], [output], { perm: { type: 'ints', value } });
const last = (input: string, output: string) => transpose(input, output, 0, 2, 3, 1);
const first = (input: string, output: string) => transpose(input, output, 0, 3, 1, 2);
const int = (value: number): Attribute => ({ type: 'int', value });

interface Case {
  title: string;
  nodes: Node[];
  constants?: Record<string, Tensor>;
  /** Operators afterwards, in order. */
  left: string[];
}

const CASES: readonly Case[] = [
  { title: 'a pair', nodes: [last('x', 'a'), first('a', 'b'), node('Relu', ['b'], ['y'])], left: ['Relu'] },
  { title: 'a pair at the end', nodes: [node('Relu', ['x'], ['a']), last('a', 'b'), first('b', 'y')], left: ['Relu'] },
  {
    title: 'three that come around',
    nodes: [last('x', 'a'), last('a', 'b'), last('b', 'y'), node('Relu', ['x'], ['z'])],
    left: ['Identity', 'Relu'],
  },
  {
    title: 'a pair around an activation',
    nodes: [last('x', 'a'), node('Relu', ['a'], ['b']), first('b', 'y')],
    left: ['Relu'],
  },
  {
    title: 'a pair around constants by channel',
    nodes: [last('x', 'a'), node('Mul', ['a', 'c'], ['b']), node('Sub', ['s', 'b'], ['d']), first('d', 'y')],
    constants: { c: fromFloats('float32', [3], [1, 2, 3]), s: fromFloats('float32', [], [4]) },
    left: ['Mul', 'Sub'],
  },
  {
    title: 'a constant of a whole image',
    nodes: [last('x', 'a'), node('Add', ['a', 'c'], ['b']), first('b', 'y')],
    constants: {
      c: fromFloats(
        'float32',
        [4, 5, 3],
        Array.from({ length: 60 }, (_, index) => index),
      ),
    },
    left: ['Add'],
  },
  {
    title: 'two branches that join',
    nodes: [
      node('Relu', ['x'], ['r']),
      last('x', 'a'),
      last('r', 'b'),
      node('Concat', ['a', 'b'], ['c'], { axis: int(-1) }),
      first('c', 'y'),
    ],
    left: ['Relu', 'Concat'],
  },
  {
    title: 'a softmax and a mean',
    nodes: [last('x', 'a'), node('Softmax', ['a'], ['b']), node('ReduceMean', ['b', 'axes'], ['c']), first('c', 'y')],
    constants: { axes: int64Tensor([1, -2]) },
    left: ['Softmax', 'ReduceMean'],
  },
  {
    title: 'padding',
    nodes: [last('x', 'a'), node('Pad', ['a', 'pads'], ['b']), first('b', 'y')],
    constants: { pads: int64Tensor([0, 1, 2, 0, 0, 3, 4, 0]) },
    left: ['Pad'],
  },
  {
    title: 'no more than it can',
    nodes: [
      last('x', 'a'),
      node('Reshape', ['a', 'flat'], ['b']),
      node('Relu', ['a'], ['c']),
      first('c', 'd'),
      node('Flatten', ['d'], ['e']),
      node('Add', ['b', 'e'], ['y']),
    ],
    constants: { flat: int64Tensor([2, 60]) },
    left: ['Relu', 'Transpose', 'Reshape', 'Flatten', 'Add'],
  },
];

describe('mergeTransposes', () => {
  it.each(CASES)('cancels $title', async ({ nodes, constants, left }) => {
    const outputs = nodes.flatMap((each) => each.outputs).filter((name) => name === 'y' || name === 'z');
    const model = buildModel(21, { x: [2, 3, 4, 5] }, nodes, outputs, constants);
    const before = copyOf(model);
    const feeds = seededFeeds(model);
    expect(mergeTransposes(model)).toBeGreaterThan(0);
    removeNoOps(model);
    removeDeadCode(model);
    expect(model.graph.nodes.map(({ op }) => op).sort()).toEqual([...left].sort());
    expect(largestDifference(await runModel(before, feeds), await runModel(model, feeds))).toBeLessThan(1e-6);
  });

  it('changes nothing where it would save nothing', () => {
    const model = buildModel(
      21,
      { x: [2, 3, 4, 5] },
      [last('x', 'a'), node('Relu', ['a'], ['b']), last('b', 'c'), node('Flatten', ['c'], ['y'])],
      ['b', 'y'],
    );
    const before = copyOf(model);
    expect(mergeTransposes(model)).toBe(0);
    expect(model).toEqual(before);
  });
});
