import { describe, expect, it } from 'vitest';
import { withArchiveWeights } from '../../../../formats/keras/archive-weights.ts';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import type { JsonObject } from '../../../../formats/keras/json.ts';
import type { KerasArray, KerasLayer } from '../../../../formats/keras/keras-model.ts';
import { distribute } from '../../../../formats/keras/nested-weights.ts';
import { readTopology } from '../../../../formats/keras/topology.ts';
import type { WeightStore } from '../../../../formats/keras/weight-store.ts';
import { toNumbers } from '../../../../src/graph/numbers.ts';
import { float32Tensor } from '../../../../src/graph/tensor.ts';
import { runModel } from '../../../support/run-model.ts';
import { arrayOf, layerModel, randomTensor, runLayer } from '../layer-case.ts';
import { type apply, chain, expectClose, expectSameAsTfjs, layers, operatorsOf, tf } from '../tfjs-case.ts';

const { bidirectional, timeDistributed, lstm, gru, simpleRNN, dense, conv2d, maxPooling2d, flatten } = layers.layers;
const { batchNormalization, embedding } = layers.layers;

const SEQUENCE = { inputs: [[5, 3]] };
const SMALL = { units: 4, recurrentInitializer: 'glorotNormal' } as const;
type Layer = Parameters<typeof apply>[0];
type Recurrent = Parameters<typeof bidirectional>[0]['layer'];
type MergeMode = Parameters<typeof bidirectional>[0]['mergeMode'];
type Outputs = ReturnType<typeof apply>[];
const MODES: readonly MergeMode[] = ['concat', 'sum', 'ave', 'mul'];

const feedOf = (tensor: tf.Tensor) => float32Tensor(tensor.shape, Float32Array.from(tensor.dataSync()));

describe.each([
  ['LSTM', lstm, 2],
  ['GRU', gru, 1],
  ['SimpleRNN', simpleRNN, 1],
] as const)('Bidirectional %s', (name, layer, states) => {
  const inside = (settings: object) => layer({ ...SMALL, ...settings }) as Recurrent;

  it.each(MODES.flatMap((mergeMode) => [true, false].map((returnSequences) => ({ mergeMode, returnSequences }))))(
    'as %j is one operator',
    async ({ mergeMode, returnSequences }) => {
      const wrapped = bidirectional({ layer: inside({ returnSequences }), mergeMode });
      const model = await expectSameAsTfjs(SEQUENCE, chain(wrapped));
      const op = name === 'SimpleRNN' ? 'RNN' : name;
      expect(operatorsOf(model).filter((each) => each === op)).toHaveLength(1);
    },
  );

  it.each([true, false])('gives both outputs where it does not merge them (sequences: %s)', async (returnSequences) => {
    const wrapped = bidirectional({ layer: inside({ returnSequences }), mergeMode: null as never });
    await expectSameAsTfjs(SEQUENCE, ([x]) => wrapped.apply(x!) as Outputs);
  });

  it('of a layer that goes backwards itself', async () => {
    const wrapped = bidirectional({ layer: inside({ goBackwards: true, returnSequences: true }), mergeMode: 'concat' });
    await expectSameAsTfjs(SEQUENCE, chain(wrapped));
  });

  it('takes and gives states', async () => {
    const inputs = [[5, 3], ...new Array(2 * states).fill([4])];
    const layer = inside({ returnSequences: true, returnState: true });
    const wrapped = bidirectional({ layer, mergeMode: 'concat' });
    await expectSameAsTfjs({ inputs }, (values) => wrapped.apply(values) as Outputs);
  });

  it('skips words that are masked', async () => {
    const words = embedding({ inputDim: 3, outputDim: 5, maskZero: true });
    const wrapped = bidirectional({ layer: inside({}), mergeMode: 'concat' });
    await expectSameAsTfjs({ inputs: [[7]], below: 3 }, chain(words, wrapped));
  });
});

