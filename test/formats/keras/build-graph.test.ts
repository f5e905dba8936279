import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../formats/keras/build-graph.ts';
import type { KerasLayer, KerasModel, TensorReference } from '../../../formats/keras/keras-model.ts';
import { layerModel, randomTensor } from './layer-case.ts';
import { apply, expectSameAsTfjs, layers, operatorsOf } from './tfjs-case.ts';

const { add, conv2d, dense, flatten, maxPooling2d } = layers.layers;

const reference = (layer: string, call = 0, tensor = 0): TensorReference => ({ layer, call, tensor });
const given = (layer: string, call = 0) => ({ kind: 'tensor' as const, tensor: reference(layer, call) });

/** A layer without weights, called with the outputs of these layers, once for each list. */
function layer(name: string, className: string, ...calls: string[][]): KerasLayer {
  return {
    className,
    name,
    path: `model/${name}`,
    config: {},
    weights: [],
    calls: calls.map((names) => ({ args: names.map((from) => given(from)), kwargs: {} })),
  };
}

const input = (name: string, shape: readonly (number | null)[] = [null, 3], dtype = 'float32'): KerasLayer => ({
  ...layer(name, 'InputLayer'),
  config: { batch_input_shape: shape, dtype },
});

function model(kerasLayers: KerasLayer[], outputs: readonly TensorReference[], inputs = ['x']): KerasModel {
  const topology = { name: 'model', layers: kerasLayers, inputs: inputs.map((name) => reference(name)), outputs };
  return { kerasVersion: '2.15.0', topology };
}

describe('several inputs and outputs', () => {
  it('are named after their layers', async () => {
    const read = await expectSameAsTfjs({ inputs: [[4, 4, 2], [3]] }, ([x, y]) => {
      const image = apply(conv2d({ filters: 3, kernelSize: 2, name: 'image' }), x!);
      const features = apply(dense({ units: 3, name: 'features' }), apply(flatten(), image));
      return [image, features, apply(add({ name: 'sum' }), [features, y!])];
    });
    expect(read.graph.outputs.map(({ name }) => name)).toEqual(['image', 'features', 'sum']);
    expect(read.graph.inputs.map(({ type }) => type)).toMatchObject([{ shape: ['N', 4, 4, 2] }, { shape: ['N', 3] }]);
  });

  it('may be the same value twice, or an input', () => {
    const relu = layer('relu', 'ReLU', ['x']);
    const { graph } = buildGraph(model([input('x'), relu], [reference('relu'), reference('relu'), reference('x')]));
    expect(graph.outputs.map(({ name }) => name)).toEqual(['relu', 'relu_1', 'x_1']);
    expect(graph.nodes.map(({ op, inputs }) => `${op} ${inputs[0]}`)).toEqual([
      'Relu x',
      'Identity relu',
      'Identity x',
    ]);
  });
});

describe('shared layers', () => {
  it('have their weights once', async () => {
    const shared = conv2d({ filters: 2, kernelSize: 2, padding: 'same' });
    const read = await expectSameAsTfjs({ inputs: [[4, 4, 2]] }, ([x]) => {
      const once = apply(shared, x!);
      return apply(add(), [apply(shared, once), apply(shared, apply(maxPooling2d({ poolSize: 1 }), once))]);
    });
    expect(operatorsOf(read).filter((op) => op === 'Conv')).toHaveLength(3);
    expect(read.graph.initializers.size).toBe(2);
  });

  it('turn an image once for all that take it', async () => {
    const read = await expectSameAsTfjs({ inputs: [[4, 4, 2]] }, ([x]) =>
      apply(
        add(),
        [0, 1, 2].map(() => apply(conv2d({ filters: 2, kernelSize: 2 }), x!)),
      ),
    );
    expect(operatorsOf(read).filter((op) => op === 'Transpose')).toHaveLength(2);
  });
});

describe('models within models', () => {
  const inner = {
    name: 'inner',
    layers: [
      { ...input('a'), path: 'model/inner/a' },
      { ...layer('relu', 'ReLU', ['a']), path: 'model/inner/relu' },
    ],
    inputs: [reference('a')],
    outputs: [reference('relu')],
  };
  const nested = (calls: string[][]): KerasLayer => ({ ...layer('inner', 'Functional', ...calls), inner });

  it('are put in their place, as often as they are called', () => {
    const twice: KerasLayer = {
      ...nested([['x']]),
      calls: [
        { args: [given('x')], kwargs: {} },
        { args: [given('inner')], kwargs: {} },
      ],
    };
    const { graph } = buildGraph(model([input('x'), twice], [reference('inner', 1)]));
    expect(graph.nodes.map(({ name }) => name)).toEqual(['inner/relu/Relu', 'inner/relu_call_1/Relu']);
  });

  it('refuse more inputs than they have', () => {
    const called = nested([['x', 'x']]);
    expect(() => buildGraph(model([input('x'), called], [reference('inner')]))).toThrow(
      'Keras: layer "inner" (Functional) at model/inner is called with 2 inputs, expected 1',
    );
  });
});

