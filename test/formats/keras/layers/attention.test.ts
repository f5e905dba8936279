/** Attention against its definition in Keras' documentation, in the einsum that Keras itself computes it with. */
import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import type { KerasLayer } from '../../../../formats/keras/keras-model.ts';
import { toNumbers } from '../../../../src/graph/numbers.ts';
import { float32Tensor } from '../../../../src/graph/tensor.ts';
import { runModel } from '../../../support/run-model.ts';
import { arrayOf, type LayerCase, layerModel, randomTensor, runLayer } from '../layer-case.ts';
import { expectClose, operatorsOf, tf } from '../tfjs-case.ts';

const feedOf = (tensor: tf.Tensor) => float32Tensor(tensor.shape, Float32Array.from(tensor.dataSync()));

/** Softmax over the last axis where `mask` is 1. */
const maskedSoftmax = (scores: tf.Tensor, mask?: tf.Tensor): tf.Tensor =>
  tf.softmax(mask ? tf.sub(scores, tf.mul(tf.sub(1, mask), 1e9)) : scores);

/** (queries, keys): 1 where the key stands no later than the query. */
function causal(queries: number, keys: number): tf.Tensor {
  const rows = tf.expandDims(tf.range(0, queries), 1);
  return tf.cast(tf.greaterEqual(rows, tf.range(0, keys)), 'float32');
}

const [query, value, key] = [
  randomTensor([2, 4, 6], 1, 1),
  randomTensor([2, 5, 3], 2, 1),
  randomTensor([2, 5, 7], 3, 1),
] as const;

/** Query, value and key with as many features, as attention without projections needs. */
const [q, v, k] = [
  randomTensor([2, 4, 6], 4, 1),
  randomTensor([2, 5, 6], 5, 1),
  randomTensor([2, 5, 6], 6, 1),
] as const;

interface Projections {
  readonly heads: number;
  /** Heads of keys and values. */
  readonly groups?: number;
  readonly size: number;
  readonly valueSize?: number;
  readonly outputs?: number;
  readonly useBias?: boolean;
}

/** The arrays of MultiHeadAttention in the order of `get_weights()`. */
function projections(given: Projections, sizes: readonly number[]): tf.Tensor[] {
  const { heads, groups = heads, size, valueSize = size, outputs = sizes[0]!, useBias = true } = given;
  const shapes = [
    [
      [sizes[0]!, heads, size],
      [heads, size],
    ],
    [
      [sizes[2]!, groups, size],
      [groups, size],
    ],
    [
      [sizes[1]!, groups, valueSize],
      [groups, valueSize],
    ],
    [[heads, valueSize, outputs], [outputs]],
  ];
  return shapes.flatMap(([kernel, bias], index) => [
    randomTensor(kernel!, 10 + 2 * index),
    ...(useBias ? [randomTensor(bias!, 11 + 2 * index)] : []),
  ]);
}

/** Output and scores as `MultiHeadAttention.call` has them. */
function multiHead(
  given: Projections,
  weights: readonly tf.Tensor[],
  [queries, values, keys]: readonly tf.Tensor[],
  mask?: tf.Tensor,
): [tf.Tensor, tf.Tensor] {
  const step = given.useBias === false ? 1 : 2;
  const project = (equation: string, x: tf.Tensor, place: number) => {
    const product = tf.einsum(equation, x, weights[place * step]!);
    return step === 2 ? tf.add(product, weights[place * step + 1]!) : product;
  };
  const repeats = given.heads / (given.groups ?? given.heads);
  /** Each head of keys or values, as often as it is used. */
  const repeated = (x: tf.Tensor) =>
    tf.concat(
      tf.split(x, x.shape[2]!, 2).map((head) => tf.tile(head, [1, 1, repeats, 1])),
      2,
    );
  const a = tf.div(project('btd,dhk->bthk', queries!, 0), Math.sqrt(given.size));
  const b = repeated(project('bsd,dhk->bshk', keys!, 1));
  const c = repeated(project('bsd,dhk->bshk', values!, 2));
  const scores = maskedSoftmax(tf.einsum('bshk,bthk->bhts', b, a), mask);
  const found = tf.einsum('bhts,bshk->bthk', scores, c);
  return [project('bthk,hko->bto', found, 3), scores];
}

