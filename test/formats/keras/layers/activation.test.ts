import { describe, expect, it } from 'vitest';
import { ACTIVATION_NAMES } from '../../../../formats/keras/activations.ts';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import { expectDefinition } from '../definition-case.ts';
import { layerModel, randomTensor } from '../layer-case.ts';
import { chain, expectSameAsTfjs, layers, operatorsOf, tf } from '../tfjs-case.ts';

const tfjs = layers.layers;
const { abs, greater, log, sum, add, sub, mul, div, exp, log1p, relu, tanh, sqrt, square, where, zerosLike, neg } = tf;

const clip = (x: tf.Tensor, least: number, most: number) => tf.clipByValue(x, least, most);
const erf = (x: tf.Tensor) => tf.erf(x);

/** Every function as its paper or Keras' documentation has it. */
const DEFINITIONS: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  linear: (x) => x,
  relu: (x) => relu(x),
  relu6: (x) => clip(x, 0, 6),
  leaky_relu: (x) => tf.maximum(x, mul(x, 0.2)),
  elu: (x) => where(greater(x, 0), x, sub(exp(x), 1)),
  selu: (x) => mul(1.05070098, where(greater(x, 0), x, mul(1.67326324, sub(exp(x), 1)))),
  celu: (x) => where(greater(x, 0), x, sub(exp(x), 1)),
  gelu: (x) => mul(mul(x, 0.5), add(1, erf(div(x, Math.SQRT2)))),
  tanh: (x) => tanh(x),
  sigmoid: (x) => div(1, add(1, exp(neg(x)))),
  exponential: (x) => exp(x),
  softplus: (x) => log1p(exp(x)),
  softsign: (x) => div(x, add(1, abs(x))),
  mish: (x) => mul(x, tanh(log1p(exp(x)))),
  swish: (x) => div(x, add(1, exp(neg(x)))),
  silu: (x) => div(x, add(1, exp(neg(x)))),
  hard_sigmoid: (x) => clip(add(div(x, 6), 0.5), 0, 1),
  hard_swish: (x) => mul(x, clip(add(div(x, 6), 0.5), 0, 1)),
  hard_silu: (x) => mul(x, clip(add(div(x, 6), 0.5), 0, 1)),
  hard_tanh: (x) => clip(x, -1, 1),
  hard_shrink: (x) => where(greater(abs(x), 0.5), x, zerosLike(x)),
  soft_shrink: (x) => mul(tf.sign(x), relu(sub(abs(x), 0.5))),
  tanh_shrink: (x) => sub(x, tanh(x)),
  log_sigmoid: (x) => neg(log1p(exp(neg(x)))),
  squareplus: (x) => div(add(x, sqrt(add(square(x), 4))), 2),
  softmax: (x) => div(exp(x), sum(exp(x), -1, true)),
  log_softmax: (x) => sub(x, log(sum(exp(x), -1, true))),
};

describe('the activation functions of Keras 3', () => {
  it('are all defined here', () => {
    expect(Object.keys(DEFINITIONS).sort()).toEqual([...ACTIVATION_NAMES].sort());
  });

  it.each(ACTIVATION_NAMES)('%s', async (activation) => {
    const given = { className: 'Activation', config: { activation }, inputs: [[null, 5, 6]], kerasVersion: '3.8.0' };
    await expectDefinition(given, ([x]) => DEFINITIONS[activation]!(x!));
  });

  it.each([
    { module: 'builtins', class_name: 'function', config: 'silu', registered_name: 'function' },
    { module: 'keras.layers', class_name: 'Activation', config: { activation: 'silu' } },
    'keras.activations>silu',
  ])('written as %j', async (activation) => {
    const given = { className: 'Dense', config: { units: 3, activation }, inputs: [[null, 4]] };
    const weights = [randomTensor([4, 3], 5), randomTensor([3], 6)];
    await expectDefinition({ ...given, weights }, ([x]) =>
      DEFINITIONS.silu!(add(tf.matMul(x as tf.Tensor2D, weights[0] as tf.Tensor2D), weights[1]!)),
    );
  });

  it('that are not Keras own are refused by name', () => {
    const given = { className: 'Dense', config: { units: 3, activation: 'my_function' }, inputs: [[null, 4]] };
    const weights = [randomTensor([4, 3], 5), randomTensor([3], 6)];
    expect(() => buildGraph(layerModel({ ...given, weights }))).toThrow(
      'Keras layer "layer" (Dense) at model/layer: activation "my_function" is not one of Keras\' own',
    );
  });
});

