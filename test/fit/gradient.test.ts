import { describe, expect, it } from 'vitest';
import { UnsupportedError } from '../../src/errors.ts';
import { appendGradients } from '../../src/fit/gradient.ts';
import { DTYPES } from '../../src/graph/dtype.ts';
import { type Model, type Node, node } from '../../src/graph/graph.ts';
import { toNumbers } from '../../src/graph/numbers.ts';
import { float32Tensor, int64Tensor, type NumericTensor } from '../../src/graph/tensor.ts';
import { buildModel, runModel } from '../support/run-model.ts';

const ONE = { one: float32Tensor([], Float32Array.of(1)) };
const vector = (...values: number[]): NumericTensor => float32Tensor([values.length], Float32Array.from(values));

/** What the gradients by `of` are for these inputs, with a cotangent of one for `loss`. */
async function gradients(
  model: Model,
  feeds: Record<string, NumericTensor>,
  of: string[],
  seeds: ReadonlyMap<string, string> = new Map([['loss', 'one']]),
  straightThrough: string[] = [],
): Promise<number[][]> {
  const names = appendGradients(model, seeds, of, { straightThrough });
  model.graph.outputs = [...new Set(names.values())].map((name) => ({ name }));
  const results = await runModel(model, new Map(Object.entries(feeds)));
  return of.map((name) => toNumbers(results.get(names.get(name)!)!));
}

/** Σ x², as a Mul and a ReduceSum. */
const squares = () =>
  buildModel(
    21,
    { x: [3] },
    [
      node('Mul', ['x', 'x'], ['square']),
      node('ReduceSum', ['square'], ['loss'], { keepdims: { type: 'int', value: 0 } }),
    ],
    ['loss'],
    ONE,
  );