describe('Bidirectional', () => {
  it('stacks without transposes between but that of the concatenation', async () => {
    const first = bidirectional({ layer: lstm({ ...SMALL, returnSequences: true }) as Recurrent, mergeMode: 'concat' });
    const second = bidirectional({ layer: gru(SMALL) as Recurrent, mergeMode: 'sum' });
    const model = await expectSameAsTfjs({ ...SEQUENCE, open: [[0, 1]] }, chain(first, second));
    expect(operatorsOf(model)).toEqual(['Transpose', 'LSTM', 'Transpose', 'Reshape', 'GRU', 'ReduceSum']);
  });

  it('of an RNN with a cell is that of the layer', async () => {
    const half = (seed: number) => [[3, 16], [4, 16], [16]].map((shape, index) => randomTensor(shape, seed + index));
    const given = { className: 'Bidirectional', weights: [...half(1), ...half(4)], inputs: [[null, 5, 3]] };
    const x = feedOf(randomTensor([2, 5, 3], 7, 1));
    const cell = { class_name: 'keras.layers>LSTMCell', config: { units: 4 } };
    const layers = [
      { class_name: 'LSTM', config: { units: 4 } },
      { class_name: 'RNN', config: { cell } },
    ];
    const [ofLayer, ofCell] = await Promise.all(layers.map((layer) => runLayer({ ...given, config: { layer } }, [x])));
    expect(ofCell!.results).toEqual(ofLayer!.results);
  });

  it('gives zeros for masked steps of sequences, and takes a layer of another size for the way back', async () => {
    const x = randomTensor([2, 5, 3], 1, 1);
    const mask = tf.tensor2d([1, 0, 1, 1, 0, 0, 1, 1, 0, 1], [2, 5]);
    const forward = [randomTensor([3, 4], 2), randomTensor([4, 4], 3), randomTensor([4], 4)];
    const backward = [randomTensor([3, 2], 5), randomTensor([2, 2], 6), randomTensor([2], 7)];
    const settings = { return_sequences: true };
    const config = {
      merge_mode: 'concat',
      layer: { class_name: 'SimpleRNN', config: { ...settings, units: 4 } },
      backward_layer: { class_name: 'SimpleRNN', config: { ...settings, units: 2, go_backwards: true } },
    };
    const inputs = [
      [null, 5, 3],
      [null, 5],
    ];
    const given = {
      className: 'Bidirectional',
      config,
      weights: [...forward, ...backward],
      inputs,
      named: { mask: 1 },
    };
    const { results } = await runLayer(given, [feedOf(x), feedOf(mask)]);
    const steps = (weights: readonly tf.Tensor[], order: readonly number[]) => {
      const [kernel, recurrent, bias] = weights as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
      const outputs: tf.Tensor[] = [];
      let state: tf.Tensor = tf.zeros([2, bias.shape[0]]);
      for (const time of order) {
        const step = tf.reshape(tf.slice(x, [0, time, 0], [2, 1, 3]), [2, 3]) as tf.Tensor2D;
        const sum = tf.add(tf.add(tf.matMul(step, kernel), tf.matMul(state as tf.Tensor2D, recurrent)), bias);
        const counts = tf.slice(mask, [0, time], [2, 1]);
        state = tf.add(tf.mul(counts, tf.tanh(sum)), tf.mul(tf.sub(1, counts), state));
        outputs[time] = tf.mul(counts, state);
      }
      return tf.stack(outputs, 1);
    };
    const order = [0, 1, 2, 3, 4];
    const expected = tf.concat([steps(forward, order), steps(backward, order.toReversed())], 2);
    expectClose(toNumbers(results[0]!), expected.dataSync());
  });

  it('refuses what is not recurrent, by name', () => {
    const config = { layer: { class_name: 'ConvLSTM2D', config: { name: 'images' } } };
    const model = layerModel({ className: 'Bidirectional', config, inputs: [[null, 5, 3]] });
    expect(() => buildGraph(model)).toThrow(/layer "images" \(ConvLSTM2D\) at model\/layer\/images/);
  });
});

