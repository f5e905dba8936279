import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import { expectDefinition } from '../definition-case.ts';
import { layerModel, randomTensor } from '../layer-case.ts';
import { chain, expectSameAsTfjs, layers, tf } from '../tfjs-case.ts';

const { conv2dTranspose, conv3dTranspose } = layers.layers;

/** Kernels larger and smaller than the strides, even and odd. */
const CASES = [
  { kernelSize: 2, strides: 2 },
  { kernelSize: 3, strides: 2 },
  { kernelSize: 4, strides: 2 },
  { kernelSize: [5, 2], strides: 3 },
  { kernelSize: 1, strides: 2 },
  { kernelSize: 3, strides: 1 },
  { kernelSize: [2, 4], strides: [1, 3] },
].flatMap((window) => (['same', 'valid'] as const).map((padding) => ({ ...window, padding })));

describe('Conv2DTranspose', () => {
  it.each(CASES)('%j', async (options) => {
    await expectSameAsTfjs({ inputs: [[4, 5, 3]] }, chain(conv2dTranspose({ filters: 2, ...options } as never)));
  });

  it('with the channels first', async () => {
    const layer = conv2dTranspose({
      filters: 2,
      kernelSize: 3,
      strides: 2,
      padding: 'same',
      dataFormat: 'channelsFirst',
    });
    await expectSameAsTfjs({ inputs: [[3, 4, 5]] }, chain(layer));
  });
});

describe('Conv3DTranspose', () => {
  it.each(['same', 'valid'] as const)('%s', async (padding) => {
    const layer = conv3dTranspose({ filters: 2, kernelSize: [2, 3, 4], strides: 2, padding } as never);
    await expectSameAsTfjs({ inputs: [[3, 2, 4, 2]] }, chain(layer));
  });
});

describe('output_padding', () => {
  // As Keras computes the size of the output; TensorFlow's gradient then follows from that size.
  const sizeOf = (padding: 'same' | 'valid', kernel: number, added: number) =>
    padding === 'same' ? 3 * 3 + kernel - 2 * Math.floor(kernel / 2) + added : 3 * 3 + kernel + added;

  it.each([
    ['same', 3, 0],
    ['same', 3, 1],
    ['same', 4, 2],
    ['same', 2, 1],
    ['valid', 3, 0],
    ['valid', 2, 2],
  ] as const)('%s, a kernel of %d and %d more', async (padding, kernelSize, added) => {
    const kernel = randomTensor([kernelSize, kernelSize, 2, 3], 5) as tf.Tensor4D;
    const config = { filters: 2, kernel_size: kernelSize, strides: 3, padding, output_padding: added, use_bias: false };
    const size = sizeOf(padding, kernelSize, added);
    const given = { className: 'Conv2DTranspose', config, inputs: [[null, 4, 4, 3]], weights: [kernel] };
    await expectDefinition(given, ([x]) =>
      tf.conv2dTranspose(x as tf.Tensor4D, kernel, [2, size, size, 2], 3, padding),
    );
  });

  it('of a stride or more is refused', () => {
    const config = { filters: 2, kernel_size: 3, strides: 2, output_padding: 2 };
    expect(() => buildGraph(layerModel({ className: 'Conv2DTranspose', config, inputs: [[null, 4, 4, 3]] }))).toThrow(
      'has output_padding 2, expected less than its stride of 2',
    );
  });
});

describe('Conv1DTranspose', () => {
  it.each(['same', 'valid'] as const)('%s', async (padding) => {
    const kernel = randomTensor([4, 2, 3], 5);
    const config = { filters: 2, kernel_size: 4, strides: 2, padding, use_bias: false };
    const size = padding === 'same' ? 10 : 12;
    const given = { className: 'Conv1DTranspose', config, inputs: [[null, 5, 3]], weights: [kernel] };
    await expectDefinition(given, ([x]) =>
      tf.squeeze(
        tf.conv2dTranspose(
          tf.expandDims(x!, 1) as tf.Tensor4D,
          tf.expandDims(kernel, 0) as tf.Tensor4D,
          [2, 1, size, 2],
          [1, 2],
          padding,
        ),
        [1],
      ),
    );
  });
});
