import { describe, expect, it } from 'vitest';
import { readFqz } from '../../../formats/fqz/read.ts';
import { onnxruntimeExecute } from '../../../src/calibration-data.ts';
import { calibratedLayers, elementsOfRows, rowsOf } from '../../../src/codec/calibration/layers.ts';
import { observer, type Seen } from '../../../src/codec/calibration/observations.ts';
import { weightRoles } from '../../../src/codec/weight-roles.ts';
import { convert } from '../../../src/convert.ts';
import { onnxruntimeEvaluate } from '../../../src/evaluate-constants.ts';
import { type Attribute, type Dim, type Model, type Node, node } from '../../../src/graph/graph.ts';
import { toFloat32 } from '../../../src/graph/numbers.ts';
import { float32Tensor, int64Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { unpack } from '../../../src/unpack.ts';
import { normal, random } from '../../support/random.ts';
import { buildModel, copyOf, runModel } from '../../support/run-model.ts';

const next = normal(21);
const drawn = (shape: number[], scale = 1) =>
  float32Tensor(
    shape,
    Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => scale * next()),
  );
const int = (value: number): Attribute => ({ type: 'int', value });
const text = (value: string): Attribute => ({ type: 'string', value });

/** Vectors whose neighbouring elements are alike, so that one weight can make up for another. */
function alike(shape: number[], seed: number): Tensor {
  const draw = normal(seed);
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let at = 1; at < values.length; at++) values[at] = 0.9 * values[at - 1]! + 0.44 * draw() + 0.02;
  return float32Tensor(shape, values);
}

/** Indices, of which small ones are frequent, as those of words are. */
function words(shape: number[], count: number, seed: number): Tensor {
  const draw = random(seed);
  const length = shape.reduce((product, size) => product * size, 1);
  return int64Tensor(
    Array.from({ length }, () => Math.floor(count * draw() ** 3)),
    shape,
  );
}

interface Case {
  readonly inputs: Record<string, Dim[]>;
  readonly nodes: Node[];
  readonly weights: Record<string, Tensor>;
  /** Samples of every input. */
  samples(seed: number): Record<string, Tensor>;
  /** How many weights and biases calibration codes. */
  readonly coded: number;
}

const tied = drawn([24, 24], 0.2);

/** Attention of one head: projections with biases of their own, which are added by Add, and a shortcut. */
const attention: Case = {
  inputs: { x: ['n', 8, 32] },
  nodes: [
    ...['q', 'k', 'v'].flatMap((name) => [
      node('MatMul', ['x', `w${name}`], [`${name}0`]),
      node('Add', [`${name}0`, `b${name}`], [name]),
    ]),
    node('Transpose', ['k'], ['kt'], { perm: { type: 'ints', value: [0, 2, 1] } }),
    node('MatMul', ['q', 'kt'], ['scores']),
    node('Softmax', ['scores'], ['p']),
    node('MatMul', ['p', 'v'], ['mixed']),
    node('MatMul', ['mixed', 'wo'], ['o0']),
    node('Add', ['bo', 'o0'], ['o']),
    node('Add', ['x', 'o'], ['y']),
  ],
  weights: Object.fromEntries(
    ['q', 'k', 'v', 'o'].flatMap((name) => [
      [`w${name}`, drawn([32, 32], 0.2)],
      [`b${name}`, drawn([32], 0.1)],
    ]),
  ),
  samples: (seed) => ({ x: alike([96, 8, 32], seed) }),
  coded: 8,
};

const recurrent = (op: 'RNN' | 'GRU' | 'LSTM', gates: number, direction: string): Case => {
  const directions = direction === 'bidirectional' ? 2 : 1;
  return {
    inputs: { x: [12, 'n', 16] },
    nodes: [node(op, ['x', 'w', 'r', 'b'], ['y'], { hidden_size: int(16), direction: text(direction) })],
    weights: {
      w: drawn([directions, gates * 16, 16], 0.25),
      r: drawn([directions, gates * 16, 16], 0.2),
      b: drawn([directions, 2 * gates * 16], 0.1),
    },
    samples: (seed) => ({ x: alike([12, 96, 16], seed) }),
    coded: 2,
  };
};