describe('appendGradients', () => {
  it('sums over all uses of a value', async () => {
    expect(await gradients(squares(), { x: vector(1, 2, 3) }, ['x'])).toEqual([[2, 4, 6]]);
  });

  it('differentiates by initialisers and by values inside the graph', async () => {
    const model = squares();
    model.graph.inputs = [];
    model.graph.initializers.set('x', vector(1, 2, 3));
    expect(await gradients(model, {}, ['x', 'square'])).toEqual([
      [2, 4, 6],
      [1, 1, 1],
    ]);
  });

  it('sums over several seeds, one of which may itself be asked for', async () => {
    const model = squares();
    model.graph.initializers.set('weights', vector(1, 10, 100));
    const seeds = new Map([
      ['loss', 'one'],
      ['square', 'weights'],
      ['x', 'weights'],
    ]);
    expect(await gradients(model, { x: vector(1, 2, 3) }, ['x', 'square', 'loss'], seeds)).toEqual([
      [2 + 2 + 1, 4 + 40 + 10, 6 + 600 + 100],
      [2, 11, 101],
      [1],
    ]);
  });

  it('gives zeros where no seed depends on a value', async () => {
    const model = squares();
    model.graph.initializers.set('unused', float32Tensor([2, 1], new Float32Array(2)));
    model.graph.nodes.push(node('Neg', ['x'], ['elsewhere']));
    expect(await gradients(model, { x: vector(1, 2, 3) }, ['unused', 'elsewhere'])).toEqual([
      [0, 0],
      [0, 0, 0],
    ]);
  });

  it('takes a value as constant that is reached through integers only', async () => {
    const model = squares();
    model.graph.nodes.push(
      node('Cast', ['x'], ['whole'], { to: { type: 'int', value: 7 } }),
      node('Cast', ['whole'], ['again'], { to: { type: 'int', value: 1 } }),
      node('Mul', ['again', 'x'], ['product']),
    );
    model.graph.initializers.set('ones', vector(1, 1, 1));
    expect(await gradients(model, { x: vector(1.5, 2.5, 3.5) }, ['x'], new Map([['product', 'ones']]))).toEqual([
      [1, 2, 3],
    ]);
  });

  it('emits nothing for what is not between', () => {
    const model = buildModel(
      21,
      { x: [1, 2, 5, 5], w: [3, 2, 3, 3] },
      [node('Conv', ['x', 'w'], ['y']), node('Softsign', ['y'], ['aside']), node('Hardmax', ['y'], ['unknown'])],
      ['y'],
      { seed: float32Tensor([1, 3, 3, 3], new Float32Array(27)) },
    );
    const before = model.graph.initializers.size;
    appendGradients(model, new Map([['y', 'seed']]), ['x']);
    expect(model.graph.nodes.slice(3).map(({ op }) => op)).toEqual(['ConvTranspose']);
    expect(model.graph.initializers.size).toBe(before);
  });

  it('emits what gradients have in common once', () => {
    const model = buildModel(
      21,
      { x: [4, 3], scale: [3], bias: [3] },
      [node('LayerNormalization', ['x', 'scale', 'bias'], ['y'])],
      ['y'],
      { seed: float32Tensor([4, 3], new Float32Array(12)) },
    );
    appendGradients(model, new Map([['y', 'seed']]), ['x', 'scale', 'bias']);
    const expressions = model.graph.nodes.map(({ op, inputs, attributes }) =>
      JSON.stringify([op, inputs, [...attributes]]),
    );
    expect(new Set(expressions).size).toBe(expressions.length);
    expect(expressions.filter((each) => each.startsWith('["Sqrt"'))).toHaveLength(1);
  });

  it('names the node that has no rule, and the input by which a rule has no gradient', () => {
    const without = buildModel(21, { x: [2, 3] }, [node('Hardmax', ['x'], ['y'], {}, 'winner')], ['y'], ONE);
    expect(() => appendGradients(without, new Map([['y', 'one']]), ['x'])).toThrow(
      new UnsupportedError('Hardmax (node "winner"): there is no rule for the gradient of this operator'),
    );
    const other = buildModel(21, { x: [2, 3] }, [{ ...node('Relu', ['x'], ['y']), domain: 'com.example' }], ['y'], ONE);
    expect(() => appendGradients(other, new Map([['y', 'one']]), ['x'])).toThrow(UnsupportedError);
    const fill = buildModel(21, { x: [2], v: [] }, [node('Pad', ['x', 'pads', 'v'], ['y'])], ['y'], {
      ...ONE,
      pads: int64Tensor([1, 1]),
    });
    expect(() => appendGradients(fill, new Map([['y', 'one']]), ['v'])).toThrow(
      new UnsupportedError('Pad (node "y"): there is no gradient by its input 2, "v"'),
    );
  });

  it('refuses names that are not there, and older opsets', () => {
    expect(() => appendGradients(squares(), new Map([['loss', 'one']]), ['z'])).toThrow(
      new RangeError('the graph has no value "z"'),
    );
    expect(() => appendGradients(squares(), new Map([['loss', 'two']]), ['x'])).toThrow(RangeError);
    expect(() => appendGradients({ ...squares(), opsets: new Map([['', 13]]) }, new Map(), [])).toThrow(
      new RangeError('gradients need a model of opset 21 or newer, got 13'),
    );
  });

  it('goes straight through nodes as it is told', async () => {
    const rounded = () =>
      buildModel(21, { x: [3] }, [node('Round', ['x'], ['r']), node('Mul', ['r', 'r'], ['y'])], ['y'], {
        seed: vector(1, 1, 1),
      });
    const seeds = new Map([['y', 'seed']]);
    expect(await gradients(rounded(), { x: vector(1.2, 2.4, -3.3) }, ['x'], seeds, ['r'])).toEqual([[2, 4, -6]]);
    expect(() => appendGradients(rounded(), seeds, ['x'])).toThrow(UnsupportedError);
  });

  it('converts gradients to the type of the value', async () => {
    const model = squares();
    const [square, sum] = model.graph.nodes as [Node, Node];
    const cast = (input: string, output: string, to: number) =>
      node('Cast', [input], [output], { to: { type: 'int', value: to } });
    square.inputs = ['double', 'double'];
    square.outputs = ['squared'];
    model.graph.nodes = [
      cast('x', 'double', DTYPES.float64.code),
      square,
      cast('squared', 'square', DTYPES.float32.code),
      sum,
    ];
    expect(await gradients(model, { x: vector(1, 2, 3) }, ['x'])).toEqual([[2, 4, 6]]);
  });

  it.each([
    [false, 1],
    [true, 4],
  ])('goes through Dropout, in training (%s) where it keeps an element', async (training, factor) => {
    const model = buildModel(21, { x: [64] }, [node('Dropout', ['x', 'ratio', 'training'], ['y'])], ['y'], {
      ratio: float32Tensor([], Float32Array.of(0.75)),
      training: { dtype: 'bool', shape: [], data: Uint8Array.of(training ? 1 : 0) },
      seed: vector(...new Array<number>(64).fill(1)),
    });
    // With x = 1, y is the factor of each element itself.
    const names = appendGradients(model, new Map([['y', 'seed']]), ['x']);
    model.graph.outputs = [names.get('x')!, 'y'].map((name) => ({ name }));
    const results = await runModel(model, new Map([['x', vector(...new Array<number>(64).fill(1))]]));
    const [slopes, values] = [names.get('x')!, 'y'].map((name) => toNumbers(results.get(name)!));
    expect(slopes).toEqual(values);
    expect(Math.max(...slopes!)).toBe(factor);
  });

  it('puts back what a Slice took whose bounds are known at run time only', async () => {
    const model = buildModel(21, { x: [6] }, [node('Slice', ['x', 'start', 'end', 'axis', 'step'], ['y'])], ['y'], {
      seed: vector(5, 7),
      axis: int64Tensor([0]),
      step: int64Tensor([3]),
    });
    for (const name of ['start', 'end'])
      model.graph.inputs.push({ name, type: { kind: 'tensor', dtype: 'int64', shape: [1] } });
    const feeds = { x: vector(0, 1, 2, 3, 4, 5), start: int64Tensor([1]), end: int64Tensor([6]) };
    expect(await gradients(model, feeds, ['x'], new Map([['y', 'seed']]))).toEqual([[0, 5, 0, 0, 7, 0]]);
  });

  it('shares the gradient of a maximum among equal elements', async () => {
    const model = buildModel(
      21,
      { x: [1, 1, 2, 4] },
      [
        node('MaxPool', ['x'], ['y'], {
          kernel_shape: { type: 'ints', value: [2, 2] },
          strides: { type: 'ints', value: [2, 2] },
        }),
      ],
      ['y'],
      { seed: float32Tensor([1, 1, 1, 2], Float32Array.of(6, 8)) },
    );
    const x = float32Tensor([1, 1, 2, 4], Float32Array.of(5, 5, 1, 1, 2, 5, 1, 1));
    expect(await gradients(model, { x }, ['x'], new Map([['y', 'seed']]))).toEqual([[2, 2, 2, 2, 0, 2, 2, 2]]);
  });
});
