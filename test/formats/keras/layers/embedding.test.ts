import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import type { KerasLayer } from '../../../../formats/keras/keras-model.ts';
import { toNumbers } from '../../../../src/graph/numbers.ts';
import { float32Tensor, int64Tensor } from '../../../../src/graph/tensor.ts';
import { runModel } from '../../../support/run-model.ts';
import { arrayOf, layerModel, randomTensor, runLayer } from '../layer-case.ts';
import { apply, chain, expectClose, expectSameAsTfjs, layers, operatorsOf, tf } from '../tfjs-case.ts';

const { embedding, masking, lstm, gru, simpleRNN, dense, dropout } = layers.layers;

const SMALL = { units: 4, recurrentInitializer: 'glorotNormal' } as const;
/** So few words that several of each sentence are word 0. */
const WORDS = { inputs: [[7]], below: 3 };
const LOOKUP = { inputDim: 3, outputDim: 5 };

describe('Embedding', () => {
  it('of integers is a Gather', async () => {
    const model = await expectSameAsTfjs(WORDS, chain(embedding(LOOKUP)));
    expect(operatorsOf(model)).toEqual(['Gather']);
  });

  it('takes any number of axes', async () => {
    await expectSameAsTfjs({ inputs: [[2, 3]], below: 3 }, chain(embedding(LOOKUP)));
  });

  it('takes floats, whose fraction does not count', async () => {
    const table = randomTensor([3, 5], 1);
    const words = [0, 2.75, 1, 1.5];
    const { results } = await runLayer(
      { className: 'Embedding', config: { input_dim: 3, output_dim: 5 }, weights: [table], inputs: [[null, 2]] },
      [float32Tensor([2, 2], Float32Array.from(words))],
    );
    expectClose(toNumbers(results[0]!), tf.gather(table, [0, 2, 1, 1]).dataSync());
  });
});

describe.each([
  ['LSTM', lstm],
  ['GRU', gru],
  ['SimpleRNN', simpleRNN],
] as const)('Words that are masked, in %s', (_, layer) => {
  const masked = () => embedding({ ...LOOKUP, maskZero: true });

  it.each([
    { returnSequences: false },
    { returnSequences: true },
    { returnSequences: false, goBackwards: true },
    { returnSequences: true, goBackwards: true },
  ])('do not count (%j)', async (settings) => {
    await expectSameAsTfjs(WORDS, chain(masked(), layer({ ...SMALL, ...settings })));
  });

  it('do not count in sequences of any length', async () => {
    await expectSameAsTfjs({ ...WORDS, open: [[0, 1]] }, chain(masked(), layer({ ...SMALL, returnSequences: true })));
  });

  it('do not count behind other layers', async () => {
    const first = layer({ ...SMALL, returnSequences: true });
    await expectSameAsTfjs(WORDS, chain(masked(), dropout({ rate: 0.5 }), first, dense({ units: 3 }), layer(SMALL)));
  });
});

describe('Masks of several values', () => {
  const two = { inputs: [[7], [7]], below: 3 };
  const { concatenate } = layers.layers;
  const words = (maskZero: boolean) => embedding({ ...LOOKUP, maskZero });
  const both = (values: Parameters<Parameters<typeof expectSameAsTfjs>[1]>[0]) =>
    values.map((value) => apply(words(true), value));

  it.each([
    ['joined feature by feature', () => concatenate({ axis: -1 })],
    ['joined step by step', () => concatenate({ axis: 1 })],
  ] as const)('that are %s', async (_, merge) => {
    await expectSameAsTfjs(two, (values) => apply(lstm(SMALL), apply(merge(), both(values))));
  });

  it.each([
    ['2.15.0', tf.logicalAnd],
    ['3.8.0', tf.logicalOr],
  ] as const)('that are added, in Keras %s', async (kerasVersion, definition) => {
    const table = randomTensor([3, 5], 1);
    const words = [tf.tensor2d([2, 0, 1, 1, 0, 0, 2, 0], [2, 4]), tf.tensor2d([1, 0, 0, 2, 0, 1, 2, 1], [2, 4])];
    const weights = [randomTensor([5, 4], 2), randomTensor([4, 4], 3), randomTensor([4], 4)];
    const feed = (tensor: tf.Tensor) => float32Tensor(tensor.shape, Float32Array.from(tensor.dataSync()));
    const given = { className: 'SimpleRNN', config: { units: 4 }, weights, kerasVersion };
    const model = layerModel({ ...given, inputs: words.map(() => [null, 4]) });
    const [first, second, recurrent] = model.topology.layers as [KerasLayer, KerasLayer, KerasLayer];
    const of = (layer: string) => ({ kind: 'tensor' as const, tensor: { layer, call: 0, tensor: 0 } });
    const layer = (className: string, name: string, inputs: string[], rest: object = {}): KerasLayer => {
      const items = inputs.map(of);
      const args = items.length === 1 ? items : [{ kind: 'list' as const, items }];
      return {
        className,
        name,
        path: `model/${name}`,
        config: {},
        weights: [],
        calls: [{ args, kwargs: {} }],
        ...rest,
      };
    };
    const lookup = { config: { input_dim: 3, output_dim: 5, mask_zero: true }, weights: [arrayOf(table)] };
    const all = [
      first,
      second,
      layer('Embedding', 'a', ['input_0'], lookup),
      layer('Embedding', 'b', ['input_1'], lookup),
      layer('Add', 'sum', ['a', 'b']),
      { ...recurrent, calls: [{ args: [of('sum')], kwargs: {} }] },
    ];
    const graph = buildGraph({ ...model, topology: { ...model.topology, layers: all } });
    const results = await runModel(graph, new Map(words.map((tensor, index) => [`input_${index}`, feed(tensor)])));

    const [a, b] = words.map((tensor) => tf.gather(table, tf.cast(tensor, 'int32'))) as [tf.Tensor, tf.Tensor];
    const [countsA, countsB] = words.map((tensor) => tf.cast(tensor, 'bool')) as [tf.Tensor, tf.Tensor];
    const inputs = [
      [null, 4, 5],
      [null, 4],
    ];
    const mask = tf.cast(definition(countsA, countsB), 'float32');
    const expected = await runLayer({ ...given, inputs, named: { mask: 1 } }, [feed(tf.add(a, b)), feed(mask)]);
    expectClose(toNumbers([...results.values()][0]!), toNumbers(expected.results[0]!));
  });
});

