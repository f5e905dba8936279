import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import type { CallArgument, KerasModel } from '../../../../formats/keras/keras-model.ts';
import { toNumbers } from '../../../../src/graph/numbers.ts';
import { float32Tensor } from '../../../../src/graph/tensor.ts';
import { runModel } from '../../../support/run-model.ts';
import { expectDefinition } from '../definition-case.ts';
import { layerModel, randomTensor } from '../layer-case.ts';
import { expectClose, tf } from '../tfjs-case.ts';

const inputs = [[null, 3, 4]];

/** A TensorFlow function as a model of Keras 2 has it: what it is called with besides values are constants by name. */
const call = (name: string, constants: Record<string, unknown> = {}) => ({
  className: 'TFOpLambda',
  config: { name: 'layer', function: name },
  inputs,
  constants: { ...constants, name: null },
});

/** An operation of Keras 3. */
const operation = (className: string, config: Record<string, unknown> = {}) => ({
  className,
  config,
  inputs,
  kerasVersion: '3.8.0',
});

describe('operations on each element', () => {
  const definitions: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    Absolute: tf.abs,
    Negative: tf.neg,
    Exp: tf.exp,
    Reciprocal: tf.reciprocal,
    Sign: tf.sign,
    Floor: tf.floor,
    Ceil: tf.ceil,
    Sin: tf.sin,
    Cos: tf.cos,
    Erf: tf.erf,
    Tanh: tf.tanh,
    Sigmoid: tf.sigmoid,
    Softplus: tf.softplus,
    Selu: tf.selu,
    Relu: tf.relu,
    Relu6: tf.relu6,
    Elu: tf.elu,
    Square: tf.square,
    Identity: (x) => x,
    StopGradient: (x) => x,
    Silu: (x) => tf.mul(x, tf.sigmoid(x)),
    Softsign: (x) => tf.div(x, tf.add(tf.abs(x), 1)),
    LogSigmoid: (x) => tf.logSigmoid(x),
    LeakyRelu: (x) => tf.leakyRelu(x, 0.2),
    HardSilu: (x) => tf.mul(x, tf.clipByValue(tf.add(tf.div(x, 6), 0.5), 0, 1)),
    LogSoftmax: (x) => tf.logSoftmax(x),
    Gelu: (x) =>
      tf.mul(
        tf.mul(x, 0.5),
        tf.add(1, tf.tanh(tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3)))))),
      ),
  };
  it.each(Object.entries(definitions))('%s', async (className, definition) => {
    await expectDefinition(operation(className), ([x]) => definition(x!));
  });

  it('of positive numbers', async () => {
    const squared = { Log: tf.log, Sqrt: tf.sqrt, Rsqrt: tf.rsqrt };
    for (const [className, definition] of Object.entries(squared)) {
      const model = twoLayers('Square', className);
      const x = randomTensor([2, 3, 4], 1, 2);
      const feeds = new Map([['input_0', float32Tensor(x.shape, Float32Array.from(x.dataSync()))]]);
      const [result] = (await runModel(buildGraph(model), feeds)).values();
      expectClose(toNumbers(result!), definition(tf.square(x)).dataSync());
    }
  });
});

/** Two operations behind each other. */
function twoLayers(first: string, second: string): KerasModel {
  const { topology, kerasVersion } = layerModel(operation(first));
  const given: CallArgument = { kind: 'tensor', tensor: { layer: 'layer', call: 0, tensor: 0 } };
  const last = {
    className: second,
    name: 'last',
    path: 'model/last',
    config: {},
    weights: [],
    calls: [{ args: [given], kwargs: {} }],
  };
  const outputs = [{ layer: 'last', call: 0, tensor: 0 }];
  return { kerasVersion, topology: { ...topology, layers: [...topology.layers, last], outputs } };
}

