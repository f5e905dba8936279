import { describe, expect, it } from 'vitest';
import { type Attribute, type Dim, type Node, node } from '../../../src/graph/graph.ts';
import { type FloatDType, fromFloats } from '../../../src/graph/numbers.ts';
import { foldAffine } from '../../../src/graph/passes/fold-affine.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { random } from '../../support/random.ts';
import { buildModel, copyOf, largestDifference, runModel, seededFeeds } from '../../support/run-model.ts';

const int = (value: number): Attribute => ({ type: 'int', value });
const float = (value: number): Attribute => ({ type: 'float', value });
const ints = (...value: number[]): Attribute => ({ type: 'ints', value });

let seed = 1;
/** Seeded numbers between 0.5 and 1.5, which may be variances too. */
function tensor(...shape: number[]): Tensor {
  const uniform = random(seed++);
  const count = shape.reduce((product, dim) => product * dim, 1);
  return fromFloats(
    'float32',
    shape,
    Array.from({ length: count }, () => 0.5 + uniform()),
  );
}

const batchNorm = (input: string, output: string) =>
  node('BatchNormalization', [input, 's', 'b', 'm', 'v'], [output], { epsilon: float(0.01) });
const norm = (channels: number) => ({
  s: tensor(channels),
  b: tensor(channels),
  m: tensor(channels),
  v: tensor(channels),
});

const conv = node('Conv', ['x', 'w', 'c'], ['h']);

interface Case {
  title: string;
  x: Dim[];
  nodes: Node[];
  constants: Record<string, Tensor>;
  left: string;
}

const FOLDED: readonly Case[] = [
  {
    title: 'BatchNormalization into Conv',
    x: [2, 3, 5, 5],
    nodes: [conv, batchNorm('h', 'y')],
    constants: { w: tensor(4, 3, 3, 3), c: tensor(4), ...norm(4) },
    left: 'Conv',
  },
  {
    title: 'BatchNormalization into a Conv without bias, in groups, over one axis',
    x: [2, 4, 9],
    nodes: [node('Conv', ['x', 'w'], ['h'], { group: int(2) }), batchNorm('h', 'y')],
    constants: { w: tensor(6, 2, 3), ...norm(6) },
    left: 'Conv',
  },
  {
    title: 'BatchNormalization into a ConvTranspose in groups',
    x: [2, 4, 5, 5],
    nodes: [node('ConvTranspose', ['x', 'w', 'c'], ['h'], { group: int(2), strides: ints(2, 2) }), batchNorm('h', 'y')],
    constants: { w: tensor(4, 3, 2, 2), c: tensor(6), ...norm(6) },
    left: 'ConvTranspose',
  },
  {
    title: 'BatchNormalization into Gemm',
    x: [2, 5],
    nodes: [node('Gemm', ['x', 'w', 'c'], ['h'], { beta: float(0.5) }), batchNorm('h', 'y')],
    constants: { w: tensor(5, 3), c: tensor(1, 3), ...norm(3) },
    left: 'Gemm',
  },
  {
    title: 'BatchNormalization into a transposed Gemm',
    x: [2, 5],
    nodes: [node('Gemm', ['x', 'w'], ['h'], { transB: int(1) }), batchNorm('h', 'y')],
    constants: { w: tensor(3, 5), ...norm(3) },
    left: 'Gemm',
  },
  {
    title: 'a chain of Sub, Mul, Div and Add',
    x: [2, 3, 5, 5],
    nodes: [
      conv,
      node('Sub', ['h', 's'], ['i']),
      node('Mul', ['m', 'i'], ['j']),
      node('Div', ['j', 'v'], ['k']),
      node('Sub', ['b', 'k'], ['l']),
      node('Add', ['l', 's'], ['y']),
    ],
    constants: {
      w: tensor(4, 3, 3, 3),
      c: tensor(4),
      s: tensor(4, 1, 1),
      b: tensor(1, 4, 1, 1),
      m: tensor(),
      v: tensor(1, 4, 1, 1),
    },
    left: 'Conv',
  },
  {
    title: 'Add into MatMul',
    x: [2, 5],
    nodes: [node('MatMul', ['x', 'w'], ['h']), node('Add', ['c', 'h'], ['y'])],
    constants: { w: tensor(5, 3), c: tensor(3) },
    left: 'Gemm',
  },
  {
    title: 'Mul into MatMul',
    x: [2, 5],
    nodes: [node('MatMul', ['x', 'w'], ['h']), node('Mul', ['h', 'c'], ['y'])],
    constants: { w: tensor(5, 3), c: tensor(1, 3) },
    left: 'MatMul',
  },
];

