import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import { expectDefinition } from '../definition-case.ts';
import { layerModel, randomTensor } from '../layer-case.ts';
import { chain, expectSameAsTfjs, layers, operatorsOf, tf } from '../tfjs-case.ts';

const { conv1d, conv2d, conv3d, depthwiseConv2d, separableConv2d, batchNormalization, activation } = layers.layers;

const FORMATS = ['channelsLast', 'channelsFirst'] as const;
const PADDINGS = ['same', 'valid'] as const;

/** Kernels even and odd, strides that do and do not divide the size, larger and smaller than the kernel. */
const WINDOWS = [
  { kernelSize: 1, strides: 1 },
  { kernelSize: 2, strides: 1 },
  { kernelSize: 3, strides: 2 },
  { kernelSize: [4, 2], strides: 2 },
  { kernelSize: [2, 5], strides: 3 },
  { kernelSize: 1, strides: 2 },
  { kernelSize: 3, strides: 1, dilationRate: 2 },
  { kernelSize: [2, 3], strides: 1, dilationRate: [3, 1] },
] as const;

const CASES = WINDOWS.flatMap((window) =>
  PADDINGS.flatMap((padding) => FORMATS.map((dataFormat) => ({ ...window, padding, dataFormat }))),
);

const image = (dataFormat: (typeof FORMATS)[number]) => (dataFormat === 'channelsLast' ? [9, 8, 3] : [3, 9, 8]);

describe('Conv2D', () => {
  it.each(CASES)('%j', async (options) => {
    const layer = conv2d({ filters: 4, ...options } as never);
    const model = await expectSameAsTfjs({ inputs: [image(options.dataFormat)] }, chain(layer));
    const transposes = operatorsOf(model).filter((op) => op === 'Transpose');
    expect(transposes).toHaveLength(options.dataFormat === 'channelsLast' ? 2 : 0);
  });

  it.each([
    { kernelSize: 4, strides: 1 },
    { kernelSize: 3, strides: 2 },
    { kernelSize: 2, strides: 1, dilationRate: 3 },
  ])('of images of any size: %j', async (window) => {
    const options = {
      inputs: [[9, 7, 2]],
      open: [
        [0, 1],
        [0, 2],
      ],
    } as const;
    await expectSameAsTfjs(options, chain(conv2d({ filters: 3, padding: 'same', ...window })));
    await expectSameAsTfjs(options, chain(conv2d({ filters: 3, padding: 'valid', ...window })));
  });

  it('keeps the channels first from the first layer to the last', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[8, 8, 3]] },
      chain(
        conv2d({ filters: 4, kernelSize: 3, activation: 'relu' }),
        batchNormalization(),
        activation({ activation: 'softmax' }),
        conv2d({ filters: 2, kernelSize: 3, useBias: false }),
      ),
    );
    expect(operatorsOf(model)).toEqual([
      'Transpose',
      'Conv',
      'Relu',
      'BatchNormalization',
      'Softmax',
      'Conv',
      'Transpose',
    ]);
  });

  it('has no transpose where images come and go with the channels first', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[8, 8, 3]], layout: 'nchw' },
      chain(conv2d({ filters: 4, kernelSize: 3 })),
    );
    expect(operatorsOf(model)).toEqual(['Conv']);
    const [input] = model.graph.inputs;
    expect(input!.type).toMatchObject({ shape: ['N', 3, 8, 8] });
    expect(model.graph.outputs[0]!.type).toMatchObject({ shape: ['N', 4, 6, 6] });
  });
});

describe('Conv1D and Conv3D', () => {
  it.each([
    { kernelSize: 3, padding: 'same', strides: 2 },
    { kernelSize: 4, padding: 'same', dilationRate: 2 },
    { kernelSize: 3, padding: 'valid' },
  ] as const)('Conv1D %j', async (options) => {
    await expectSameAsTfjs({ inputs: [[11, 3]] }, chain(conv1d({ filters: 4, ...options })));
  });

  it.each([
    { kernelSize: [1, 2, 3], padding: 'same', strides: 2 },
    { kernelSize: 3, padding: 'valid' },
  ] as const)('Conv3D %j', async (options) => {
    await expectSameAsTfjs({ inputs: [[5, 6, 7, 2]] }, chain(conv3d({ filters: 3, ...options } as never)));
  });
});

describe('DepthwiseConv2D', () => {
  // TensorFlow.js computes without the dilations.
  it.each(CASES.filter((options) => !('dilationRate' in options)))('%j', async (options) => {
    const layer = depthwiseConv2d({ depthMultiplier: 2, ...options } as never);
    await expectSameAsTfjs({ inputs: [image(options.dataFormat)] }, chain(layer));
  });
});

describe('SeparableConv2D', () => {
  it.each(CASES.filter(({ dataFormat }) => dataFormat === 'channelsLast'))('%j', async (options) => {
    const layer = separableConv2d({ filters: 5, depthMultiplier: 2, ...options } as never);
    const settings = { SeparableConv2D: { depth_multiplier: 2 } };
    await expectSameAsTfjs({ inputs: [[9, 8, 3]], settings }, chain(layer));
  });
});