const CASES: Record<string, Case> = {
  'projections of attention': attention,
  'a weight that is used twice': {
    inputs: { x: ['n', 24] },
    nodes: [node('Gemm', ['x', 'w', 'b'], ['h']), node('Tanh', ['h'], ['t']), node('Gemm', ['t', 'w', 'b'], ['y'])],
    weights: { w: tied, b: drawn([24], 0.1) },
    samples: (seed) => ({ x: alike([256, 24], seed) }),
    coded: 2,
  },
  'a matrix for each head': {
    inputs: { x: ['n', 1, 6, 24] },
    nodes: [node('MatMul', ['x', 'w'], ['y'])],
    weights: { w: drawn([4, 24, 24], 0.2) },
    samples: (seed) => ({ x: alike([64, 1, 6, 24], seed) }),
    coded: 1,
  },
  'a convolution with its bias behind it, seen twice': {
    inputs: { x: ['n', 4, 8, 8], z: ['n', 4, 8, 8] },
    nodes: [
      ...['x', 'z'].flatMap((name) => [
        node('Conv', [name, 'w'], [`${name}0`]),
        node('Add', [`${name}0`, 'b'], [`${name}1`]),
        node('Relu', [`${name}1`], [`${name}2`]),
      ]),
      node('Sub', ['x2', 'z2'], ['y']),
    ],
    weights: { w: drawn([16, 4, 3, 3], 0.2), b: drawn([16, 1, 1], 0.1) },
    samples: (seed) => ({ x: alike([48, 4, 8, 8], seed), z: alike([48, 4, 8, 8], seed + 100) }),
    coded: 2,
  },
  'an embedding': {
    inputs: { ids: ['n', 10] },
    nodes: [node('Gather', ['table', 'ids'], ['h']), node('MatMul', ['h', 'w'], ['y'])],
    weights: { table: drawn([200, 16]), w: drawn([16, 16], 0.3) },
    samples: (seed) => ({ ids: words([64, 10], 200, seed) }),
    coded: 2,
  },
  RNN: recurrent('RNN', 1, 'forward'),
  'GRU in both directions': recurrent('GRU', 3, 'bidirectional'),
  'LSTM from the end': recurrent('LSTM', 4, 'reverse'),
};

const modelOf = ({ inputs, nodes, weights }: Case): Model => {
  const model = buildModel(17, inputs, nodes, ['y'], weights);
  for (const input of model.graph.inputs)
    if (input.name === 'ids') input.type = { kind: 'tensor', dtype: 'int64', shape: inputs.ids! };
  return model;
};

async function errorOf(model: Model, original: Model, feeds: ReadonlyMap<string, Tensor>): Promise<number> {
  const [ours, theirs] = await Promise.all([model, original].map((each) => runModel(copyOf(each), feeds)));
  const [a, b] = [toFloat32(ours!.get('y')!), toFloat32(theirs!.get('y')!)];
  let [difference, energy] = [0, 0];
  for (const [at, value] of b.entries()) {
    difference += (a[at]! - value) ** 2;
    energy += value ** 2;
  }
  return difference / energy;
}

describe.each(Object.entries(CASES))('%s', (_, each) => {
  it('is closer at the same size than without samples', async () => {
    const samples = each.samples(1);
    // Sequences have the samples along their second axis, which a data set of arrays has not.
    const data = {
      source: 'samples' as const,
      execute: onnxruntimeExecute,
      batches: async () => [new Map(Object.entries(samples))],
    };
    const unseen = new Map(Object.entries(each.samples(2)));
    const rounded = await convert(modelOf(each), { quality: 60, evaluate: onnxruntimeEvaluate });
    const calibrated = await convert(modelOf(each), {
      targetSize: rounded.bytes.length,
      calibrate: data,
      evaluate: onnxruntimeEvaluate,
    });
    expect(calibrated.report.tensors.filter(({ method }) => method !== 'exact').length).toBeGreaterThanOrEqual(
      each.coded,
    );
    const [before, after] = await Promise.all(
      [rounded, calibrated].map(({ bytes }) => errorOf(unpack(readFqz(bytes)), modelOf(each), unseen)),
    );
    expect(calibrated.bytes.length).toBeLessThanOrEqual(rounded.bytes.length);
    expect(after).toBeLessThan(0.75 * before!);
  });
});