describe('a model', () => {
  it('with layers of its own is refused by name and path', () => {
    const own = layer('own', 'MyAttention', ['x']);
    expect(() => buildGraph(model([input('x'), own], [reference('own')]))).toThrow(
      'Keras layer "own" (MyAttention) at model/own: a layer of the model\'s own, whose code the file does not hold',
    );
  });

  it('may have a layer that nothing needs, and is not asked of it', () => {
    const layers = [input('x'), layer('relu', 'ReLU', ['x']), layer('own', 'MyAttention', ['x'])];
    expect(operatorsOf(buildGraph(model(layers, [reference('relu')])))).toEqual(['Relu']);
  });

  it('whose layers wait for each other is refused', () => {
    const layers = [input('x'), layer('a', 'Add', ['x', 'b']), layer('b', 'ReLU', ['a'])];
    expect(() => buildGraph(model(layers, [reference('b')]))).toThrow('takes a value that is made of its own output');
  });

  it.each([
    [reference('nobody'), 'model "model" has no layer "nobody"'],
    [reference('relu', 3), 'is an output of call 3, and has 1 calls'],
    [reference('relu', 0, 2), 'has no output 2'],
  ])('whose output %j is not there is refused', (output, message) => {
    expect(() => buildGraph(model([input('x'), layer('relu', 'ReLU', ['x'])], [output]))).toThrow(message);
  });

  it('of ten thousand layers is built without running out of stack', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `relu_${index}`);
    const layers = names.map((name, index) => layer(name, 'ReLU', [names[index - 1] ?? 'x']));
    const { graph } = buildGraph(model([input('x'), ...layers], [reference('relu_9999')]));
    expect(graph.nodes).toHaveLength(10_000);
  });
});

describe('masks', () => {
  it('go through layers that hand them on, and end at those that do not', () => {
    const embedding: KerasLayer = {
      ...layer('words', 'Embedding', ['x']),
      config: { input_dim: 5, output_dim: 3, mask_zero: true },
      weights: [{ shape: [5, 3], values: new Float32Array(15) }],
    };
    /** Whether the average behind this layer leaves steps out. */
    const isMasked = (between: KerasLayer) => {
      const pool = layer('pool', 'GlobalAveragePooling1D', [between.name]);
      const layers = [input('x', [null, 3], 'int32'), embedding, between, pool];
      return operatorsOf(buildGraph(model(layers, [reference('pool')]))).includes('Div');
    };
    expect(isMasked(layer('relu', 'ReLU', ['words']))).toBe(true);
    expect(isMasked(layer('dropout', 'Dropout', ['words']))).toBe(true);
    expect(isMasked({ ...layer('average', 'AveragePooling1D', ['words']), config: { pool_size: 1 } })).toBe(false);
    expect(isMasked({ ...layer('permute', 'Permute', ['words']), config: { dims: [2, 1] } })).toBe(false);
    expect(isMasked({ ...layer('reshape', 'Reshape', ['words']), config: { target_shape: [3, 3] } })).toBe(false);
    expect(isMasked(layer('exp', 'Exp', ['words']))).toBe(false);
  });
});

describe('inputs', () => {
  it.each([
    ['float16', 'float32'],
    ['float64', 'float32'],
    ['int32', 'int32'],
    ['uint8', 'uint8'],
  ])('of %s are taken as %s', (dtype, taken) => {
    const layers = [input('x', [null, 3], dtype), layer('relu', 'ReLU', ['x'])];
    const { graph } = buildGraph(model(layers, [reference('relu')]));
    expect(graph.inputs[0]!.type).toMatchObject({ dtype: taken });
  });

  it('have their shape as a tuple of Python too', () => {
    const shape = { class_name: '__tuple__', items: [null, 7] };
    const layers = [input('x', shape as unknown as number[]), layer('relu', 'ReLU', ['x'])];
    expect(buildGraph(model(layers, [reference('relu')])).graph.inputs[0]!.type).toMatchObject({ shape: ['N', 7] });
  });

  it.each(['sparse', 'ragged'])('that are %s are refused', (kind) => {
    const x = input('x');
    const layers = [{ ...x, config: { ...x.config, [kind]: true } }, layer('relu', 'ReLU', ['x'])];
    expect(() => buildGraph(model(layers, [reference('relu')]))).toThrow(`takes ${kind} values`);
  });

  it('of text are refused', () => {
    const layers = [input('x', [null, 3], 'string'), layer('relu', 'ReLU', ['x'])];
    expect(() => buildGraph(model(layers, [reference('relu')]))).toThrow('takes values of type string');
  });

  it.each([[[]], [[null, -3]], ['wide'], [null]])('of the shape %j are refused', (shape) => {
    const layers = [input('x', shape as number[]), layer('relu', 'ReLU', ['x'])];
    expect(() => buildGraph(model(layers, [reference('relu')]))).toThrow('has no usable input shape');
  });

  it('keep their order where the model itself has the channels first', () => {
    const config = { filters: 2, kernel_size: 2, data_format: 'channels_first', use_bias: false };
    const weights = [randomTensor([2, 2, 3, 2], 1)];
    const read = buildGraph(layerModel({ className: 'Conv2D', config, weights, inputs: [[null, 3, 4, 5]] }), {
      layout: 'nchw',
    });
    expect(operatorsOf(read)).toEqual(['Conv']);
    expect(read.graph.inputs[0]!.type).toMatchObject({ shape: ['N', 3, 4, 5] });
  });
});