describe('MultiHeadAttention', () => {
  const inputs = [
    [null, 4, 6],
    [null, 5, 3],
    [null, 5, 7],
  ];
  const feeds = [query, value, key].map(feedOf);

  it.each<[string, Projections, object]>([
    ['plain', { heads: 2, size: 4 }, {}],
    ['without biases', { heads: 3, size: 2, useBias: false }, { use_bias: false }],
    [
      'with values and outputs of other sizes',
      { heads: 2, size: 4, valueSize: 5, outputs: 8 },
      { value_dim: 5, output_shape: [8] },
    ],
    ['over the axis that is meant anyway', { heads: 2, size: 4 }, { attention_axes: [1] }],
  ])('%s', async (_, given, settings) => {
    const weights = projections(given, [6, 3, 7]);
    const config = { num_heads: given.heads, key_dim: given.size, ...settings };
    const layer: LayerCase = { className: 'MultiHeadAttention', config, weights, inputs };
    const [expected] = multiHead(given, weights, [query, value, key]);
    const { results, model } = await runLayer(layer, feeds);
    expect(results[0]!.shape).toEqual(expected.shape);
    expectClose(toNumbers(results[0]!), expected.dataSync());
    expect(operatorsOf(model).filter((op) => op === 'MatMul')).toHaveLength(6);
    const byName = await runLayer({ ...layer, named: { value: 1, key: 2 } }, feeds);
    expect(byName.results).toEqual(results);
  });

  it('of one sequence of any length, with its scores, looking back only', async () => {
    const given = { heads: 2, size: 4 };
    const weights = projections(given, [6, 6, 6]);
    const expected = multiHead(given, weights, [query, query, query], causal(4, 4));
    const { results } = await runLayer(
      {
        className: 'MultiHeadAttention',
        config: { num_heads: 2, key_dim: 4 },
        weights,
        inputs: [
          [null, null, 6],
          [null, null, 6],
        ],
        constants: { use_causal_mask: true, return_attention_scores: true },
        outputs: 2,
        kerasVersion: '3.8.0',
      },
      [feedOf(query), feedOf(query)],
    );
    expected.forEach((tensor, index) => {
      expect(results[index]!.shape).toEqual(tensor.shape);
      expectClose(toNumbers(results[index]!), tensor.dataSync());
    });
  });

  it('with a mask of its own, and the causal one', async () => {
    const given = { heads: 2, size: 4 };
    const weights = projections(given, [6, 3, 3]);
    const mask = tf.tensor3d([1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1], [1, 4, 5]);
    const both = tf.concat([mask, tf.onesLike(mask)], 0);
    const { results } = await runLayer(
      {
        className: 'MultiHeadAttention',
        config: { num_heads: 2, key_dim: 4 },
        weights,
        inputs: [...inputs.slice(0, 2), [null, 4, 5]],
        named: { attention_mask: 2 },
        constants: { use_causal_mask: true },
      },
      [...feeds.slice(0, 2), feedOf(both)],
    );
    const joined = tf.expandDims(tf.mul(both, causal(4, 5)), 1);
    const [expected] = multiHead(given, weights, [query, value, value], joined);
    expectClose(toNumbers(results[0]!), expected.dataSync());
  });

  it('does not look at words that are masked', async () => {
    const given = { heads: 2, size: 4 };
    const table = randomTensor([3, 6], 30, 1);
    const words = tf.tensor2d([2, 0, 1, 1, 0, 2, 1, 2, 0, 0], [2, 5]);
    const embedded = tf.gather(table, tf.cast(words, 'int32'));
    const weights = projections(given, [6, 6, 6]);
    const model = layerModel({
      className: 'MultiHeadAttention',
      config: { num_heads: 2, key_dim: 4 },
      weights,
      inputs: [[null, 5]],
    });
    const [input, attention] = model.topology.layers as [KerasLayer, KerasLayer];
    const of = (layer: string) => ({ kind: 'tensor' as const, tensor: { layer, call: 0, tensor: 0 } });
    const embedding: KerasLayer = {
      className: 'Embedding',
      name: 'words',
      path: 'model/words',
      config: { input_dim: 3, output_dim: 6, mask_zero: true },
      weights: [arrayOf(table)],
      calls: [{ args: [of('input_0')], kwargs: {} }],
    };
    const called = { ...attention, calls: [{ args: [of('words'), of('words')], kwargs: {} }] };
    const graph = buildGraph({ ...model, topology: { ...model.topology, layers: [input, embedding, called] } });
    const results = await runModel(graph, new Map([['input_0', feedOf(words)]]));
    const isWord = tf.cast(tf.greater(words, 0), 'float32');
    const mask = tf.mul(tf.reshape(isWord, [2, 1, 1, 5]), tf.reshape(isWord, [2, 1, 5, 1]));
    const [expected] = multiHead(given, weights, [embedded, embedded, embedded], mask);
    expectClose(toNumbers([...results.values()][0]!), expected.dataSync());
  });

  it('refuses to attend over other axes', () => {
    const config = { num_heads: 2, key_dim: 4, attention_axes: [1, 2] };
    expect(() => buildGraph(layerModel({ className: 'MultiHeadAttention', config, inputs }))).toThrow(
      'layer "layer" (MultiHeadAttention) at model/layer: attention over the axes [1,2]',
    );
  });
});

