/**
 * The structure of models: every way in which Keras has spelt it, and what cannot be one.
 */
import { describe, expect, it } from 'vitest';
import type { LayerCall } from '../../../formats/keras/keras-model.ts';
import { readTopology } from '../../../formats/keras/topology.ts';
import { FormatError, UnsupportedError } from '../../../src/errors.ts';
import { sequential } from './keras-file.ts';

type Node = unknown;

/** A Functional model: an input `in` of 4 numbers, and layers each `[class, name, calls]`. */
function functional(
  layers: readonly (readonly [className: string, name: string, calls: Node[], config?: object])[],
  outputs: unknown,
  inputs: unknown = [['in', 0, 0]],
) {
  const list = [['InputLayer', 'in', [], { batch_input_shape: [null, 4] }] as const, ...layers];
  return {
    class_name: 'Functional',
    config: {
      name: 'model',
      layers: list.map(([class_name, name, inbound_nodes, config = {}]) => ({
        class_name,
        name,
        config: { name, ...config },
        inbound_nodes,
      })),
      input_layers: inputs,
      output_layers: outputs,
    },
  };
}

const read = (configuration: object, version = '2.15.0') =>
  readTopology(configuration as Record<string, unknown>, version);

const value = (layer: string, call = 0, tensor = 0) => ({ kind: 'tensor', tensor: { layer, call, tensor } });
const constant = (of: unknown) => ({ kind: 'constant', value: of });
const list = (...items: unknown[]) => ({ kind: 'list', items });
const kerasTensor = (...history: unknown[]) => ({
  class_name: '__keras_tensor__',
  config: { shape: [null, 4], dtype: 'float32', keras_history: history },
});

describe('calls', () => {
  const callOf = (node: Node): LayerCall =>
    read(functional([['Any', 'a', [node]]], [['a', 0, 0]])).layers[1]!.calls[0]!;

  it.each<[string, Node, unknown[], Record<string, unknown>]>([
    ['one value', [['in', 0, 0]], [value('in')], {}],
    ['one value with empty keywords', [['in', 0, 0, {}]], [value('in')], {}],
    ['one value without a list', ['in', 0, 0, {}], [value('in')], {}],
    [
      'several',
      [
        ['in', 0, 0, {}],
        ['in', 0, 0, {}],
      ],
      [list(value('in'), value('in'))],
      {},
    ],
    [
      'keywords',
      [['in', 0, 0, { training: false, axis: [1, 2] }]],
      [value('in')],
      { training: constant(false), axis: constant([1, 2]) },
    ],
    [
      'values as keywords',
      [
        [
          'in',
          0,
          0,
          {
            state: [
              ['in', 0, 0],
              ['in', 0, 0],
            ],
            y: ['in', 0, 0],
          },
        ],
      ],
      [value('in')],
      { state: list(value('in'), value('in')), y: value('in') },
    ],
    ['a constant', [['_CONSTANT_VALUE', -1, 2.5, { y: ['in', 0, 0] }]], [constant(2.5)], { y: value('in') }],
    [
      'lists in lists',
      [[['in', 0, 0, {}]], ['in', 0, 0, { axis: 1 }]],
      [list(list(value('in')), value('in'))],
      { axis: constant(1) },
    ],
    ['Keras 3', { args: [kerasTensor('in', 0, 0)], kwargs: { mask: null } }, [value('in')], { mask: constant(null) }],
    [
      'a list of Keras 3',
      { args: [[kerasTensor('in', 0, 0), kerasTensor('in', 0, 0)]], kwargs: {} },
      [list(value('in'), value('in'))],
      {},
    ],
    [
      'constants of Keras 3',
      { args: [kerasTensor('in', 0, 0), 2, [3, 4]], kwargs: {} },
      [value('in'), constant(2), constant([3, 4])],
      {},
    ],
    [
      'values as keywords of Keras 3',
      { args: [], kwargs: { query: kerasTensor('in', 0, 0) } },
      [],
      { query: value('in') },
    ],
  ])('are read: %s', (_, node, args, kwargs) => {
    expect(callOf(node)).toEqual({ args, kwargs });
  });

  it.each<[string, Node]>([
    ['text', 'in'],
    ['a number', 7],
    ['an object', {}],
    ['a mapping', { a: ['in', 0, 0] }],
    ['a value without numbers', [['in']]],
    ['a negative number', [['in', -1, 0]]],
    ['a bad value of Keras 3', { args: [{ class_name: '__keras_tensor__', config: {} }] }],
  ])('that are none are refused: %s', (_, node) => {
    expect(() => callOf(node)).toThrow(
      new FormatError('Keras', 'layer model/a has a call that is neither of the forms that Keras writes'),
    );
  });

  it('nested without end are refused', () => {
    let node: Node = ['in', 0, 0];
    for (let depth = 0; depth < 100_000; depth++) node = [node];
    expect(() => callOf(node)).toThrow(FormatError);
    expect(() => callOf({ args: [node] })).toThrow(FormatError);
    expect(() => read(functional([], node))).toThrow('output_layers of model is nested too deep');
  });
});