describe('the activation functions of Keras 2', () => {
  it.each([
    'elu',
    'hardSigmoid',
    'linear',
    'relu',
    'relu6',
    'selu',
    'sigmoid',
    'softmax',
    'softplus',
    'softsign',
    'tanh',
    'swish',
    'mish',
    'gelu',
  ] as const)('%s', async (activation) => {
    await expectSameAsTfjs({ inputs: [[4, 5]] }, chain(tfjs.activation({ activation })));
  });

  it('are along the last axis of Keras where the channels are kept first', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[5, 4, 3]], layout: 'nchw' },
      chain(tfjs.conv2d({ filters: 4, kernelSize: 2, activation: 'softmax' })),
    );
    expect(operatorsOf(model)).toEqual(['Conv', 'Softmax']);
  });
});

describe('activation layers', () => {
  it.each([
    ['ReLU', tfjs.reLU({})],
    ['ReLU with a maximum', tfjs.reLU({ maxValue: 1.5 })],
    ['LeakyReLU', tfjs.leakyReLU({ alpha: 0.4 })],
    ['LeakyReLU as it is', tfjs.leakyReLU()],
    ['ELU', tfjs.elu({ alpha: 1 })],
    ['ThresholdedReLU', tfjs.thresholdedReLU({ theta: 0.6 })],
    ['PReLU', tfjs.prelu()],
    ['PReLU of channels', tfjs.prelu({ sharedAxes: [1, 2] })],
    ['PReLU of rows', tfjs.prelu({ sharedAxes: [2, 3] })],
  ])('%s, of images kept either way', async (_, layer) => {
    const { conv2d } = tfjs;
    await expectSameAsTfjs({ inputs: [[4, 5, 3]] }, chain(layer, conv2d({ filters: 2, kernelSize: 2 })));
  });

  it.each([
    ['PReLU', () => tfjs.prelu()],
    ['PReLU of channels', () => tfjs.prelu({ sharedAxes: [1, 2] })],
    ['PReLU of columns', () => tfjs.prelu({ sharedAxes: [1, 3] })],
  ])('%s behind a convolution', async (_, layer) => {
    const model = await expectSameAsTfjs(
      { inputs: [[5, 6, 3]], layout: 'nchw' },
      chain(tfjs.conv2d({ filters: 4, kernelSize: 2 }), layer()),
    );
    expect(operatorsOf(model)).not.toContain('Transpose');
  });

  it.each([1, 2, -1, [3]])('Softmax along axis %j', async (axis) => {
    await expectDefinition({ className: 'Softmax', config: { axis }, inputs: [[null, 4, 5, 3]] }, ([value]) =>
      div(exp(value!), sum(exp(value!), axis, true)),
    );
  });

  it('PReLU of flattened images turns its slopes instead', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[5, 6, 3]], layout: 'nchw' },
      chain(tfjs.conv2d({ filters: 4, kernelSize: 2 }), tfjs.flatten(), tfjs.prelu(), tfjs.dense({ units: 2 })),
    );
    expect(operatorsOf(model)).toEqual(['Conv', 'Flatten', 'PRelu', 'Gemm']);
  });

  const x = [[null, 7]];
  it.each([
    { max_value: 2, negative_slope: 0.1, threshold: 0 },
    { max_value: null, negative_slope: 0.1, threshold: 0.5 },
    { max_value: 2.5, negative_slope: 0, threshold: 0.5 },
    { max_value: 2.5, negative_slope: 0.2, threshold: -0.5 },
    { max_value: null, negative_slope: 0, threshold: -1 },
  ])('ReLU %j', async (config) => {
    const { negative_slope: slope, threshold } = config;
    await expectDefinition({ className: 'ReLU', config, inputs: x }, ([value]) => {
      const above = where(greater(value!, threshold), value!, zerosLike(value!));
      const capped = config.max_value === null ? above : clip(above, 0, config.max_value);
      return sub(capped, mul(slope, relu(sub(threshold, value!))));
    });
  });

  it('LeakyReLU and ReLU with numbers as NumPy had them', async () => {
    const alpha = { type: 'ndarray', value: 0.25 };
    await expectDefinition({ className: 'LeakyReLU', config: { alpha }, inputs: x }, ([value]) =>
      tf.maximum(value!, mul(value!, 0.25)),
    );
    const config = { max_value: { class_name: '__numpy__', config: { value: 1, dtype: 'float32' } } };
    await expectDefinition({ className: 'ReLU', config, inputs: x }, ([value]) => clip(value!, 0, 1));
  });

  it('LeakyReLU of Keras 3', async () => {
    const given = { className: 'LeakyReLU', config: { negative_slope: 0.15 }, inputs: x, kerasVersion: '3.8.0' };
    await expectDefinition(given, ([value]) => tf.maximum(value!, mul(value!, 0.15)));
  });

  it('PReLU with slopes of the wrong shape is refused', () => {
    const weights = [randomTensor([6], 1)];
    expect(() => buildGraph(layerModel({ className: 'PReLU', inputs: x, weights }))).toThrow(
      'Keras: layer "layer" (PReLU) at model/layer has weights of shapes [6], expected alpha [7]',
    );
  });
});
