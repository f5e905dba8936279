import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import { simplify } from '../../../../src/graph/passes/simplify.ts';
import { expectDefinition } from '../definition-case.ts';
import { layerModel } from '../layer-case.ts';
import { chain, expectSameAsTfjs, layers, operatorsOf, tf } from '../tfjs-case.ts';

const { conv2d, cropping2D, zeroPadding2d } = layers.layers;

describe('ZeroPadding2D', () => {
  it.each([
    undefined,
    2,
    [1, 3],
    [
      [0, 1],
      [2, 3],
    ],
  ])('by %j', async (padding) => {
    await expectSameAsTfjs({ inputs: [[4, 5, 3]] }, chain(zeroPadding2d({ padding } as never)));
    const first = zeroPadding2d({ padding, dataFormat: 'channelsFirst' } as never);
    await expectSameAsTfjs({ inputs: [[3, 4, 5]] }, chain(first));
  });

  it('goes into the convolution behind it', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[6, 7, 3]] },
      chain(
        zeroPadding2d({
          padding: [
            [0, 1],
            [0, 1],
          ],
        } as never),
        conv2d({ filters: 2, kernelSize: 3, strides: 2 }),
      ),
    );
    await simplify(model);
    expect(operatorsOf(model)).toEqual(['Transpose', 'Conv', 'Transpose']);
  });
});

describe('Cropping2D', () => {
  it.each([
    1,
    [1, 2],
    [
      [0, 1],
      [2, 1],
    ],
  ])('by %j', async (cropping) => {
    await expectSameAsTfjs({ inputs: [[6, 7, 3]] }, chain(cropping2D({ cropping } as never)));
    await expectSameAsTfjs(
      {
        inputs: [[6, 7, 3]],
        open: [
          [0, 1],
          [0, 2],
        ],
      },
      chain(cropping2D({ cropping } as never)),
    );
    const first = cropping2D({ cropping, dataFormat: 'channelsFirst' } as never);
    await expectSameAsTfjs({ inputs: [[3, 6, 7]] }, chain(first));
  });

  it('of more than there is, is refused', () => {
    const given = {
      className: 'Cropping2D',
      config: {
        cropping: [
          [2, 2],
          [0, 0],
        ],
      },
      inputs: [[null, 4, 5, 3]],
    };
    expect(() => buildGraph(layerModel(given))).toThrow('takes 4 of an axis of 4');
  });

  it.each([[[1, 2, 3]], [-1], [[[1, 2, 3], [1]]]])('by %j is refused', (cropping) => {
    const given = { className: 'Cropping2D', config: { cropping }, inputs: [[null, 4, 5, 3]] };
    expect(() => buildGraph(layerModel(given))).toThrow('expected two whole numbers for each of 2 axes');
  });
});

describe('sequences and volumes', () => {
  it.each([
    [2, [2, 2]],
    [
      [1, 3],
      [1, 3],
    ],
    [[2], [2, 2]],
  ] as const)('are padded and cropped by %j', async (given, [before, after]) => {
    await expectDefinition({ className: 'ZeroPadding1D', config: { padding: given }, inputs: [[null, 6, 3]] }, ([x]) =>
      tf.pad(x!, [
        [0, 0],
        [before, after],
        [0, 0],
      ]),
    );
    await expectDefinition({ className: 'Cropping1D', config: { cropping: given }, inputs: [[null, 6, 3]] }, ([x]) =>
      tf.slice(x!, [0, before, 0], [2, 6 - before - after, 3]),
    );
  });

  it('are padded and cropped along three axes', async () => {
    const pairs = [
      [1, 0],
      [0, 2],
      [1, 1],
    ] as [number, number][];
    const inputs = [[null, 4, 5, 6, 2]];
    await expectDefinition({ className: 'ZeroPadding3D', config: { padding: pairs }, inputs }, ([x]) =>
      tf.pad(x!, [[0, 0], ...pairs, [0, 0]] as [number, number][]),
    );
    await expectDefinition({ className: 'Cropping3D', config: { cropping: pairs }, inputs }, ([x]) =>
      tf.slice(x!, [0, 1, 0, 1, 0], [2, 3, 3, 4, 2]),
    );
  });
});