describe('what TensorFlow.js has as operations only', () => {
  const bias = randomTensor([4], 9);

  it.each([1, 3])('a causal Conv1D with dilation %d', async (dilation) => {
    const kernel = randomTensor([3, 2, 4], 5);
    const config = { filters: 4, kernel_size: [3], padding: 'causal', dilation_rate: [dilation] };
    const given = { className: 'Conv1D', config, inputs: [[null, 9, 2]], weights: [kernel, bias] };
    await expectDefinition(given, ([x]) => {
      const padded = tf.pad(x!, [
        [0, 0],
        [2 * dilation, 0],
        [0, 0],
      ]) as tf.Tensor3D;
      return tf.add(tf.conv1d(padded, kernel as tf.Tensor3D, 1, 'valid', 'NWC', dilation), bias);
    });
  });

  it('groups of channels', async () => {
    const kernel = randomTensor([3, 2, 3, 4], 5) as tf.Tensor4D;
    const config = { filters: 4, kernel_size: [3, 2], groups: 2, padding: 'same' };
    const given = { className: 'Conv2D', config, inputs: [[null, 6, 5, 6]], weights: [kernel, bias] };
    await expectDefinition(given, ([x]) => {
      const images = tf.split(x as tf.Tensor4D, 2, 3);
      const kernels = tf.split(kernel, 2, 3);
      const parts = images.map((image, group) =>
        tf.conv2d(image as tf.Tensor4D, kernels[group] as tf.Tensor4D, 1, 'same'),
      );
      return tf.add(tf.concat(parts, 3), bias);
    });
    expect(() => buildGraph(layerModel({ ...given, config: { ...config, groups: 4 } }))).toThrow(
      'has 4 groups, which 6 channels and 4 filters do not divide into',
    );
  });

  it.each([
    [[3, 3], [2, 2], 'same'],
    [[2, 3], [3, 1], 'valid'],
  ] as const)('a DepthwiseConv2D of %j with dilations %j, %s', async (size, dilations, padding) => {
    const kernel = randomTensor([...size, 2, 2], 5) as tf.Tensor4D;
    const config = { kernel_size: size, dilation_rate: dilations, padding, depth_multiplier: 2 };
    const given = { className: 'DepthwiseConv2D', config, inputs: [[null, 7, 8, 2]], weights: [kernel, bias] };
    await expectDefinition(given, ([x]) =>
      tf.add(tf.depthwiseConv2d(x as tf.Tensor4D, kernel, 1, padding, 'NHWC', [...dilations]), bias),
    );
  });

  it.each(['same', 'valid'] as const)('convolutions of channels along time, %s', async (padding) => {
    const kernel = randomTensor([3, 2, 2], 5);
    const point = randomTensor([1, 4, 3], 6);
    const config = { kernel_size: 3, strides: 2, padding, depth_multiplier: 2, use_bias: false };
    const depthwise = (x: tf.Tensor) =>
      tf.depthwiseConv2d(
        tf.expandDims(x, 1) as tf.Tensor4D,
        tf.expandDims(kernel, 0) as tf.Tensor4D,
        // TensorFlow.js wants both strides the same, and the axis of one step does not care.
        2,
        padding,
      );
    const given = { className: 'DepthwiseConv1D', config, inputs: [[null, 9, 2]], weights: [kernel] };
    await expectDefinition(given, ([x]) => tf.squeeze(depthwise(x!), [1]));
    const separable = { ...given, className: 'SeparableConv1D', config: { ...config, filters: 3 } };
    await expectDefinition({ ...separable, weights: [kernel, point] }, ([x]) =>
      tf.squeeze(tf.conv2d(depthwise(x!) as tf.Tensor4D, tf.expandDims(point, 0) as tf.Tensor4D, 1, 'valid'), [1]),
    );
  });
});

describe('convolutions that do not fit', () => {
  const given = { className: 'Conv2D', config: { filters: 4, kernel_size: [3, 3] }, inputs: [[null, 5, 5, 2]] };
  const weights = [randomTensor([3, 3, 2, 4], 1), randomTensor([4], 2)];
  const config = (more: Record<string, unknown>) => ({ ...given, weights, config: { ...given.config, ...more } });
  it.each([
    [
      { ...given, weights: weights.slice(0, 1) },
      'has weights of shapes [3,3,2,4], expected kernel [3,3,2,4], bias [4]',
    ],
    [{ ...given, weights, inputs: [[null, 5, 5, 3]] }, 'expected kernel [3,3,3,4], bias [4]'],
    [{ ...given, weights, inputs: [[null, 2, 5, 2]] }, 'has a window of 3, and its input is only 2 there'],
    [{ ...given, weights, inputs: [[null, 5, 2]] }, 'is given a value of shape [N, 5, 2], expected 4 axes'],
    [{ ...given, weights, inputs: [[null, 5, 5, null]] }, 'needs to know axis 3 of its input'],
    [config({ padding: 'full' }), 'has padding "full", expected valid or same'],
    [config({ strides: [0, 1] }), 'has strides [0,1], expected 2 whole numbers from 1 up'],
    [config({ kernel_size: [3] }), 'has kernel_size [3], expected 2 whole numbers from 1 up'],
    [config({ filters: 'many' }), 'has filters "many", expected a whole number from 1 up'],
    [config({ use_bias: 1 }), 'has use_bias 1, expected true or false'],
    [config({ data_format: 'NHWC' }), 'has data_format "NHWC", expected channels_last or channels_first'],
    [{ ...given, className: 'LocallyConnected2D' }, 'every place of the image has a kernel of its own'],
  ])('are refused: %#', (wrong, message) => {
    expect(() => buildGraph(layerModel(wrong))).toThrow(message);
  });
});
