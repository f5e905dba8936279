import { describe, expect, it } from 'vitest';
import { onnxruntimeEvaluate } from '../../../src/evaluate-constants.ts';
import { type Attribute, type Model, type Node, node } from '../../../src/graph/graph.ts';
import { fromFloats } from '../../../src/graph/numbers.ts';
import { simplify } from '../../../src/graph/passes/simplify.ts';
import { int64Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { random } from '../../support/random.ts';
import { buildModel, copyOf, largestDifference, runModel, seededFeeds } from '../../support/run-model.ts';

interface Known {
  readonly name: string;
  readonly shape: readonly number[];
}

const int = (value: number): Attribute => ({ type: 'int', value });
const ints = (value: number[]): Attribute => ({ type: 'ints', value });

/** A graph of the operators that the passes move, merge and remove, with several outputs and values used twice. */
function randomModel(seed: number): Model {
  const uniform = random(seed);
  const below = (count: number) => Math.floor(uniform() * count);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)]!;
  const nodes: Node[] = [];
  const constants: Record<string, Tensor> = {};
  const values: Known[] = [{ name: 'x', shape: [2, 4, 3, 5] }];
  const constant = (tensor: Tensor) => {
    const name = `c${Object.keys(constants).length}`;
    constants[name] = tensor;
    return name;
  };
  const floats = (shape: number[]) =>
    constant(
      fromFloats(
        'float32',
        shape,
        Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => pick([0, 1, uniform()])),
      ),
    );
  const add = (op: string, inputs: string[], shape: readonly number[], attributes: Record<string, Attribute> = {}) => {
    const name = `v${nodes.length}`;
    nodes.push(node(op, inputs, [name], attributes));
    values.push({ name, shape });
  };

  for (let step = 0; step < 14; step++) {
    const { name, shape } = pick(values.slice(-4));
    const rank = shape.length;
    const axis = below(rank);
    const alike = values.filter((other) => `${other.shape}` === `${shape}`);
    const makers: (() => void)[] = [
      () => add('Identity', [name], shape),
      () => add('Relu', [name], shape),
      () => add('Dropout', [name], shape),
      () => add('Cast', [name], shape, { to: int(1) }),
      () => add('Add', [name, pick(alike).name], shape),
      () => add(pick(['Mul', 'Add', 'Sub', 'Div']), [name, floats([])], shape),
      () =>
        add(pick(['Mul', 'Add', 'Sub']), [floats(shape.map((dim, index) => (index === axis ? dim : 1))), name], shape),
      () =>
        add('Reshape', [name, constant(int64Tensor([0, -1]))], [shape[0]!, shape.slice(1).reduce((a, b) => a * b, 1)]),
      () => add('Flatten', [name], [shape[0]!, shape.slice(1).reduce((a, b) => a * b, 1)]),
      () => add('Softmax', [name], shape, { axis: int(axis) }),
      () => add('Unsqueeze', [name, constant(int64Tensor([axis]))], shape.toSpliced(axis, 0, 1)),
      () => {
        const perm = shape.map((_, index) => index).sort(() => uniform() - 0.5);
        add(
          'Transpose',
          [name],
          perm.map((index) => shape[index]!),
          { perm: ints(perm) },
        );
      },
      () => {
        const perm =
          rank === 4
            ? pick([
                [0, 2, 3, 1],
                [0, 3, 1, 2],
              ])
            : shape.map((_, index) => rank - 1 - index);
        add(
          'Transpose',
          [name],
          perm.map((index) => shape[index]!),
          { perm: ints(perm) },
        );
      },
      () => add('Concat', [name, pick(alike).name], shape.with(axis, 2 * shape[axis]!), { axis: int(axis) }),
      () => add('Concat', [name], shape, { axis: int(axis) }),
      () => add('ReduceMean', [name, constant(int64Tensor([axis]))], shape.with(axis, 1)),
      () => {
        const pads = new Array<number>(2 * rank).fill(0);
        if (uniform() < 0.7) pads[axis] = 1;
        add('Pad', [name, constant(int64Tensor(pads))], shape.with(axis, shape[axis]! + pads[axis]!));
      },
      () => {
        const [start, step] = pick([
          [0, 1],
          [0, 1],
          [1, 1],
          [0, 2],
          [-1, -1],
        ]) as [number, number];
        const end = step < 0 ? -9999 : 9999;
        const size = step < 0 ? shape[axis]! : Math.ceil((shape[axis]! - start) / step);
        if (size < 1) return;
        const inputs = [[start], [end], [axis], [step]].map((value) => constant(int64Tensor(value)));
        add('Slice', [name, ...inputs], shape.with(axis, size));
      },
      () => {
        if (rank !== 4) return;
        const pads = pick([ints([0, 0, 0, 0]), ints([1, 1, 1, 1])]);
        const grow = pads.type === 'ints' && pads.value[0] === 1 ? 2 : 0;
        const size = (dim: number) => dim + grow - 1;
        if (size(shape[2]!) < 1 || size(shape[3]!) < 1) return;
        add('Conv', [name, floats([3, shape[1]!, 2, 2])], [shape[0]!, 3, size(shape[2]!), size(shape[3]!)], {
          pads,
          kernel_shape: ints([2, 2]),
        });
      },
      () => {
        if (rank < 2) return;
        const channels = shape[1]!;
        const variance = fromFloats(
          'float32',
          [channels],
          Array.from({ length: channels }, () => 0.5 + uniform()),
        );
        add(
          'BatchNormalization',
          [name, floats([channels]), floats([channels]), floats([channels]), constant(variance)],
          shape,
        );
      },
      () => rank === 2 && add('MatMul', [name, floats([shape[1]!, 6])], [shape[0]!, 6]),
    ];
    pick(makers)();
  }
  const outputs = new Set([values.at(-1)!.name, pick(values).name, pick(values).name].filter((name) => name !== 'x'));
  return buildModel(21, { x: ['n', 4, 3, 5] }, nodes, [...outputs], constants);
}

describe('simplify', () => {
  it('keeps what random graphs compute', async () => {
    const different: string[] = [];
    let removed = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const model = randomModel(seed);
      if (model.graph.outputs.length === 0) continue;
      const before = copyOf(model);
      const feeds = seededFeeds(model);
      await simplify(model, { evaluate: onnxruntimeEvaluate });
      removed += before.graph.nodes.length - model.graph.nodes.length;
      const expected = await runModel(before, feeds);
      const difference = largestDifference(expected, await runModel(model, feeds));
      if (!(difference <= 1e-5)) different.push(`seed ${seed}: ${difference}`);
    }
    expect(different).toEqual([]);
    expect(removed).toBeGreaterThan(800);
  });
});