describe('the functions of TensorFlow', () => {
  it.each([
    ['__operators__.add', { y: 2 }, (x: tf.Tensor) => tf.add(x, 2)],
    ['math.subtract', { y: [1, 2, 3, 4] }, (x: tf.Tensor) => tf.sub(x, [1, 2, 3, 4])],
    ['math.multiply', { y: [[1], [2], [3]] }, (x: tf.Tensor) => tf.mul(x, [[1], [2], [3]])],
    ['math.truediv', { y: 4 }, (x: tf.Tensor) => tf.div(x, 4)],
    ['math.pow', { y: 2 }, (x: tf.Tensor) => tf.square(x)],
    ['math.maximum', { y: 0.5 }, (x: tf.Tensor) => tf.maximum(x, 0.5)],
    ['nn.relu6', {}, tf.relu6],
    ['nn.leaky_relu', { alpha: 0.4 }, (x: tf.Tensor) => tf.leakyRelu(x, 0.4)],
    ['nn.softmax', { axis: 1 }, (x: tf.Tensor) => tf.div(tf.exp(x), tf.sum(tf.exp(x), 1, true))],
    ['nn.gelu', {}, (x: tf.Tensor) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2))))],
    ['math.reduce_mean', { axis: [1, 2], keepdims: true }, (x: tf.Tensor) => tf.mean(x, [1, 2], true)],
    ['math.reduce_max', { axis: 1 }, (x: tf.Tensor) => tf.max(x, 1)],
    ['math.reduce_sum', { axis: -1 }, (x: tf.Tensor) => tf.sum(x, -1)],
    ['clip_by_value', { clip_value_min: -1, clip_value_max: 0.5 }, (x: tf.Tensor) => tf.clipByValue(x, -1, 0.5)],
    ['cast', { dtype: 'float32' }, (x: tf.Tensor) => x],
    ['reshape', { shape: [-1, 12] }, (x: tf.Tensor) => tf.reshape(x, [2, 12])],
    ['transpose', { perm: [0, 2, 1] }, (x: tf.Tensor) => tf.transpose(x, [0, 2, 1])],
    ['expand_dims', { axis: -1 }, (x: tf.Tensor) => tf.expandDims(x, 3)],
  ] as const)('%s %j', async (name, constants, definition) => {
    await expectDefinition(call(name, constants), ([x]) => definition(x!));
  });

  it('with the constant first', async () => {
    const { topology, kerasVersion } = layerModel({ ...call('math.subtract'), named: { y: 0 } });
    const layers = topology.layers.map((layer) =>
      layer.name === 'layer'
        ? {
            ...layer,
            calls: layer.calls.map(({ kwargs }) => ({ args: [{ kind: 'constant', value: 3 } as const], kwargs })),
          }
        : layer,
    );
    const x = randomTensor([2, 3, 4], 1);
    const feeds = new Map([['input_0', float32Tensor(x.shape, Float32Array.from(x.dataSync()))]]);
    const [result] = (await runModel(buildGraph({ kerasVersion, topology: { ...topology, layers } }), feeds)).values();
    expectClose(toNumbers(result!), tf.sub(3, x).dataSync());
  });

  it('align the last axes, which layers that merge do not', async () => {
    const two = {
      inputs: [
        [2, 2, 4],
        [2, 4],
      ],
    };
    await expectDefinition({ ...call('math.add'), ...two, named: { y: 1 } }, ([a, b]) => tf.add(a!, b!));
    await expectDefinition({ className: 'Add', ...two, named: { inputs: [0, 1] } }, ([a, b]) =>
      tf.add(a!, tf.expandDims(b!, 1)),
    );
  });

  it.each([
    ['image.resize', 'TensorFlow\'s function "image.resize" cannot be read'],
    ['reshape', 'a reshape to [1,24], which joins samples or parts them', { shape: [1, 24] }],
    ['cast', 'casts to int32, expected a type of floating point', { dtype: 'int32' }],
    ['math.add', 'where an array of numbers was expected', { y: 'x' }],
  ])('%s is refused', (name, message, constants: Record<string, unknown> = {}) => {
    expect(() => buildGraph(layerModel(call(name, constants)))).toThrow(message);
  });

  it('as nodes of TensorFlow are refused', () => {
    expect(() => buildGraph(layerModel({ className: 'TensorFlowOpLayer', inputs }))).toThrow(
      'it holds a node of a TensorFlow graph',
    );
  });
});