describe('inputs and outputs', () => {
  it.each<[string, unknown]>([
    ['lists', [['in', 0, 0]]],
    ['one alone', ['in', 0, 0]],
    ['by name', { in: ['in', 0, 0] }],
  ])('are read: %s', (_, reference) => {
    const { inputs, outputs } = read(functional([], reference, reference));
    expect([inputs, outputs]).toEqual([[{ layer: 'in', call: 0, tensor: 0 }], [{ layer: 'in', call: 0, tensor: 0 }]]);
  });

  it.each([[[]], [undefined], ['in']])('must be there: %j', (reference) => {
    expect(() => read(functional([], reference))).toThrow(FormatError);
  });
});

describe('models in models', () => {
  const inner = sequential(
    ['InputLayer', { name: 'x', batch_input_shape: [null, 4] }],
    ['Dense', { name: 'dense' }],
  ) as {
    config: { layers: unknown };
  };

  it.each([
    ['from 0, as Keras 3', 0],
    ['from 1, as Keras 2', 1],
  ])('count their calls %s', (_, first) => {
    const { layers, outputs } = read(
      functional(
        [
          ['Sequential', 'shared', [[['in', 0, 0]], [['in', 0, 0]]], { layers: inner.config.layers }],
          [
            'Add',
            'add',
            [
              [
                ['shared', first, 0],
                ['shared', first + 1, 0],
              ],
            ],
          ],
        ],
        [
          ['add', 0, 0],
          ['shared', first + 1, 0],
        ],
      ),
    );
    expect(layers[2]!.calls[0]!.args).toEqual([list(value('shared', 0), value('shared', 1))]);
    expect(outputs[1]).toEqual({ layer: 'shared', call: 1, tensor: 0 });
    expect(layers[1]!.inner!.layers.map(({ path }) => path)).toEqual(['model/shared/x', 'model/shared/dense']);
  });

  it('are refused where they are nested without end', () => {
    let deep: object = inner;
    for (let depth = 0; depth < 60; depth++) {
      deep = sequential(['Sequential', { name: 'm', layers: [{ ...deep }] }]);
    }
    expect(() => read(deep)).toThrow('nested more than 50 deep');
  });

  it('are refused where they call each other so often that no end is in sight', () => {
    let model = functional([['Dense', 'd', [[['in', 0, 0]]]]], [['d', 0, 0]]);
    for (let depth = 0; depth < 40; depth++) {
      const calls = [[['in', 0, 0]], [['m', 0, 0]]];
      model = functional([['Functional', 'm', calls, model.config]], [['m', 1, 0]]);
      model.config.layers[1]!.config.name = 'm';
    }
    expect(() => read(model)).toThrow('called more than 100000 times');
  });
});

