/** Sequence models as `.fqz` files: fqz/runtime/full, on both of its machines, computes what onnxruntime does. */
import { describe, it } from 'vitest';
import { buildGraph } from '../../../formats/keras/build-graph.ts';
import { float32Tensor, type NumericTensor, numericTensor } from '../../../src/graph/tensor.ts';
import { expectModel, openMachines } from '../../runtime/operator-case.ts';
import { type LayerCase, layerModel, randomTensor } from './layer-case.ts';
import { type apply, chain, expectSameAsTfjs, layers, type TfjsOptions } from './tfjs-case.ts';

const { bidirectional, dense, embedding, gru, lstm } = layers.layers;
const SMALL = { units: 4, recurrentInitializer: 'glorotNormal', returnSequences: true } as const;
type Recurrent = Parameters<typeof bidirectional>[0]['layer'];

const SEQUENCE = { inputs: [[6, 3]] };
const WORDS = { inputs: [[7]], below: 3 };
const words = () => embedding({ inputDim: 3, outputDim: 5, maskZero: true });

const machines = await openMachines();

const sequence = (...shape: number[]): NumericTensor =>
  float32Tensor(shape, Float32Array.from(randomTensor(shape, 3, 1).dataSync()));
const sentences = numericTensor(
  'int32',
  [2, 7],
  new Uint8Array(Int32Array.of(1, 0, 2, 1, 2, 0, 0, 0, 0, 0, 2, 1, 1, 2).buffer),
);

describe('fqz/runtime/full runs', () => {
  it.each<[string, TfjsOptions, Parameters<typeof expectSameAsTfjs>[1], NumericTensor]>([
    [
      'LSTM',
      SEQUENCE,
      chain(lstm(SMALL), lstm({ ...SMALL, returnSequences: false }), dense({ units: 2 })),
      sequence(2, 6, 3),
    ],
    ['GRU', SEQUENCE, chain(gru({ ...SMALL, goBackwards: true }), gru(SMALL)), sequence(2, 6, 3)],
    [
      'Bidirectional',
      SEQUENCE,
      chain(bidirectional({ layer: lstm(SMALL) as Recurrent, mergeMode: 'concat' })),
      sequence(2, 6, 3),
    ],
    ['masked words', WORDS, chain(words(), lstm(SMALL), gru({ ...SMALL, returnSequences: false })), sentences],
  ])('%s', async (_, options, build, feed) => {
    const model = await expectSameAsTfjs(
      options,
      build as (inputs: ReturnType<typeof apply>[]) => ReturnType<typeof apply>,
    );
    await expectModel(machines, model, new Map([[model.graph.inputs[0]!.name, feed]]));
  });

  it.each<[string, LayerCase]>([
    [
      'MultiHeadAttention',
      {
        className: 'MultiHeadAttention',
        config: { num_heads: 2, key_dim: 4 },
        weights: [[6, 2, 4], [2, 4], [6, 2, 4], [2, 4], [6, 2, 4], [2, 4], [2, 4, 6], [6]].map((shape, index) =>
          randomTensor(shape, index),
        ),
        inputs: [
          [null, null, 6],
          [null, null, 6],
        ],
        constants: { use_causal_mask: true },
      },
    ],
    [
      'GroupQueryAttention',
      {
        className: 'GroupQueryAttention',
        config: { head_dim: 3, num_query_heads: 4, num_key_value_heads: 2, use_bias: false },
        weights: [
          [6, 4, 3],
          [6, 2, 3],
          [6, 2, 3],
          [4, 3, 6],
        ].map((shape, index) => randomTensor(shape, index)),
        inputs: [
          [null, 5, 6],
          [null, 5, 6],
        ],
      },
    ],
    [
      'AdditiveAttention',
      {
        className: 'AdditiveAttention',
        weights: [randomTensor([6], 1)],
        inputs: [
          [null, 5, 6],
          [null, 5, 6],
        ],
      },
    ],
  ])('%s', async (_, layer) => {
    const feeds = ['input_0', 'input_1'].map((name) => [name, sequence(2, 5, 6)] as const);
    await expectModel(machines, buildGraph(layerModel(layer)), new Map(feeds));
  });
});
