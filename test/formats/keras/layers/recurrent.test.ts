import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../../formats/keras/build-graph.ts';
import { earlyWeights } from '../../../../formats/keras/early-weights.ts';
import { toNumbers } from '../../../../src/graph/numbers.ts';
import { float32Tensor } from '../../../../src/graph/tensor.ts';
import { arrayOf, layerModel, randomTensor, runLayer } from '../layer-case.ts';
import { type apply, chain, expectClose, expectSameAsTfjs, layers, operatorsOf, tf } from '../tfjs-case.ts';

const { lstm, gru, simpleRNN, dense, rnn, lstmCell, gruCell, simpleRNNCell, stackedRNNCells } = layers.layers;

const SEQUENCE = { inputs: [[5, 3]] };
/** Without TensorFlow.js' own first state weights, which need parts of it that are not loaded. */
const SMALL = { units: 4, recurrentInitializer: 'glorotNormal' } as const;

const feedOf = (tensor: tf.Tensor) => float32Tensor(tensor.shape, Float32Array.from(tensor.dataSync()));

describe.each([
  ['LSTM', lstm, 2],
  ['GRU', gru, 1],
  ['SimpleRNN', simpleRNN, 1],
] as const)('%s', (_, layer, states) => {
  it('gives the last step, and takes a sequence with one transpose', async () => {
    const model = await expectSameAsTfjs(SEQUENCE, chain(layer(SMALL)));
    expect(operatorsOf(model).slice(0, 1)).toEqual(['Transpose']);
    expect(model.graph.nodes).toHaveLength(3);
  });

  it('gives all steps', async () => {
    await expectSameAsTfjs(SEQUENCE, chain(layer({ ...SMALL, returnSequences: true })));
  });

  it.each([true, false])('goes backwards (sequences: %s)', async (returnSequences) => {
    await expectSameAsTfjs(SEQUENCE, chain(layer({ ...SMALL, goBackwards: true, returnSequences })));
  });

  it('works without biases, and with other activations', async () => {
    const settings = { ...SMALL, useBias: false, activation: 'relu', recurrentActivation: 'hardSigmoid' } as const;
    await expectSameAsTfjs(SEQUENCE, chain(layer(settings)));
  });

  it.each(['linear', 'elu', 'softsign', 'softplus', 'sigmoid'] as const)(
    'has the activation %s',
    async (activation) => {
      await expectSameAsTfjs(SEQUENCE, chain(layer({ ...SMALL, activation })));
    },
  );

  it('takes and gives states', async () => {
    const inputs = [[5, 3], ...new Array(states).fill([4])];
    const settings = { ...SMALL, returnSequences: true, returnState: true };
    await expectSameAsTfjs({ inputs }, (values) => layer(settings).apply(values) as ReturnType<typeof apply>[]);
  });

  it('takes sequences of any length', async () => {
    const first = layer({ ...SMALL, returnSequences: true });
    await expectSameAsTfjs(
      { ...SEQUENCE, open: [[0, 1]] },
      chain(first, layer({ ...SMALL, units: 3 }), dense({ units: 2 })),
    );
  });

  it('behind another of its kind, and a dense layer, needs no transpose', async () => {
    const stack = [1, 2].map((units) => layer({ ...SMALL, units, returnSequences: true }));
    const model = await expectSameAsTfjs(
      SEQUENCE,
      chain(stack[0]!, dense({ units: 3, activation: 'relu' }), stack[1]!),
    );
    expect(operatorsOf(model).filter((op) => op === 'Transpose')).toHaveLength(2);
  });
});

describe('RNN', () => {
  it.each([
    ['LSTMCell', lstmCell],
    ['GRUCell', gruCell],
    ['SimpleRNNCell', simpleRNNCell],
  ] as const)('of a %s', async (_, cell) => {
    await expectSameAsTfjs(SEQUENCE, chain(rnn({ cell: cell(SMALL) as never, returnSequences: true })));
  });

  it.each([true, false])('of a stack of cells (backwards: %s)', async (goBackwards) => {
    const cells = [lstmCell(SMALL), gruCell({ ...SMALL, units: 2, useBias: false }), simpleRNNCell(SMALL)];
    const cell = stackedRNNCells({ cells: cells as never }) as never;
    await expectSameAsTfjs(SEQUENCE, chain(rnn({ cell, returnSequences: true, goBackwards })));
  });
});