describe('Sequential models', () => {
  const dense = ['Dense', { name: 'dense' }] as const;
  const shapeOf = (configuration: object) => read(configuration, '3.8.0').layers[0]!.config.batch_shape;

  it('are chains, from an input layer of their own', () => {
    const { layers, inputs, outputs } = read(
      sequential(['InputLayer', { name: 'x', batch_shape: [null, 4] }], dense, ['ReLU', { name: 'relu' }]),
    );
    expect(layers.map(({ calls }) => calls.map(({ args }) => args))).toEqual([[], [[value('x')]], [[value('dense')]]]);
    expect([inputs, outputs]).toEqual([[{ layer: 'x', call: 0, tensor: 0 }], [{ layer: 'relu', call: 0, tensor: 0 }]]);
  });

  it.each<[string, object]>([
    ['the first layer', sequential(['Dense', { name: 'dense', batch_input_shape: [null, 4] }])],
    ['building', { ...sequential(dense), build_config: { input_shape: [null, 4] } }],
    [
      'building in Keras 2',
      {
        class_name: 'Sequential',
        config: {
          name: 's',
          build_input_shape: [null, 4],
          layers: [{ class_name: 'Dense', config: { name: 'dense' } }],
        },
      },
    ],
    [
      'a model that stands first',
      sequential([
        'Sequential',
        { name: 'inner', layers: [{ class_name: 'Dense', config: { name: 'd', batch_input_shape: [null, 4] } }] },
      ]),
    ],
  ])('get an input layer from %s', (_, configuration) => {
    expect(shapeOf(configuration)).toEqual([null, 4]);
  });

  it('are refused without any', () => {
    expect(() => read(sequential(dense))).toThrow(UnsupportedError);
    expect(() => read(sequential(dense))).toThrow('model.build(shape), before model.save');
    expect(() => read(sequential())).toThrow('the Sequential model model has no layers');
  });
});

describe('what is refused', () => {
  it.each<[string, object, string]>([
    [
      'a layer that waits for itself',
      functional([['A', 'a', [[['a', 0, 0]]]]], [['a', 0, 0]]),
      'the layer "a" of model waits for its own output',
    ],
    [
      'a circle',
      functional(
        [
          ['A', 'a', [[['b', 0, 0]]]],
          ['B', 'b', [[['a', 0, 0]]]],
        ],
        [['in', 0, 0]],
      ),
      'waits for its own output',
    ],
    [
      'a layer that is not there',
      functional([['A', 'a', [[['x', 0, 0]]]]], [['a', 0, 0]]),
      'model/a takes call 0 of the layer "x", which model does not have',
    ],
    [
      'a call that is not there',
      functional([['A', 'a', [[['in', 0, 0]]]]], [['a', 3, 0]]),
      'model takes call 3 of the layer "a"',
    ],
    [
      'two layers of one name',
      functional([['A', 'in', [[['in', 0, 0]]]]], [['in', 0, 0]]),
      'two layers of model have the same name',
    ],
    ['no list of layers', { class_name: 'Functional', config: { name: 'm' } }, 'the model m has no list of layers'],
    ['no class', { config: {} }, 'the model has no class_name'],
    [
      'a layer that is no object',
      { class_name: 'Sequential', config: { name: 'm', layers: [7] } },
      'layer 0 of m is not described',
    ],
  ])('%s', (_, configuration, message) => {
    expect(() => read(configuration)).toThrow(FormatError);
    expect(() => read(configuration)).toThrow(message);
  });

  it.each<[string, object, string]>([
    [
      "a model class of one's own",
      { class_name: 'pack>MyModel', config: { units: 3 } },
      'is of the class MyModel, whose code is not in the file',
    ],
    [
      'quantised layers',
      sequential(
        ['InputLayer', { name: 'x', batch_shape: [null, 4] }],
        ['Dense', { name: 'dense', dtype: { class_name: 'QuantizedDTypePolicy', config: { mode: 'int8' } } }],
      ),
      'Keras layer "dense" (Dense) at model/dense has quantised weights (QuantizedDTypePolicy int8)',
    ],
  ])('%s', (_, configuration, message) => {
    expect(() => read(configuration)).toThrow(UnsupportedError);
    expect(() => read(configuration)).toThrow(message);
  });
});
