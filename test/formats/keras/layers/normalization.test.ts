import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import { simplify } from '../../../../src/graph/passes/simplify.ts';
import { expectDefinition } from '../definition-case.ts';
import { layerModel, randomTensor } from '../layer-case.ts';
import { chain, expectSameAsTfjs, layers, operatorsOf, tf } from '../tfjs-case.ts';

const { batchNormalization, conv2d, layerNormalization, dense } = layers.layers;
const { add, sub, mul, div, mean, sqrt, square } = tf;

describe('BatchNormalization', () => {
  it.each([
    [[5], {}],
    [[4, 5], {}],
    [[3, 4, 5], { epsilon: 0.02 }],
    [[3, 4, 5], { scale: false }],
    [[4, 5], { center: false }],
    [[3, 4, 5], { axis: 3, center: false, scale: false }],
  ] as const)('of %j, %j', async (shape, options) => {
    await expectSameAsTfjs({ inputs: [shape] }, chain(batchNormalization(options)));
  });

  // TensorFlow.js on the CPU takes any axis for the last.
  it.each([
    [[null, 4, 5], 1],
    [[null, 3, 4, 5], 1],
    [[null, 3, 4, 5], 2],
    [[null, 3, 4, 5], [-2]],
  ])('of %j along axis %j', async (shape, axis) => {
    const place = [axis].flat()[0]!;
    const channels = shape.at(place)!;
    const along = shape.map(() => 1).with(place, channels);
    const [gamma, beta, average] = [1, 2, 3].map((seed) => randomTensor([channels], seed));
    const variance = add(square(randomTensor([channels], 4)), 0.1);
    const weights = [gamma!, beta!, average!, variance];
    await expectDefinition({ className: 'BatchNormalization', config: { axis }, inputs: [shape], weights }, ([x]) => {
      const [g, b, m, v] = weights.map((weight) => tf.reshape(weight, along));
      return add(mul(div(sub(x!, m!), sqrt(add(v!, 1e-3))), g!), b!);
    });
  });

  it('goes into the convolution or the dense layer before it', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[6, 6, 3]], layout: 'nchw' },
      chain(
        conv2d({ filters: 4, kernelSize: 3, useBias: false }),
        batchNormalization({ scale: false }),
        layers.layers.flatten(),
        dense({ units: 3 }),
        batchNormalization(),
      ),
    );
    await simplify(model);
    expect(operatorsOf(model)).toEqual(['Conv', 'Flatten', 'Gemm']);
  });

  it('refuses several axes, and statistics that are not as many as channels', () => {
    const given = { className: 'BatchNormalization', inputs: [[null, 3, 4]] };
    expect(() => buildGraph(layerModel({ ...given, config: { axis: [1, 2] } }))).toThrow(
      'a batch norm over several axes',
    );
    const weights = [4, 4, 4, 3].map((size) => randomTensor([size], 1));
    expect(() => buildGraph(layerModel({ ...given, weights }))).toThrow(
      'has weights of shapes [4], [4], [4], [3], expected gamma [4], beta [4], moving mean [4], moving variance [4]',
    );
    expect(() => buildGraph(layerModel({ ...given, config: { axis: 0 }, weights }))).toThrow(
      'axes other than the batch',
    );
    expect(() => buildGraph(layerModel({ ...given, config: { axis: 3 }, weights }))).toThrow(
      'has axis 3, expected an axis of a value with 3 axes',
    );
  });
});

describe('LayerNormalization', () => {
  it.each([
    [[5], {}],
    [[4, 5], { epsilon: 0.05 }],
    [[3, 4, 5], { center: false }],
    [[3, 4, 5], { scale: false }],
    [[3, 4, 5], { axis: [2, 3] }],
    [[3, 4, 5], { axis: [1] }],
    [[3, 4, 5], { axis: [1, 3] }],
  ])('of %j, %j', async (shape, options) => {
    await expectSameAsTfjs({ inputs: [shape] }, chain(layerNormalization(options as never)));
  });

  it('of the channels of images leaves them first', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[5, 6, 3]], layout: 'nchw' },
      chain(conv2d({ filters: 4, kernelSize: 2 }), layerNormalization(), dense({ units: 3 })),
    );
    expect(operatorsOf(model)).not.toContain('Transpose');
  });
});

/** (x − mean) / √(variance + epsilon) over these axes. */
function standardized(x: tf.Tensor, axes: number[], epsilon: number): tf.Tensor {
  const centred = sub(x, mean(x, axes, true));
  return div(centred, sqrt(add(mean(square(centred), axes, true), epsilon)));
}

describe('GroupNormalization', () => {
  const gamma = randomTensor([6], 3);
  const beta = randomTensor([6], 4);
  const image = { className: 'GroupNormalization', inputs: [[null, 4, 5, 6]] };
  const definition = (groups: number, epsilon: number) => (inputs: tf.Tensor[]) => {
    const grouped = tf.reshape(inputs[0]!, [2, 4, 5, groups, 6 / groups]);
    const normal = tf.reshape(standardized(grouped, [1, 2, 4], epsilon), [2, 4, 5, 6]);
    return add(mul(normal, gamma), beta);
  };

  it.each([1, 2, 3, 6])('of %d groups', async (groups) => {
    await expectDefinition({ ...image, config: { groups }, weights: [gamma, beta] }, definition(groups, 1e-3));
  });

  it('of as many groups as channels is an instance norm', async () => {
    const config = { groups: -1, epsilon: 0.1 };
    const model = await expectDefinition({ ...image, config, weights: [gamma, beta] }, definition(6, 0.1));
    expect(operatorsOf(model)).toEqual(['Transpose', 'InstanceNormalization', 'Transpose']);
  });

  it('without scale and offset, with the channels first, and of sequences', async () => {
    const config = { groups: 2, axis: 1, scale: false, center: false };
    await expectDefinition({ ...image, config, inputs: [[null, 6, 4, 5]] }, ([x]) =>
      tf.reshape(standardized(tf.reshape(x!, [2, 2, 3, 4, 5]), [2, 3, 4], 1e-3), [2, 6, 4, 5]),
    );
    await expectDefinition({ ...image, config: { ...config, axis: -1 }, inputs: [[null, 7, 6]] }, ([x]) =>
      tf.reshape(standardized(tf.reshape(x!, [2, 7, 2, 3]), [1, 3], 1e-3), [2, 7, 6]),
    );
  });

  it('refuses groups that channels do not divide into', () => {
    expect(() => buildGraph(layerModel({ ...image, config: { groups: 4 }, weights: [gamma, beta] }))).toThrow(
      'has 4 groups, which 6 channels do not divide into',
    );
  });
});

describe('RMSNormalization and UnitNormalization', () => {
  it.each([[[null, 6]], [[null, 3, 6]]])('of %j', async (shape) => {
    const scale = randomTensor([6], 3);
    await expectDefinition({ className: 'RMSNormalization', inputs: [shape], weights: [scale] }, ([x]) =>
      mul(div(x!, sqrt(add(mean(square(x!), -1, true), 1e-6))), scale),
    );
    await expectDefinition({ className: 'UnitNormalization', inputs: [shape] }, ([x]) =>
      div(x!, tf.norm(x!, 2, -1, true)),
    );
  });

  it('UnitNormalization over two axes', async () => {
    const given = {
      className: 'UnitNormalization',
      config: { axis: [1, 2] },
      inputs: [[null, 3, 4]],
      kerasVersion: '3.8.0',
    };
    await expectDefinition(given, ([x]) => div(x!, sqrt(tf.sum(square(x!), [1, 2], true))));
  });
});