describe('Masking', () => {
  it('hides the steps of which every feature is the masked value', async () => {
    const steps = { inputs: [[6, 2]], below: 2 };
    const model = await expectSameAsTfjs(steps, chain(masking({ maskValue: 1 }), lstm(SMALL)));
    expect(operatorsOf(model)).toContain('GatherND');
  });

  it('sets them to zero', async () => {
    await expectSameAsTfjs({ inputs: [[6, 2]], below: 2 }, chain(masking({ maskValue: 1 })));
  });
});

describe('Masks that Keras 3 writes as operations', () => {
  const words = tf.tensor2d([2, 0, 1, 1, 0, 2, 1, 2, 0, 0], [2, 5]);
  const others = tf.tensor2d([1, 0, 0, 1, 2, 2, 0, 2, 1, 0], [2, 5]);
  const feeds = [words, others].map((tensor) => float32Tensor(tensor.shape, Float32Array.from(tensor.dataSync())));
  const one = [[null, 5]];
  const two = [...one, ...one];

  it.each([0, 1])('NotEqual %i', async (number) => {
    const { results } = await runLayer({ className: 'NotEqual', inputs: one, positional: [number] }, feeds.slice(0, 1));
    expect(toNumbers(results[0]!)).toEqual([...tf.notEqual(words, number).dataSync()]);
  });

  it('NotEqual of integers', async () => {
    const feed = int64Tensor([...words.dataSync()], [2, 5]);
    const given = { className: 'NotEqual', inputs: one, dtypes: ['int64'], positional: [2] };
    const { results } = await runLayer(given, [feed]);
    expect(toNumbers(results[0]!)).toEqual([...tf.notEqual(words, 2).dataSync()]);
  });

  it.each([
    ['LogicalAnd', tf.logicalAnd],
    ['LogicalOr', tf.logicalOr],
  ] as const)('%s', async (className, definition) => {
    const { results } = await runLayer({ className, inputs: two }, feeds);
    const expected = definition(tf.cast(words, 'bool'), tf.cast(others, 'bool'));
    expect(toNumbers(results[0]!)).toEqual([...expected.dataSync()]);
  });

  it.each([
    [-1, true],
    [0, false],
    [null, false],
  ])('Any over axis %j (kept: %s)', async (axis, keepdims) => {
    const config = { axis, keepdims };
    const { results } = await runLayer({ className: 'Any', config, inputs: one }, feeds.slice(0, 1));
    const expected = tf.any(tf.cast(words, 'bool'), axis ?? undefined, keepdims);
    expect(results[0]!.shape).toEqual(expected.shape);
    expect(toNumbers(results[0]!)).toEqual([...expected.dataSync()]);
  });

  it('ZerosLike', async () => {
    const config = { dtype: 'bool' };
    const { results } = await runLayer({ className: 'ZerosLike', config, inputs: one }, feeds.slice(0, 1));
    expect(results[0]).toMatchObject({ dtype: 'bool', shape: [2, 5], data: new Uint8Array(10) });
  });
});

it('refuses masks of anything but sequences', () => {
  const config = { input_dim: 3, output_dim: 5, mask_zero: true };
  const weights = [randomTensor([3, 5], 1)];
  const model = layerModel({ className: 'Embedding', config, weights, inputs: [[null, 2, 4]] });
  expect(() => buildGraph(model)).toThrow(
    'layer "layer" (Embedding) at model/layer: a mask of anything but a sequence',
  );
});
