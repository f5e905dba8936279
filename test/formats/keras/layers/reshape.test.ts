import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import { expectDefinition } from '../definition-case.ts';
import { layerModel } from '../layer-case.ts';
import { chain, expectSameAsTfjs, layers, operatorsOf, tf } from '../tfjs-case.ts';

const { conv2d, dense, flatten, permute, repeatVector, reshape, globalAveragePooling2d, activation } = layers.layers;

/** An image kept with the channels first. */
const turned = () => conv2d({ filters: 4, kernelSize: 2 });
const IMAGE = { inputs: [[5, 6, 3]], layout: 'nchw' } as const;

describe('Flatten', () => {
  it.each([[[3, 5]], [[2, 3, 5]]])('of %j', async (shape) => {
    const model = await expectSameAsTfjs({ inputs: [shape] }, chain(flatten()));
    expect(operatorsOf(model)).toEqual(['Flatten']);
  });

  it.each([
    [[null], [2, 1]],
    [
      [null, 5],
      [2, 5],
    ],
    [
      [null, null, 4],
      [2, 8],
    ],
  ])('of %j', async (shape, result) => {
    await expectDefinition({ className: 'Flatten', inputs: [shape] }, ([x]) => tf.reshape(x!, result));
  });

  it('with the channels first puts them last, as Keras does', async () => {
    await expectSameAsTfjs({ inputs: [[3, 4, 5]] }, chain(flatten({ dataFormat: 'channelsFirst' })));
    const first = conv2d({ filters: 4, kernelSize: 2, dataFormat: 'channelsFirst' });
    const model = await expectSameAsTfjs(
      { inputs: [[3, 4, 5]] },
      chain(first, flatten({ dataFormat: 'channelsFirst' }), dense({ units: 3 })),
    );
    expect(operatorsOf(model)).toEqual(['Conv', 'Flatten', 'Gemm']);
  });

  it('of an image that the model ends with is turned first', async () => {
    const model = await expectSameAsTfjs(IMAGE, chain(turned(), flatten()));
    expect(operatorsOf(model)).toEqual(['Conv', 'Flatten', 'Reshape', 'Transpose', 'Reshape']);
  });

  it('of one pixel needs no order', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[2, 2, 3]], layout: 'nchw' },
      chain(turned(), flatten(), activation({ activation: 'softmax' })),
    );
    expect(operatorsOf(model)).toEqual(['Conv', 'Flatten', 'Softmax']);
  });
});

describe('Reshape', () => {
  it.each([
    [[6], [2, 3]],
    [
      [2, 3],
      [3, -1],
    ],
    [[2, 3, 4], [24]],
    [
      [2, 3, 4],
      [-1, 4],
    ],
    [
      [2, 3, 4],
      [4, 3, 2],
    ],
    [
      [2, 3, 4],
      [2, 3, 4],
    ],
  ])('from %j to %j', async (shape, targetShape) => {
    await expectSameAsTfjs({ inputs: [shape] }, chain(reshape({ targetShape })));
  });

  it.each([
    [
      [20, 4],
      ['Conv', 'Reshape', 'Conv'],
    ],
    [
      [-1, 10, 4],
      ['Conv', 'Reshape', 'Conv'],
    ],
    [
      [2, 2, 5, 4],
      ['Conv', 'Reshape', 'Conv'],
    ],
    [[80], ['Conv', 'Flatten', 'Gemm']],
    [
      [5, 16],
      ['Conv', 'Transpose', 'Reshape', 'MatMul', 'Add'],
    ],
  ])('of an image with the channels first to %j', async (targetShape, operators) => {
    const model = await expectSameAsTfjs(IMAGE, chain(turned(), reshape({ targetShape }), dense({ units: 3 })));
    expect(operatorsOf(model).slice(0, operators.length)).toEqual(operators);
  });

  it('of a flattened image to the image leaves the channels first', async () => {
    const model = await expectSameAsTfjs(
      IMAGE,
      chain(turned(), flatten(), reshape({ targetShape: [4, 5, 4] }), conv2d({ filters: 2, kernelSize: 2 })),
    );
    expect(operatorsOf(model)).toEqual(['Conv', 'Flatten', 'Reshape', 'Conv']);
  });

  it('of pooled channels to one pixel is no transpose', async () => {
    const model = await expectSameAsTfjs(
      IMAGE,
      chain(
        turned(),
        globalAveragePooling2d({}),
        reshape({ targetShape: [1, 1, 4] }),
        conv2d({ filters: 5, kernelSize: 1 }),
        reshape({ targetShape: [5] }),
      ),
    );
    expect(operatorsOf(model)).not.toContain('Transpose');
  });

  it.each([
    [
      [null, null, 4],
      [-1, 2, 2],
    ],
    [
      [null, null, 4],
      [-1, 8],
    ],
  ])('of a value of any length: %j to %j', async (shape, target) => {
    const given = { className: 'Reshape', config: { target_shape: target }, inputs: [shape] };
    await expectDefinition(given, ([x]) => tf.reshape(x!, [2, ...target]));
  });

  it.each([
    [[5], 'makes [5] of [2,3], which has 6 elements'],
    [[-1, 4], 'makes [-1,4] of [2,3], which has 6 elements'],
    [[-1, -1], 'has target_shape [-1,-1], expected sizes, of which one may be -1'],
    ['six', 'has target_shape "six", expected sizes'],
  ])('to %j is refused', (target, message) => {
    const given = { className: 'Reshape', config: { target_shape: target }, inputs: [[null, 2, 3]] };
    expect(() => buildGraph(layerModel(given))).toThrow(message);
  });
});

describe('Permute', () => {
  it.each([
    [
      [2, 3],
      [2, 1],
    ],
    [
      [2, 3, 4],
      [3, 1, 2],
    ],
    [
      [2, 3, 4],
      [1, 3, 2],
    ],
  ])('of %j to %j', async (shape, dims) => {
    await expectSameAsTfjs({ inputs: [shape] }, chain(permute({ dims })));
  });

  it('to what the graph has already is no node', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[5, 6, 3]], layout: 'nchw' },
      chain(turned(), permute({ dims: [3, 1, 2] }), flatten()),
    );
    expect(operatorsOf(model)).toEqual(['Conv', 'Flatten']);
  });

  it('of axes that are none is refused', () => {
    const given = { className: 'Permute', config: { dims: [1, 1] }, inputs: [[null, 2, 3]] };
    expect(() => buildGraph(layerModel(given))).toThrow('has dims [1,1], expected the axes of a value with 3 axes');
  });
});

describe('RepeatVector', () => {
  it('repeats features in time', async () => {
    await expectSameAsTfjs({ inputs: [[4]] }, chain(repeatVector({ n: 3 })));
    await expectSameAsTfjs(IMAGE, chain(turned(), flatten(), repeatVector({ n: 2 })));
  });
});
