import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import { expectDefinition } from '../definition-case.ts';
import { layerModel } from '../layer-case.ts';
import { apply, chain, expectSameAsTfjs, layers, operatorsOf, tf } from '../tfjs-case.ts';

const tfjs = layers.layers;
const { conv2d, concatenate, dense, flatten, maxPooling2d, dot, embedding } = tfjs;

describe.each(['add', 'multiply', 'average', 'maximum', 'minimum'] as const)('%s', (kind) => {
  it.each([
    [[[5], [5]]],
    [
      [
        [4, 5],
        [4, 5],
        [4, 5],
      ],
    ],
    [
      [
        [3, 4, 5],
        [1, 4, 1],
      ],
    ],
    [[[3, 4, 5], [5]]],
  ])('of %j', async (inputs) => {
    await expectSameAsTfjs({ inputs }, chain(tfjs[kind]()));
  });

  it('of images in both orders turns one of them', async () => {
    const model = await expectSameAsTfjs({ inputs: [[5, 6, 3]] }, ([x]) =>
      apply(
        conv2d({ filters: 2, kernelSize: 2 }),
        apply(tfjs[kind](), [x!, apply(conv2d({ filters: 3, kernelSize: 1 }), x!)]),
      ),
    );
    expect(operatorsOf(model).filter((op) => op === 'Transpose')).toHaveLength(2);
  });
});

describe('Subtract', () => {
  const given = {
    className: 'Subtract',
    inputs: [
      [null, 3, 4],
      [null, 3, 4],
    ],
    named: { inputs: [0, 1] },
  };
  it('takes the second from the first', async () => {
    await expectDefinition({ ...given, named: {} }, ([a, b]) => tf.sub(a!, b!));
  });

  it('refuses a third', () => {
    const inputs = [
      [null, 3],
      [null, 3],
      [null, 3],
    ];
    expect(() => buildGraph(layerModel({ className: 'Subtract', inputs }))).toThrow(
      'is called with 3 inputs, expected 2',
    );
  });
});

describe('shapes that do not go together', () => {
  it.each(['Add', 'Maximum', 'Concatenate'])('are refused by %s', (className) => {
    expect(() =>
      buildGraph(
        layerModel({
          className,
          inputs: [
            [null, 3, 4],
            [null, 5, 4],
          ],
        }),
      ),
    ).toThrow('is given values of shapes [N, 3, ');
  });

  it('are refused by Dot', () => {
    expect(() =>
      buildGraph(
        layerModel({
          className: 'Dot',
          config: { axes: 1 },
          inputs: [
            [null, 3],
            [null, 4],
          ],
        }),
      ),
    ).toThrow('multiplies along axes of 3 and 4, expected the same size');
  });
});

describe('Concatenate', () => {
  it.each([
    [[[3], [5], [1]], -1],
    [
      [
        [3, 4],
        [2, 4],
      ],
      1,
    ],
    [
      [
        [3, 4, 2],
        [3, 4, 5],
      ],
      -1,
    ],
    [
      [
        [3, 4, 2],
        [3, 1, 2],
      ],
      2,
    ],
  ])('of %j along %d', async (inputs, axis) => {
    await expectSameAsTfjs({ inputs }, chain(concatenate({ axis })));
  });

  it.each([1, 2, 3, -1])('of images with the channels first along %d', async (axis) => {
    const model = await expectSameAsTfjs({ inputs: [[5, 6, 3]], layout: 'nchw' }, ([x]) => {
      const branches = [1, 2].map(() => apply(conv2d({ filters: 4, kernelSize: 2 }), x!));
      return apply(concatenate({ axis }), branches);
    });
    expect(operatorsOf(model)).toEqual(['Conv', 'Conv', 'Concat']);
  });

  it('of flattened images turns the kernel behind it instead', async () => {
    const model = await expectSameAsTfjs({ inputs: [[5, 6, 3], [4]], layout: 'nchw' }, ([x, y]) => {
      const one = apply(flatten(), apply(conv2d({ filters: 4, kernelSize: 2 }), x!));
      const other = apply(flatten(), apply(maxPooling2d({ poolSize: 2 }), x!));
      return apply(dense({ units: 3 }), apply(concatenate(), [one, y!, other]));
    });
    expect(operatorsOf(model)).toEqual(['Conv', 'Flatten', 'MaxPool', 'Flatten', 'Concat', 'Gemm']);
  });

  it('of flattened images is put in order where the model ends', async () => {
    await expectSameAsTfjs({ inputs: [[5, 6, 3]] }, ([x]) => {
      const one = apply(flatten(), apply(conv2d({ filters: 4, kernelSize: 2 }), x!));
      const other = apply(flatten(), apply(maxPooling2d({ poolSize: 2 }), x!));
      return apply(concatenate(), [one, other]);
    });
  });
});

describe('Dot', () => {
  it.each([
    [[[5], [5]], -1, false],
    [[[5], [5]], 1, true],
    [
      [
        [3, 4],
        [3, 4],
      ],
      -1,
      false,
    ],
    [
      [
        [3, 4],
        [4, 2],
      ],
      [2, 1],
      false,
    ],
    [
      [
        [3, 4],
        [3, 2],
      ],
      1,
      true,
    ],
  ])('of %j along %j, normalised: %s', async (inputs, axes, normalize) => {
    await expectSameAsTfjs({ inputs }, chain(dot({ axes: axes as number, normalize })));
  });

  it.each([
    [
      [
        [null, 3, 4],
        [null, 4],
      ],
      [2, 1],
      'nab,nb->na',
    ],
    [
      [
        [null, 4],
        [null, 3, 4, 2],
      ],
      [1, 2],
      'nb,nabc->nac',
    ],
    [
      [
        [null, 2, 3, 4],
        [null, 4, 5],
      ],
      [3, 1],
      'nabc,ncd->nabd',
    ],
  ])('of %j along %j', async (inputs, axes, equation) => {
    await expectDefinition({ className: 'Dot', config: { axes }, inputs }, ([a, b]) => tf.einsum(equation, a!, b!));
  });
});

describe('values of whole numbers', () => {
  it('are concatenated as such', async () => {
    await expectSameAsTfjs({ inputs: [[3], [2]], below: 5 }, (inputs) =>
      apply(embedding({ inputDim: 5, outputDim: 2 }), apply(concatenate(), inputs)),
    );
  });
});