/** Linear in `w`, so that the error of the outputs is a quadratic function of the error of the weight. */
const LINEAR: Record<string, { model: Model; outputs: string[]; feeds: Record<string, Tensor> }> = {
  'a weight of two products': {
    model: buildModel(
      17,
      { x: ['n', 6], z: ['m', 5, 6] },
      [node('MatMul', ['x', 'w'], ['y']), node('MatMul', ['z', 'w'], ['v'])],
      ['y', 'v'],
      { w: drawn([6, 3]) },
    ),
    outputs: ['y', 'v'],
    feeds: { x: drawn([7, 6]), z: drawn([3, 5, 6]) },
  },
  'filters of two dilations': {
    model: buildModel(
      17,
      { x: ['n', 2, 9] },
      [node('Conv', ['x', 'w'], ['y']), node('Conv', ['x', 'w'], ['v'], { dilations: { type: 'ints', value: [3] } })],
      ['y', 'v'],
      { w: drawn([4, 2, 3]) },
    ),
    outputs: ['y', 'v'],
    feeds: { x: drawn([5, 2, 9]) },
  },
  // Without activation functions, and from the state 0, the second of two steps adds w times the first.
  'a recurrent weight': {
    model: buildModel(
      17,
      { x: [2, 'n', 3] },
      [
        node('RNN', ['x', 'v', 'w'], ['y'], {
          hidden_size: int(4),
          direction: text('bidirectional'),
          activations: { type: 'strings', value: ['Affine', 'Affine'] },
          activation_alpha: { type: 'floats', value: [1, 1] },
          activation_beta: { type: 'floats', value: [0, 0] },
        }),
      ],
      ['y'],
      { v: drawn([2, 4, 3]), w: drawn([2, 4, 4]) },
    ),
    outputs: ['y'],
    feeds: { x: drawn([2, 9, 3]) },
  },
  'a table': {
    model: (() => {
      const model = buildModel(17, { x: ['n'] }, [node('Gather', ['w', 'x'], ['y'])], ['y'], { w: drawn([5, 3]) });
      model.graph.inputs[0]!.type = { kind: 'tensor', dtype: 'int64', shape: ['n'] };
      return model;
    })(),
    outputs: ['y'],
    feeds: { x: int64Tensor([0, 3, -1, 3, 4, 0], [6]) },
  },
};

describe.each(Object.entries(LINEAR))('what is seen of %s', (_, { model, outputs, feeds }) => {
  it('tells the error that a change of it makes of the outputs', async () => {
    const layer = calibratedLayers(model, weightRoles(model)).find(({ weight }) => weight === 'w')!;
    const { observeAll } = observer(model, model.graph.initializers, onnxruntimeExecute);
    const seen = (await observeAll([layer], { index: 0, batches: [new Map(Object.entries(feeds))] })).get(layer)!;
    const { shape } = model.graph.initializers.get('w')!;
    const change = drawn([...shape]);
    const matrix = rowsOf(layer, toFloat32(change));
    const { groups, rows, columns } = layer;
    let predicted = 0;
    for (let group = 0; group < groups; group++) {
      for (let row = 0; row < rows; row++) {
        const own = matrix.subarray((group * rows + row) * columns, (group * rows + row + 1) * columns);
        for (const [i, a] of own.entries()) {
          for (const [j, b] of own.entries()) predicted += a * b * momentOf(seen, group, i, j, columns);
        }
      }
    }
    const changed = copyOf(model);
    const before = toFloat32(model.graph.initializers.get('w')!);
    const after = Float32Array.from(before, (value, at) => value + toFloat32(change)[at]!);
    changed.graph.initializers.set('w', float32Tensor([...shape], after));
    const inputs = new Map(Object.entries(feeds));
    const [theirs, ours] = [await runModel(model, inputs), await runModel(changed, inputs)];
    const measured = outputs.reduce((sum, name) => {
      const [a, b] = [toFloat32(theirs.get(name)!), toFloat32(ours.get(name)!)];
      return sum + a.reduce((part, value, at) => part + (value - b[at]!) ** 2, 0);
    }, 0);
    expect(predicted).toBeGreaterThan(0);
    expect(predicted / measured).toBeCloseTo(1, 3);
    expect(elementsOfRows(layer, matrix)).toEqual(Float64Array.from(toFloat32(change)));
  });
});

function momentOf(seen: Seen, group: number, i: number, j: number, columns: number): number {
  if (seen.kind === 'rows') return i === j ? seen.counts[i]! : 0;
  return seen.moments.groups[group]!.products[i * columns + j]!;
}

describe('weights that are left to the ordinary coder', () => {
  it('are those whose uses differ, and those that are outputs', () => {
    const weights = { w: drawn([6, 6]), v: drawn([6, 6]) };
    const nodes = [
      node('MatMul', ['x', 'w'], ['a']),
      node('Gemm', ['a', 'w'], ['b'], { transB: int(1) }),
      node('MatMul', ['b', 'v'], ['y']),
    ];
    const model = buildModel(17, { x: ['n', 6] }, nodes, ['y', 'v'], weights);
    expect(calibratedLayers(model, weightRoles(model))).toEqual([]);
  });
});
