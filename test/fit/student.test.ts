import { describe, expect, it } from 'vitest';
import { expandNetwork } from '../../src/codec/expand.ts';
import { quickenMaxPooling } from '../../src/fit/max-pooling.ts';
import { levelsOf, type Parameter, storedWeight } from '../../src/fit/parameter.ts';
import { parameterize } from '../../src/fit/parameterize.ts';
import { coreOf } from '../../src/fit/quantization.ts';
import { randomStream } from '../../src/fit/random.ts';
import { buildStudent } from '../../src/fit/student.ts';
import { type Model, node } from '../../src/graph/graph.ts';
import { float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { normal } from '../support/random.ts';
import { buildModel, copyOf, largestDifference, runModel, seededFeeds } from '../support/run-model.ts';

const next = normal(2);
const noise = (...shape: number[]) =>
  float32Tensor(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => next()),
  );
const ints = (...value: number[]) => ({ type: 'ints', value }) as const;
const int = (value: number) => ({ type: 'int', value }) as const;

/** The student of `model` fed its cores, and the model with the same weights expanded by the codec. */
async function compare(model: Model, coefficients: number, allocation?: ReadonlyMap<string, number>) {
  const parameters = parameterize(model, {
    coefficients,
    start: 'fresh',
    biases: true,
    random: randomStream(1),
    ...(allocation && { allocation }),
  });
  for (const parameter of parameters) parameter.step = 0.125;
  const feeds = seededFeeds(model);
  const shapes = new Map([...feeds].map(([name, { shape }]) => [name, shape]));
  const dense = copyOf(model);
  for (const parameter of parameters) dense.graph.initializers.set(parameter.name, expanded(parameter));
  const { model: student, cores } = buildStudent(model, parameters, shapes);
  quickenMaxPooling(student);
  const all = new Map(feeds);
  parameters.forEach((parameter, at) => {
    all.set(cores[at]!, float32Tensor(parameter.box, coreOf(parameter, true)));
  });
  const difference = largestDifference(await runModel(dense, feeds), await runModel(student, all));
  return { difference, parameters, student };
}

function expanded(parameter: Parameter): Tensor {
  const stored = storedWeight(parameter);
  if (!('network' in stored)) throw new Error('not a network');
  return float32Tensor(parameter.shape, Float32Array.from(expandNetwork(stored.network)));
}

const convolution = (shape: number[], attributes = {}, input = [2, shape[1]!, 12, 12], op = 'Conv') =>
  buildModel(21, { x: input }, [node(op, ['x', 'w', 'b'], ['y'], attributes)], ['y'], {
    w: noise(...shape),
    b: noise(op === 'Conv' ? shape[0]! : shape[1]!),
  });

describe('a student computes what the expanded model does', () => {
  it.each<[string, Model]>([
    ['a convolution in frequency space', convolution([24, 16, 3, 3], { pads: ints(1, 0, 1, 2) })],
    ['one with strides', convolution([12, 8, 5, 5], { strides: ints(2, 3) })],
    ['one with dilations', convolution([12, 8, 3, 3], { dilations: ints(2, 1) })],
    ['one with groups, rebuilt', convolution([12, 4, 3, 3], { group: int(2) }, [2, 8, 9, 9])],
    ['a transposed one', convolution([16, 12, 2, 2], { strides: ints(2, 2) }, [2, 16, 5, 5], 'ConvTranspose')],
    [
      'dense layers after Flatten, either way round',
      buildModel(
        21,
        { x: ['N', 6, 4, 4] },
        [
          node('Flatten', ['x'], ['flat']),
          node('Gemm', ['flat', 'w', 'b'], ['h'], { transB: int(1) }),
          node('Relu', ['h'], ['r']),
          node('MatMul', ['r', 'v'], ['m']),
          node('Gemm', ['m', 'u', 'c'], ['y']),
        ],
        ['y'],
        { w: noise(40, 96), b: noise(40), v: noise(40, 30), u: noise(30, 20), c: noise(20) },
      ),
    ],
    [
      'a weight that two layers share',
      buildModel(
        21,
        { x: ['N', 8] },
        [node('MatMul', ['x', 'w'], ['h']), node('Relu', ['h'], ['r']), node('MatMul', ['r', 'w'], ['y'])],
        ['y'],
        { w: noise(8, 8) },
      ),
    ],
    [
      'max pooling behind an activation',
      buildModel(
        21,
        { x: ['N', 1, 12, 12] },
        [
          node('Conv', ['x', 'w'], ['c']),
          node('Relu', ['c'], ['r']),
          node('MaxPool', ['r'], ['p'], { kernel_shape: ints(2, 2), strides: ints(2, 2) }),
          node('Conv', ['p', 'v'], ['d']),
          node('MaxPool', ['d'], ['y'], { kernel_shape: ints(2, 2), strides: ints(1, 1) }),
        ],
        ['y'],
        { w: noise(20, 1, 5, 5), v: noise(20, 20, 1, 1) },
      ),
    ],
  ])('%s', async (_, model) => {
    const { difference, parameters } = await compare(model, 150);
    expect(difference).toBeLessThan(2e-5);
    expect(parameters.some((parameter) => levelsOf(parameter).some((level) => level !== 0))).toBe(true);
  });

  it('with far fewer multiplications where the core is small', async () => {
    const { student } = await compare(
      convolution([64, 32, 3, 3], { pads: ints(1, 1, 1, 1) }),
      140,
      new Map([['w', 60]]),
    );
    expect(student.graph.nodes.filter(({ op }) => op === 'Conv').length).toBe(3);
  });

  it('pools before it widens, where windows do not overlap', async () => {
    const pooled = (height: number, size: number) =>
      buildModel(
        21,
        { x: [2, 3, height, 8] },
        [
          node('Conv', ['x', 'w'], ['wide']),
          node('Relu', ['wide'], ['active']),
          node('MaxPool', ['active'], ['y'], { kernel_shape: ints(2, 2), strides: ints(2, 2) }),
        ],
        ['y'],
        { w: noise(20, 3, size, size) },
      );
    const operators = ({ graph }: Model) => graph.nodes.map(({ op }) => op);
    const even = pooled(8, 1);
    const feeds = seededFeeds(even);
    const expected = await runModel(copyOf(even), feeds);
    quickenMaxPooling(even);
    expect(operators(even)).toEqual(['SpaceToDepth', 'Split', 'Conv', 'Conv', 'Conv', 'Conv', 'Max', 'Relu']);
    expect(largestDifference(await runModel(even, feeds), expected)).toBeLessThan(1e-6);
    for (const kept of [pooled(9, 1), pooled(9, 2)]) {
      quickenMaxPooling(kept);
      expect(operators(kept)).toEqual(['Conv', 'MaxPool', 'Relu']);
    }
  });
});