const KEPT: readonly Omit<Case, 'left'>[] = [
  {
    title: 'a value that something else uses too',
    x: [2, 3, 5, 5],
    nodes: [conv, batchNorm('h', 'i'), node('Add', ['h', 'i'], ['y'])],
    constants: { w: tensor(4, 3, 3, 3), c: tensor(4), ...norm(4) },
  },
  {
    title: 'a weight of two layers',
    x: [2, 3, 5, 5],
    nodes: [conv, node('Conv', ['x', 'w'], ['g']), node('Mul', ['h', 's'], ['i']), node('Add', ['g', 'i'], ['y'])],
    constants: { w: tensor(4, 3, 3, 3), c: tensor(4), s: tensor() },
  },
  {
    title: 'an image instead of channels',
    x: [2, 3, 5, 5],
    nodes: [conv, node('Add', ['h', 's'], ['y'])],
    constants: { w: tensor(4, 3, 3, 3), c: tensor(4), s: tensor(3, 3) },
  },
  {
    title: 'channels where there were none',
    x: [2, 3, 5, 5],
    nodes: [conv, node('Mul', ['h', 's'], ['y'])],
    constants: { w: tensor(1, 3, 3, 3), c: tensor(1), s: tensor(4, 1, 1) },
  },
  {
    title: 'a further axis',
    x: [2, 5],
    nodes: [node('MatMul', ['x', 'w'], ['h']), node('Add', ['h', 's'], ['y'])],
    constants: { w: tensor(5, 3), s: tensor(1, 1, 3) },
  },
  {
    title: 'a MatMul of more than matrices',
    x: [2, 4, 5],
    nodes: [node('MatMul', ['x', 'w'], ['h']), node('Add', ['h', 's'], ['y'])],
    constants: { w: tensor(5, 3), s: tensor(3) },
  },
  {
    title: 'a Gemm that adds a matrix',
    x: [2, 5],
    nodes: [node('Gemm', ['x', 'w', 'c'], ['h']), node('Mul', ['h', 's'], ['y'])],
    constants: { w: tensor(5, 2), c: tensor(2, 1), s: tensor(2) },
  },
  {
    title: 'a division of a constant',
    x: [2, 3, 5, 5],
    nodes: [conv, node('Div', ['s', 'h'], ['y'])],
    constants: { w: tensor(4, 3, 3, 3), c: tensor(4), s: tensor() },
  },
  {
    title: 'a division by zero',
    x: [2, 3, 5, 5],
    nodes: [conv, node('Div', ['h', 's'], ['y'])],
    constants: { w: tensor(4, 3, 3, 3), c: tensor(4), s: fromFloats('float32', [], [0]) },
  },
];

describe('foldAffine', () => {
  it.each(FOLDED)('folds $title', async ({ x, nodes, constants, left }) => {
    const model = buildModel(21, { x }, nodes, ['y'], constants);
    const before = copyOf(model);
    const feeds = seededFeeds(model);
    expect(foldAffine(model)).toBe(nodes.length - 1);
    expect(model.graph.nodes.map(({ op }) => op)).toEqual([left]);
    expect(largestDifference(await runModel(before, feeds), await runModel(model, feeds))).toBeLessThan(2e-6);
  });

  it.each(KEPT)('keeps $title', ({ x, nodes, constants }) => {
    const model = buildModel(21, { x }, nodes, ['y'], constants);
    const before = copyOf(model);
    expect(foldAffine(model)).toBe(0);
    expect(model).toEqual(before);
  });

  it('keeps an intermediate value that is an output', () => {
    const constants = { w: tensor(4, 3, 3, 3), c: tensor(4), ...norm(4) };
    const model = buildModel(21, { x: [2, 3, 5, 5] }, [conv, batchNorm('h', 'y')], ['h', 'y'], constants);
    expect(foldAffine(model)).toBe(0);
  });

  it.each(['float16', 'float64', 'bfloat16'] as const)(
    'keeps %s, and refuses what does not fit in it',
    (dtype: FloatDType) => {
      const build = (factor: number) =>
        buildModel(21, { x: [1, 1, 2, 2] }, [node('Conv', ['x', 'w'], ['h']), node('Mul', ['h', 's'], ['y'])], ['y'], {
          w: fromFloats(dtype, [1, 1, 1, 1], [3]),
          s: fromFloats(dtype, [], [factor]),
        });
      const model = build(0.5);
      expect(foldAffine(model)).toBe(1);
      expect(model.graph.initializers.get('w')).toEqual(fromFloats(dtype, [1, 1, 1, 1], [1.5]));
      expect(foldAffine(build(Number.POSITIVE_INFINITY))).toBe(0);
      if (dtype === 'float16') expect(foldAffine(build(30_000))).toBe(0);
    },
  );
});
