import { describe, expect, it } from 'vitest';
import { chain, expectSameAsTfjs, layers, operatorsOf } from '../tfjs-case.ts';

const { lstm, gru, simpleRNN, dense, rnn, lstmCell, gruCell, simpleRNNCell, stackedRNNCells } = layers.layers;

const SEQUENCE = { inputs: [[5, 3]] };
/** Without TensorFlow.js' own first state weights, which need parts of it that are not loaded. */
const SMALL = { units: 4, recurrentInitializer: 'glorotNormal' } as const;

describe.each([
  ['LSTM', lstm],
  ['GRU', gru],
  ['SimpleRNN', simpleRNN],
] as const)('%s', (_, layer) => {
  it('gives the last step', async () => {
    await expectSameAsTfjs(SEQUENCE, chain(layer({ ...SMALL })));
  });

  it('gives all steps', async () => {
    await expectSameAsTfjs(SEQUENCE, chain(layer({ ...SMALL, returnSequences: true })));
  });
});