/** Steps of a GRU whose reset gate acts behind the matrix product, as `GRUCell.call` of Keras has them. */
function gruWithLateReset(x: tf.Tensor3D, kernel: tf.Tensor2D, recurrent: tf.Tensor2D, bias: tf.Tensor2D): tf.Tensor {
  const units = recurrent.shape[0];
  let state = tf.zeros([x.shape[0], units]);
  for (const step of tf.unstack(x, 1)) {
    const [inputBias, stateBias] = tf.unstack(bias);
    const given = tf.split(tf.add(tf.matMul(step as tf.Tensor2D, kernel), inputBias!), 3, 1);
    const inner = tf.split(tf.add(tf.matMul(state as tf.Tensor2D, recurrent), stateBias!), 3, 1);
    const update = tf.sigmoid(tf.add(given[0]!, inner[0]!));
    const reset = tf.sigmoid(tf.add(given[1]!, inner[1]!));
    const candidate = tf.tanh(tf.add(given[2]!, tf.mul(reset, inner[2]!)));
    state = tf.add(tf.mul(update, state), tf.mul(tf.sub(1, update), candidate));
  }
  return state;
}

/** A kernel as CuDNN has it: `kernel.T.reshape(kernel.shape)` of each gate, as Keras' loader says. */
function cudnnKernel(kernel: tf.Tensor, gates: number): tf.Tensor {
  const turned = tf.split(kernel, gates, 1).map((gate) => tf.reshape(tf.transpose(gate), gate.shape));
  return tf.concat(turned, 1);
}

const transposedGates = (kernel: tf.Tensor, gates: number) =>
  tf.concat(
    tf.split(kernel, gates, 1).map((gate) => tf.transpose(gate)),
    1,
  );

describe('GRU that resets behind the product', () => {
  const [x, kernel, recurrent, bias] = [
    randomTensor([2, 5, 3], 1, 1),
    randomTensor([3, 12], 2),
    randomTensor([4, 12], 3),
    randomTensor([2, 12], 4),
  ] as const;
  const expected = gruWithLateReset(
    x as tf.Tensor3D,
    kernel as tf.Tensor2D,
    recurrent as tf.Tensor2D,
    bias as tf.Tensor2D,
  ).dataSync();
  const inputs = [[null, 5, 3]];

  it.each([{ reset_after: true }, {}])('with %j', async (settings) => {
    const weights = [kernel, recurrent, bias];
    const { results } = await runLayer({ className: 'GRU', config: { units: 4, ...settings }, weights, inputs }, [
      feedOf(x),
    ]);
    expectClose(toNumbers(results[0]!), expected);
  });

  it('as CuDNN keeps it', async () => {
    const weights = [cudnnKernel(kernel, 3), transposedGates(recurrent, 3), tf.reshape(bias, [24])];
    const { results } = await runLayer({ className: 'CuDNNGRU', config: { units: 4 }, weights, inputs }, [feedOf(x)]);
    expectClose(toNumbers(results[0]!), expected);
  });
});

it('CuDNNLSTM is an LSTM whose weights lie otherwise', async () => {
  const x = feedOf(randomTensor([2, 5, 3], 1, 1));
  const [kernel, recurrent] = [randomTensor([3, 16], 2), randomTensor([4, 16], 3)];
  const [inputBias, stateBias] = [randomTensor([16], 4), randomTensor([16], 5)];
  const inputs = [[null, 5, 3]];
  const config = { units: 4 };
  const plain = [kernel, recurrent, tf.add(inputBias, stateBias)];
  const cudnn = [cudnnKernel(kernel, 4), transposedGates(recurrent, 4), tf.concat([inputBias, stateBias])];
  const expected = await runLayer({ className: 'LSTM', config, weights: plain, inputs }, [x]);
  const { results } = await runLayer({ className: 'CuDNNLSTM', config, weights: cudnn, inputs }, [x]);
  expectClose(toNumbers(results[0]!), toNumbers(expected.results[0]!));
});

