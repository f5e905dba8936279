import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import { expectDefinition } from '../definition-case.ts';
import { layerModel } from '../layer-case.ts';
import { chain, expectSameAsTfjs, layers, tf } from '../tfjs-case.ts';

const { upSampling2d } = layers.layers;

/** What TensorFlow has computed since its version 2. */
const bilinear = (x: tf.Tensor, size: [number, number]) => tf.image.resizeBilinear(x as tf.Tensor4D, size, false, true);
const nearest = (x: tf.Tensor, size: [number, number]) =>
  tf.image.resizeNearestNeighbor(x as tf.Tensor4D, size, false, true);

describe('UpSampling', () => {
  it.each([[[2, 2]], [[1, 3]], [[3, 2]]])('2D by %j, nearest', async (size) => {
    await expectSameAsTfjs({ inputs: [[3, 4, 2]] }, chain(upSampling2d({ size } as never)));
    await expectSameAsTfjs(
      {
        inputs: [[3, 4, 2]],
        open: [
          [0, 1],
          [0, 2],
        ],
      },
      chain(upSampling2d({ size } as never)),
    );
    const first = upSampling2d({ size, dataFormat: 'channelsFirst' } as never);
    await expectSameAsTfjs({ inputs: [[2, 3, 4]] }, chain(first));
  });

  it.each([
    [2, 2],
    [1, 3],
    [4, 2],
  ])('2D by %d and %d, bilinear', async (rows, columns) => {
    const config = { size: [rows, columns], interpolation: 'bilinear' };
    await expectDefinition({ className: 'UpSampling2D', config, inputs: [[null, 3, 4, 2]] }, ([x]) =>
      bilinear(x!, [3 * rows, 4 * columns]),
    );
  });

  it('1D and 3D', async () => {
    await expectDefinition({ className: 'UpSampling1D', config: { size: 3 }, inputs: [[null, 4, 2]] }, ([x]) =>
      tf.reshape(tf.tile(tf.expandDims(x!, 2), [1, 1, 3, 1]), [2, 12, 2]),
    );
    const volume = { className: 'UpSampling3D', config: { size: [1, 2, 3] }, inputs: [[null, 2, 3, 2, 2]] };
    await expectDefinition(volume, ([x]) =>
      tf.reshape(tf.tile(tf.reshape(x!, [2, 2, 3, 1, 2, 1, 2]), [1, 1, 1, 2, 1, 3, 1]), [2, 2, 6, 6, 2]),
    );
  });

  it('by other methods is refused by name', () => {
    const config = { interpolation: 'lanczos3' };
    expect(() => buildGraph(layerModel({ className: 'UpSampling2D', config, inputs: [[null, 3, 4, 2]] }))).toThrow(
      'interpolation "lanczos3": only nearest and bilinear can be read',
    );
  });
});

describe('Resizing', () => {
  const inputs = [[null, 5, 7, 3]];
  it.each([
    [10, 14],
    [3, 5],
    [8, 4],
    [5, 7],
    [1, 13],
  ])('to %d × %d', async (height, width) => {
    await expectDefinition({ className: 'Resizing', config: { height, width }, inputs }, ([x]) =>
      bilinear(x!, [height, width]),
    );
    const config = { height, width, interpolation: 'nearest' };
    await expectDefinition({ className: 'Resizing', config, inputs }, ([x]) => nearest(x!, [height, width]));
  });

  it('of images of any size', async () => {
    const given = { className: 'Resizing', config: { height: 3, width: 4 }, inputs: [[null, null, null, 3]] };
    await expectDefinition(given, ([x]) => bilinear(x!, [3, 4]));
  });

  it.each(['crop_to_aspect_ratio', 'antialias'])('with %s is refused', (name) => {
    const config = { height: 3, width: 4, [name]: true };
    expect(() => buildGraph(layerModel({ className: 'Resizing', config, inputs }))).toThrow(name);
  });
});

describe('CenterCrop', () => {
  it.each([
    [3, 4, 1, 1],
    [4, 7, 0, 0],
    [5, 2, 0, 2],
  ])('to %d × %d', async (height, width, top, left) => {
    await expectDefinition({ className: 'CenterCrop', config: { height, width }, inputs: [[null, 5, 7, 3]] }, ([x]) =>
      tf.slice(x!, [0, top, left, 0], [2, height, width, 3]),
    );
  });

  it('of smaller images is refused', () => {
    const given = { className: 'CenterCrop', config: { height: 6, width: 4 }, inputs: [[null, 5, 7, 3]] };
    expect(() => buildGraph(layerModel(given))).toThrow('cuts 6×4 from images of 5×7, which are not larger');
  });
});
