import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import type { KerasLayer } from '../../../../formats/keras/keras-model.ts';
import { toNumbers } from '../../../../src/graph/numbers.ts';
import type { Tensor } from '../../../../src/graph/tensor.ts';
import { runModel } from '../../../support/run-model.ts';
import { layerModel, randomTensor } from '../layer-case.ts';
import { apply, chain, expectClose, expectSameAsTfjs, layers, operatorsOf, tf } from '../tfjs-case.ts';

const tfjs = layers.layers;

const CASES = [
  { poolSize: 2 },
  { poolSize: 3, strides: 2 },
  { poolSize: [2, 3], strides: [1, 3] },
  { poolSize: 1, strides: 2 },
].flatMap((window) => (['same', 'valid'] as const).map((padding) => ({ ...window, padding })));

describe.each(['maxPooling2d', 'averagePooling2d'] as const)('%s', (kind) => {
  it.each(CASES)('%j', async (options) => {
    await expectSameAsTfjs({ inputs: [[7, 8, 3]] }, chain(tfjs[kind](options as never)));
    const first = tfjs[kind]({ ...options, dataFormat: 'channelsFirst' } as never);
    await expectSameAsTfjs({ inputs: [[3, 7, 8]] }, chain(first));
  });

  it('of images of any size', async () => {
    const options = {
      inputs: [[7, 8, 3]],
      open: [
        [0, 1],
        [0, 2],
      ],
    } as const;
    await expectSameAsTfjs(options, chain(tfjs[kind]({ poolSize: 3, strides: 2, padding: 'same' })));
  });
});

describe.each(['maxPooling', 'averagePooling'] as const)('%s', (kind) => {
  it.each(['same', 'valid'] as const)('of sequences, %s', async (padding) => {
    await expectSameAsTfjs({ inputs: [[7, 3]] }, chain(tfjs[`${kind}1d`]({ poolSize: 3, strides: 2, padding })));
  });

  it.each(['same', 'valid'] as const)('of volumes, %s', async (padding) => {
    await expectSameAsTfjs({ inputs: [[5, 4, 3, 2]] }, chain(tfjs[`${kind}3d`]({ poolSize: 2, padding } as never)));
  });
});

describe.each(['globalMaxPooling', 'globalAveragePooling'] as const)('%s', (kind) => {
  it('of images', async () => {
    await expectSameAsTfjs({ inputs: [[5, 4, 3]] }, chain(tfjs[`${kind}2d`]({})));
    await expectSameAsTfjs({ inputs: [[3, 5, 4]] }, chain(tfjs[`${kind}2d`]({ dataFormat: 'channelsFirst' })));
  });

  it('behind a convolution needs no transpose', async () => {
    const model = await expectSameAsTfjs(
      { inputs: [[5, 4, 3]], layout: 'nchw' },
      chain(tfjs.conv2d({ filters: 4, kernelSize: 2 }), tfjs[`${kind}2d`]({})),
    );
    const op = kind === 'globalMaxPooling' ? 'GlobalMaxPool' : 'GlobalAveragePool';
    expect(operatorsOf(model)).toEqual(['Conv', op, 'Flatten']);
  });

  it('of sequences', async () => {
    const options = { inputs: [[5, 3]] };
    const pool = kind === 'globalMaxPooling' ? tfjs.globalMaxPooling1d() : tfjs.globalAveragePooling1d({});
    const model = await expectSameAsTfjs(options, chain(pool));
    expect(operatorsOf(model)).toEqual([kind === 'globalMaxPooling' ? 'ReduceMax' : 'ReduceMean']);
    await expectSameAsTfjs(options, ([x]) => apply(pool, apply(tfjs.conv1d({ filters: 4, kernelSize: 2 }), x!)));
  });
});

describe('a mask', () => {
  it('leaves steps out of a global average', async () => {
    const steps = [1, 2, 0, 0, 2, 1, 1, 0];
    const embedding = randomTensor([3, 4], 1);
    const { results } = await runMaskedAverage(steps, embedding);
    const counted = tf.tensor3d([1, 1, 0, 0, 1, 1, 1, 0], [2, 4, 1]);
    const values = tf.reshape(tf.gather(embedding, tf.tensor1d(steps, 'int32')), [2, 4, 4]);
    const expected = tf.div(tf.sum(tf.mul(values, counted), 1), tf.sum(counted, 1));
    expectClose(toNumbers(results[0]!), expected.dataSync());
  });

  it('is of no use to a maximum', async () => {
    const { embedding, globalMaxPooling1d } = tfjs;
    const model = await expectSameAsTfjs(
      { inputs: [[4]], below: 3 },
      chain(embedding({ inputDim: 3, outputDim: 4, maskZero: true }), globalMaxPooling1d()),
    );
    expect(operatorsOf(model)).toContain('ReduceMax');
  });
});

/** Embeds two rows of four words, of which the word 0 does not count, and takes the average over time. */
async function runMaskedAverage(steps: readonly number[], embedding: tf.Tensor): Promise<{ results: Tensor[] }> {
  const { topology, kerasVersion } = layerModel({
    className: 'Embedding',
    config: { input_dim: 3, output_dim: 4, mask_zero: true },
    inputs: [[null, 4]],
    dtypes: ['int32'],
    weights: [embedding],
  });
  const pool: KerasLayer = {
    className: 'GlobalAveragePooling1D',
    name: 'pool',
    path: 'model/pool',
    config: {},
    weights: [],
    calls: [{ args: [{ kind: 'tensor', tensor: { layer: 'layer', call: 0, tensor: 0 } }], kwargs: {} }],
  };
  const outputs = [{ layer: 'pool', call: 0, tensor: 0 }];
  const model = buildGraph({ kerasVersion, topology: { ...topology, layers: [...topology.layers, pool], outputs } });
  const data = new Uint8Array(Int32Array.from(steps).buffer);
  const results = await runModel(model, new Map([['input_0', { dtype: 'int32', shape: [2, 4], data }]]));
  return { results: [...results.values()] };
}