describe('shapes', () => {
  const slice = (start: number | null, stop: number | null) => ({ start, stop, step: null });
  const keras3 = (start: number | null, stop: number | null) => ({
    class_name: '__slice__',
    config: { start, stop, step: null },
  });

  it.each([
    ['x[:, 0]', [slice(null, null), 0], (x: tf.Tensor) => tf.squeeze(tf.slice(x, [0, 0, 0], [2, 1, 4]), [1])],
    [
      'x[:, 1:, :-1]',
      [slice(null, null), slice(1, null), slice(null, -1)],
      (x: tf.Tensor) => tf.slice(x, [0, 1, 0], [2, 2, 3]),
    ],
    [
      'x[..., -1]',
      [{ class_name: '__ellipsis__', config: {} }, -1],
      (x: tf.Tensor) => tf.squeeze(tf.slice(x, [0, 0, 3], [2, 3, 1]), [2]),
    ],
    [
      'x[:, 2, 1:3]',
      [slice(null, null), 2, slice(1, 3)],
      (x: tf.Tensor) => tf.squeeze(tf.slice(x, [0, 2, 1], [2, 1, 2]), [1]),
    ],
  ] as const)('%s', async (_, spec, definition) => {
    const given = { className: 'SlicingOpLambda', config: { function: '__operators__.getitem' }, inputs };
    await expectDefinition({ ...given, constants: { slice_spec: spec } }, ([x]) => definition(x!));
    const ofKeras3 = spec.map((each) =>
      typeof each === 'object' && 'stop' in each ? keras3(each.start, each.stop) : each,
    );
    await expectDefinition({ ...operation('GetItem'), constants: { key: ofKeras3 } }, ([x]) => definition(x!));
  });

  it.each([
    [[0, 5], 'needs to know axis 0'],
    [[slice(null, null), 5], 'takes place 5 of an axis of 3'],
    [[slice(null, null), slice(2, 1)], 'takes nothing of an axis of 3'],
    [[null], 'takes null of an axis: only places and plain ranges can be read'],
    [[0, 0, 0, 0], 'has 4 subscripts, its input 3 axes'],
  ])('x%j is refused', (key, message) => {
    expect(() => buildGraph(layerModel({ ...operation('GetItem'), constants: { key } }))).toThrow(message);
  });

  it('of Keras 3', async () => {
    await expectDefinition(operation('Transpose', { axes: [0, 2, 1] }), ([x]) => tf.transpose(x!, [0, 2, 1]));
    await expectDefinition(operation('Reshape', { newshape: [-1, 2, 6] }), ([x]) => tf.reshape(x!, [2, 2, 6]));
    await expectDefinition({ ...operation('Squeeze', { axis: 2 }), inputs: [[null, 3, 1]] }, ([x]) =>
      tf.squeeze(x!, [2]),
    );
    await expectDefinition(operation('Mean', { axis: 2, keepdims: false }), ([x]) => tf.mean(x!, 2));
    const two = {
      ...operation('Concatenate', { axis: 1 }),
      inputs: [
        [null, 3, 4],
        [null, 2, 4],
      ],
    };
    await expectDefinition(two, ([a, b]) => tf.concat([a!, b!], 1));
  });
});

describe('EinsumDense', () => {
  it.each([
    ['abc,cd->abd', [4, 5], 'd', [5]],
    ['...x,xy->...y', [4, 5], 'y', [5]],
    ['abc,cde->abde', [4, 2, 3], 'de', [2, 3]],
    ['abc,bde->adec', [3, 2, 5], 'e', [5, 1]],
    ['abc,cd->abd', [4, 5], null, []],
  ])('%s', async (equation, kernelShape, axes, biasShape) => {
    const kernel = randomTensor(kernelShape, 3);
    const bias = randomTensor(biasShape, 4);
    const weights = axes === null ? [kernel] : [kernel, bias];
    const config = { equation, bias_axes: axes, activation: 'relu' };
    await expectDefinition({ className: 'EinsumDense', config, inputs, weights }, ([x]) => {
      const product = tf.einsum(equation.replaceAll('...', 'ab'), x!, kernel);
      return tf.relu(axes === null ? product : tf.add(product, bias));
    });
  });

  it.each([
    ['abc', 'has the equation "abc", expected one such as ab,bc->ac'],
    ['ab,bc->ac', 'which its input of 3 axes does not fit'],
    ['abc,cd->abd', 'has weights of shapes [5,4], expected kernel [4,4]'],
  ])('%s is refused', (equation, message) => {
    const given = { className: 'EinsumDense', config: { equation }, inputs, weights: [randomTensor([5, 4], 1)] };
    expect(() => buildGraph(layerModel(given))).toThrow(message);
  });
});