describe('TimeDistributed', () => {
  it('of a dense layer is that layer', async () => {
    const model = await expectSameAsTfjs(SEQUENCE, chain(timeDistributed({ layer: dense({ units: 4 }) })));
    expect(operatorsOf(model)).toEqual(['MatMul', 'Add']);
  });

  it.each([true, false])('of images (open time: %s)', async (isOpen) => {
    const layer = (each: Layer) => timeDistributed({ layer: each });
    const images = { inputs: [[3, 6, 5, 2]], ...(isOpen && { open: [[0, 1]] as const }) };
    const model = await expectSameAsTfjs(
      images,
      chain(
        layer(conv2d({ filters: 3, kernelSize: 3, padding: 'same', activation: 'relu' })),
        layer(batchNormalization()),
        layer(maxPooling2d({ poolSize: 2 })),
        layer(flatten()),
        lstm(SMALL),
      ),
    );
    expect(operatorsOf(model).filter((op) => op === 'Conv')).toHaveLength(1);
  });

  it('of a recurrent layer', async () => {
    const inner = lstm({ ...SMALL, returnSequences: true });
    await expectSameAsTfjs({ inputs: [[2, 5, 3]] }, chain(timeDistributed({ layer: inner })));
  });

  it.each(['the legacy file', 'the archive'])('of a model, whose weights %s has', async (kind) => {
    const inside = layers.sequential({
      layers: [
        conv2d({ filters: 3, kernelSize: 3, inputShape: [6, 5, 2] }),
        batchNormalization(),
        flatten(),
        dense({ units: 4 }),
      ],
    });
    const input = layers.input({ shape: [3, 6, 5, 2] });
    const output = timeDistributed({ layer: inside as unknown as Layer, name: 'each' }).apply(input);
    const theirs = layers.model({ inputs: input, outputs: output as ReturnType<typeof apply> });
    const weights = theirs.layers[1]!.weights;
    const values = weights.map(({ shape, originalName }, index) => {
      const random = randomTensor(shape as number[], index);
      return originalName.includes('variance') ? tf.abs(random) : random;
    });
    theirs.layers[1]!.setWeights(values);

    const configuration = theirs.toJSON(null, false) as unknown as JsonObject;
    const topology = readTopology(configuration, '2.15.0');
    const arrays = weights.map(({ originalName }, index) => ({
      name: `each/${originalName}:0`,
      array: arrayOf(values[index]!),
    }));
    const groups = new Map<string, KerasArray[]>();
    for (const { name, array } of arrays) {
      // Such as `each/conv2d_Conv2D1/kernel:0`, which an archive keeps by class and attribute.
      const group = `layers/time_distributed/layer/layers/${name.split('/')[1]!.split('_').slice(0, -1).join('_')}`;
      groups.set(group, [...(groups.get(group) ?? []), array]);
    }
    const store: WeightStore = {
      children: (path) => {
        const start = `${path.join('/')}/`;
        return [...groups.keys()].flatMap((name) =>
          name.startsWith(start) ? [name.slice(start.length).split('/')[0]!] : [],
        );
      },
      arrays: (path) => groups.get(path.join('/')) ?? [],
      layerName: () => undefined,
    };
    const [first, wrapper] = topology.layers as [KerasLayer, KerasLayer];
    const filled =
      kind === 'the archive'
        ? withArchiveWeights(topology, store)
        : { ...topology, layers: [first, { ...wrapper, inner: distribute(wrapper.inner!, arrays) }] };
    const model = buildGraph({ kerasVersion: '2.15.0', topology: filled });
    const x = randomTensor([2, 3, 6, 5, 2], 9, 1);
    const results = await runModel(model, new Map([[model.graph.inputs[0]!.name, feedOf(x)]]));
    expectClose(toNumbers([...results.values()][0]!), (theirs.predict(x) as tf.Tensor).dataSync());
  });

  it('behind a recurrent layer', async () => {
    const first = lstm({ ...SMALL, returnSequences: true });
    await expectSameAsTfjs(SEQUENCE, chain(first, timeDistributed({ layer: batchNormalization() })));
  });

  it('says what is missing', () => {
    const config = { layer: 5 };
    const model = layerModel({ className: 'TimeDistributed', config, inputs: [[null, 5, 3]] });
    expect(() => buildGraph(model)).toThrow(
      'layer "layer" (TimeDistributed) at model/layer has no layer in its setting layer',
    );
  });
});
