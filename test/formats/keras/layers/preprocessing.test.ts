import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import { expectDefinition } from '../definition-case.ts';
import { layerModel } from '../layer-case.ts';
import { operatorsOf, tf } from '../tfjs-case.ts';

const { add, div, mul, sub } = tf;
const inputs = [[null, 4, 5, 3]];

describe('Rescaling', () => {
  it.each([
    [{ scale: 1 / 255 }, ['Mul']],
    [{ scale: 2, offset: -1 }, ['Mul', 'Add']],
    [{ scale: 1, offset: 0.5 }, ['Add']],
    [{ scale: [1, 2, 3], offset: [[[0.5, 0, 0.1]]] }, ['Mul', 'Add']],
    [{ scale: { class_name: '__numpy__', config: { value: [1, 2, 3], dtype: 'float32' } }, offset: 0 }, ['Mul']],
  ])('%j', async (config, operators) => {
    const scale = Array.isArray(config.scale) || typeof config.scale === 'object' ? [1, 2, 3] : config.scale;
    const offset = 'offset' in config ? config.offset : 0;
    const model = await expectDefinition({ className: 'Rescaling', config, inputs }, ([x]) =>
      add(mul(x!, scale), tf.tensor(offset as number)),
    );
    expect(operatorsOf(model)).toEqual(operators);
  });

  it('of pixels makes floats of them', () => {
    const model = buildGraph(layerModel({ className: 'Rescaling', config: { scale: 2 }, inputs, dtypes: ['uint8'] }));
    expect(operatorsOf(model)).toEqual(['Cast', 'Mul']);
    expect(model.graph.inputs[0]!.type).toMatchObject({ dtype: 'uint8' });
  });

  it('by words is refused', () => {
    const given = { className: 'Rescaling', config: { scale: ['a'] }, inputs };
    expect(() => buildGraph(layerModel(given))).toThrow('has ["a"] where an array of numbers was expected');
  });
});

describe('Normalization', () => {
  const mean = tf.tensor([0.5, -1, 2]);
  const variance = tf.tensor([4, 0.25, 0]);
  const definition = ([x]: tf.Tensor[]) => div(sub(x!, mean), tf.maximum(tf.sqrt(variance), 1e-7));

  it('with what it has learned', async () => {
    const given = { className: 'Normalization', config: { axis: [-1] }, inputs };
    await expectDefinition({ ...given, weights: [mean, variance, tf.scalar(7)] }, definition);
    await expectDefinition({ ...given, weights: [mean, variance] }, definition);
  });

  it('with what it was given', async () => {
    const config = { axis: [-1], mean: [[[[0.5, -1, 2]]]], variance: [4, 0.25, 0] };
    await expectDefinition({ className: 'Normalization', config, inputs }, definition);
    const one = { axis: null, mean: 0.5, variance: 4 };
    await expectDefinition({ className: 'Normalization', config: one, inputs }, ([x]) => div(sub(x!, 0.5), 2));
  });

  it('the other way', async () => {
    const given = { className: 'Normalization', config: { axis: -1, invert: true }, inputs };
    await expectDefinition({ ...given, weights: [mean, variance] }, ([x]) => add(mul(x!, tf.sqrt(variance)), mean));
  });

  it('along two axes', async () => {
    const [means, variances] = [
      tf.tensor2d([
        [1, 2, 3],
        [4, 5, 6],
      ]),
      tf.tensor2d([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    ];
    const given = { className: 'Normalization', config: { axis: [1, 3] }, inputs: [[null, 2, 5, 3]] };
    await expectDefinition({ ...given, weights: [means, variances] }, ([x]) =>
      div(sub(x!, tf.reshape(means, [2, 1, 3])), tf.sqrt(tf.reshape(variances, [2, 1, 3]))),
    );
  });

  it('with statistics of another size is refused', () => {
    const given = { className: 'Normalization', config: { mean: [1, 2], variance: [1, 2] }, inputs };
    expect(() => buildGraph(layerModel(given))).toThrow('has 2 numbers as its mean, expected 3');
  });
});

describe('layers of training', () => {
  it.each(['Dropout', 'SpatialDropout2D', 'GaussianNoise', 'ActivityRegularization', 'RandomFlip'])(
    '%s is gone',
    (className) => {
      expect(operatorsOf(buildGraph(layerModel({ className, inputs })))).toEqual(['Identity']);
    },
  );
});

describe('layers that belong before the model', () => {
  it.each(['TextVectorization', 'StringLookup', 'Discretization', 'CategoryEncoding', 'MelSpectrogram', 'RandomCrop'])(
    '%s is refused by name',
    (className) => {
      expect(() => buildGraph(layerModel({ className, inputs }))).toThrow(
        `Keras layer "layer" (${className}) at model/layer: it `,
      );
    },
  );
});