it.each([1, 2, 4])('GroupQueryAttention with %i heads of keys', async (groups) => {
  const given = { heads: 4, groups, size: 3 };
  const weights = projections(given, [6, 3, 3]);
  const { results } = await runLayer(
    {
      className: 'GroupQueryAttention',
      config: { head_dim: 3, num_query_heads: 4, num_key_value_heads: groups },
      weights,
      inputs: [
        [null, 4, 6],
        [null, 5, 3],
      ],
      constants: { return_attention_scores: true },
      outputs: 2,
    },
    [query, value].map(feedOf),
  );
  multiHead(given, weights, [query, value, value]).forEach((tensor, index) => {
    expect(results[index]!.shape).toEqual(tensor.shape);
    expectClose(toNumbers(results[index]!), tensor.dataSync());
  });
});

describe.each([
  ['Attention', {}, [], (a: tf.Tensor, b: tf.Tensor) => tf.einsum('btd,bsd->bts', a, b)],
  [
    'Attention',
    { use_scale: true },
    [randomTensor([], 7)],
    (a: tf.Tensor, b: tf.Tensor, [scale]: readonly tf.Tensor[]) => tf.mul(scale!, tf.einsum('btd,bsd->bts', a, b)),
  ],
  [
    'Attention',
    { use_scale: true, score_mode: 'concat' },
    [randomTensor([], 7), randomTensor([], 8)],
    (a: tf.Tensor, b: tf.Tensor, [scale, weight]: readonly tf.Tensor[]) =>
      tf.mul(weight!, tf.sum(tf.tanh(tf.mul(scale!, tf.add(tf.expandDims(a, 2), tf.expandDims(b, 1)))), 3)),
  ],
  [
    'AdditiveAttention',
    { use_scale: true },
    [randomTensor([6], 7)],
    (a: tf.Tensor, b: tf.Tensor, [scale]: readonly tf.Tensor[]) =>
      tf.sum(tf.mul(scale!, tf.tanh(tf.add(tf.expandDims(a, 2), tf.expandDims(b, 1)))), 3),
  ],
  [
    'AdditiveAttention',
    { use_scale: false },
    [],
    (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.tanh(tf.add(tf.expandDims(a, 2), tf.expandDims(b, 1))), 3),
  ],
] as const)('%s with %j', (className, config, weights, scoresOf) => {
  const inputs = [
    [null, 4, 6],
    [null, 5, 6],
    [null, 5, 6],
  ];
  const feeds = [q, v, k].map(feedOf);

  it('gives values and scores', async () => {
    const scores = tf.softmax(scoresOf(q, k, weights));
    const constants = { return_attention_scores: true };
    const { results } = await runLayer({ className, config, weights, inputs, constants, outputs: 2 }, feeds);
    expectClose(toNumbers(results[0]!), tf.einsum('bts,bsd->btd', scores, v).dataSync());
    expectClose(toNumbers(results[1]!), scores.dataSync());
  });

  it('heeds masks', async () => {
    const queryMask = tf.tensor2d([1, 1, 0, 1, 1, 1, 1, 0], [2, 4]);
    const valueMask = tf.tensor2d([1, 0, 1, 1, 1, 1, 1, 1, 0, 0], [2, 5]);
    const visible = tf.mul(tf.expandDims(valueMask, 1), causal(4, 5));
    const scores = maskedSoftmax(scoresOf(q, v, weights), visible);
    const expected = tf.mul(tf.einsum('bts,bsd->btd', scores, v), tf.expandDims(queryMask, 2));
    const { results } = await runLayer(
      {
        className,
        config,
        weights,
        inputs: [...inputs.slice(0, 2), [null, 4], [null, 5]],
        named: { mask: [2, 3] },
        constants: { use_causal_mask: true },
      },
      [...feeds.slice(0, 2), feedOf(queryMask), feedOf(valueMask)],
    );
    expectClose(toNumbers(results[0]!), expected.dataSync());
  });
});