it('hard_sigmoid is another function in Keras 3', async () => {
  const x = randomTensor([2, 1, 3], 1, 1);
  const [kernel, recurrent] = [randomTensor([3, 4], 2, 1), randomTensor([4, 4], 3)];
  const product = tf.matMul(tf.reshape(x, [2, 3]), kernel as tf.Tensor2D);
  const expected = tf.div(tf.relu6(tf.add(product, 3)), 6).dataSync();
  const config = { units: 4, use_bias: false, activation: 'hard_sigmoid' };
  const weights = [kernel, recurrent];
  const given = { className: 'SimpleRNN', config, weights, inputs: [[null, 1, 3]], kerasVersion: '3.8.0' };
  const { results } = await runLayer(given, [feedOf(x)]);
  expectClose(toNumbers(results[0]!), expected);
});

it('takes states by name', async () => {
  const [x, h, c] = [randomTensor([2, 5, 3], 1), randomTensor([2, 4], 2), randomTensor([2, 4], 3)].map(feedOf);
  const weights = [randomTensor([3, 16], 4), randomTensor([4, 16], 5), randomTensor([16], 6)];
  const inputs = [
    [null, 5, 3],
    [null, 4],
    [null, 4],
  ];
  const plain = { className: 'LSTM', config: { units: 4 }, weights, inputs };
  const byPlace = await runLayer(plain, [x!, h!, c!]);
  const byName = await runLayer({ ...plain, named: { initial_state: [1, 2] } }, [x!, h!, c!]);
  expect(byName.results).toEqual(byPlace.results);
});

it('reads the gates of Keras 1 one by one, also of both directions', () => {
  const gates = (direction: number) =>
    ['i', 'c', 'f', 'o'].flatMap((gate) =>
      [[3, 4], [4, 4], [4]].map((shape, part) => ({
        gate,
        part,
        tensor: randomTensor(shape, direction * 12 + part + gate.charCodeAt(0)),
      })),
    );
  const parts = [gates(0), gates(1)];
  const config = { layer: { class_name: 'LSTM', config: { units: 4 } } };
  const [, layer] = layerModel({ className: 'Bidirectional', config, inputs: [[null, 5, 3]] }).topology.layers;
  const weights = parts.flat().map(({ tensor }) => arrayOf(tensor));
  const read = earlyWeights({ ...layer!, weights }, { kerasVersion: '1.2.2', backend: 'tensorflow' });
  const expected = parts.flatMap((direction) =>
    [0, 1, 2].map((wanted) => {
      const ordered = ['i', 'f', 'c', 'o'].map(
        (name) => direction.find(({ gate, part }) => gate === name && part === wanted)!,
      );
      return arrayOf(
        tf.concat(
          ordered.map(({ tensor }) => tensor),
          wanted === 2 ? 0 : 1,
        ),
      );
    }),
  );
  expect(read).toEqual(expected);
});

describe('refuses', () => {
  const weights = [randomTensor([3, 4], 1), randomTensor([4, 4], 2), randomTensor([4], 3)];
  const inputs = [[null, 5, 3]];
  it.each([
    ['ConvLSTM2D', {}, /"layer" \(ConvLSTM2D\) at model\/layer: a recurrence over images/],
    ['SimpleRNN', { units: 4, activation: 'swish' }, /ONNX's RNN does not have its activation "swish"/],
    ['SimpleRNN', { units: 4, time_major: true }, /sequences with the time first/],
    ['SimpleRNN', { units: 5 }, /expected kernel \[3,5\], recurrent_kernel \[5,5\], bias \[5\]/],
    ['SimpleRNN', { units: 4, num_constants: 1 }, /constants that are given to each step/],
    ['RNN', { cell: { class_name: 'MyCell', config: {} } }, /"MyCell" \(MyCell\) at model\/layer\/MyCell: this is no/],
    ['RNN', {}, /has no layer in its setting cell/],
  ])('%s with %j', (className, config, message) => {
    expect(() => buildGraph(layerModel({ className, config, weights, inputs }))).toThrow(message);
  });
});
