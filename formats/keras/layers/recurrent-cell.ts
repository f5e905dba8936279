/**
 * What recurrent layers compute in one step, as ONNX's RNN, GRU and LSTM have it: the gates of LSTM are i, o, f, c, where
 * Keras has i, f, c, o (keras/src/layers/rnn; ONNX operator documentation).
 */
import type { KerasArray, KerasLayer } from '../keras-model.ts';
import { flagSetting, setting, sizeSetting } from '../layer-config.ts';
import { layerError, takeWeights, unsupportedLayer } from '../layer-rule.ts';
import { wrappedLayer } from '../wrapped-layer.ts';
import { reorderedBias, turnedKernel, untiledKernel } from './recurrent-weights.ts';

/** An activation of ONNX's recurrent operators, with the parameters that it takes. */
export interface CellActivation {
  readonly name: string;
  readonly alpha?: number;
  readonly beta?: number;
}

/** One step of a recurrent layer, for one direction. */
export interface RecurrentCell {
  readonly op: 'RNN' | 'GRU' | 'LSTM';
  readonly gates: number;
  readonly units: number;
  readonly features: number;
  /** (gates · units, features) */
  readonly kernel: Float32Array;
  /** (gates · units, units) */
  readonly recurrentKernel: Float32Array;
  /** The biases of the input and of the state: (2 · gates · units). */
  readonly bias: Float32Array | undefined;
  /** In the order of the operator: the gates, the candidate and, for LSTM, the output. */
  readonly activations: readonly CellActivation[];
  /** GRU: the reset gate acts behind the matrix product with the state. */
  readonly resetAfter: boolean;
}

interface Kind {
  readonly op: RecurrentCell['op'];
  /** Keras' position of each of ONNX's gates. */
  readonly gates: readonly number[];
  readonly isCudnn?: true;
}

const RNN: Kind = { op: 'RNN', gates: [0] };
const GRU: Kind = { op: 'GRU', gates: [0, 1, 2] };
const LSTM: Kind = { op: 'LSTM', gates: [0, 3, 1, 2] };
const KINDS: Readonly<Record<string, Kind>> = {
  SimpleRNN: RNN,
  SimpleRNNCell: RNN,
  GRU,
  GRUCell: GRU,
  LSTM,
  LSTMCell: LSTM,
  CuDNNGRU: { ...GRU, isCudnn: true },
  CuDNNLSTM: { ...LSTM, isCudnn: true },
};

/**
 * The cells of a recurrent layer, one behind the other, of which a layer other than `RNN` has one.
 *
 * @param features size of what the first cell is given
 */
export function recurrentCells(layer: KerasLayer, kerasMajor: number, features: number): RecurrentCell[] {
  if (layer.className !== 'RNN') return [recurrentCell(layer, kerasMajor, features)];
  const stack = wrappedLayer(layer, 'cell', setting(layer, 'cell'), []);
  const list = stack.className === 'StackedRNNCells' ? setting(stack, 'cells') : [setting(layer, 'cell')];
  if (!Array.isArray(list) || list.length === 0) throw layerError(stack, 'has no cells');
  let taken = 0;
  let size = features;
  const cells = list.map((serialized) => {
    const plain = wrappedLayer(layer, 'cell', serialized, []);
    const count = flagSetting(plain, 'use_bias', true) ? 3 : 2;
    const cell = recurrentCell({ ...plain, weights: layer.weights.slice(taken, taken + count) }, kerasMajor, size);
    taken += count;
    size = cell.units;
    return cell;
  });
  if (taken === layer.weights.length) return cells;
  throw layerError(layer, `has ${layer.weights.length} weights, and ${taken} are those of its cells`);
}

function recurrentCell(layer: KerasLayer, kerasMajor: number, features: number): RecurrentCell {
  const kind = Object.hasOwn(KINDS, layer.className) ? KINDS[layer.className] : undefined;
  if (!kind) throw unsupportedLayer(layer, 'this is no recurrent cell that ONNX has an operator for');
  const { op } = kind;
  const units = sizeSetting(layer, 'units');
  const gates = kind.gates.length;
  const columns = gates * units;
  const usesBias = kind.isCudnn ?? flagSetting(layer, 'use_bias', true);
  const resetAfter = op === 'GRU' && (kind.isCudnn ?? resetsAfter(layer, kerasMajor));
  const isDouble = resetAfter || kind.isCudnn;
  const biasShape = kind.isCudnn ? [2 * columns] : isDouble ? [2, columns] : [columns];
  const [kernel, recurrentKernel, bias] = takeWeights(layer, [
    ['kernel', [features, columns]],
    ['recurrent_kernel', [units, columns]],
    ...(usesBias ? [['bias', biasShape] as const] : []),
  ]) as [KerasArray, KerasArray, KerasArray?];
  const biases = bias && new Float32Array(2 * columns);
  if (bias) biases!.set(reorderedBias(bias.values, units, kind.gates));
  if (bias && isDouble) biases!.set(reorderedBias(bias.values.subarray(columns), units, kind.gates), columns);
  const inOrder = kind.isCudnn ? untiledKernel : turnedKernel;
  return {
    op,
    gates,
    units,
    features,
    kernel: inOrder(kernel.values, features, units, kind.gates),
    recurrentKernel: inOrder(recurrentKernel.values, units, units, kind.gates),
    bias: biases,
    activations: cellActivations(layer, kind, kerasMajor),
    resetAfter,
  };
}

function resetsAfter(layer: KerasLayer, kerasMajor: number): boolean {
  const bias = layer.weights[2];
  return flagSetting(layer, 'reset_after', bias ? bias.shape.length === 2 : kerasMajor >= 3);
}

/** ONNX's functions by Keras' names. `hard_sigmoid` became another function with Keras 3. */
function onnxActivation(name: string, kerasMajor: number): CellActivation | undefined {
  switch (name) {
    case 'tanh':
      return { name: 'Tanh' };
    case 'sigmoid':
      return { name: 'Sigmoid' };
    case 'relu':
      return { name: 'Relu' };
    case 'linear':
      return { name: 'Affine', alpha: 1, beta: 0 };
    case 'hard_sigmoid':
      return { name: 'HardSigmoid', alpha: kerasMajor >= 3 ? 1 / 6 : 0.2, beta: 0.5 };
    case 'elu':
      return { name: 'Elu', alpha: 1 };
    case 'leaky_relu':
      return { name: 'LeakyRelu', alpha: 0.2 };
    case 'softsign':
      return { name: 'Softsign' };
    case 'softplus':
      return { name: 'Softplus' };
    default:
      return undefined;
  }
}

function cellActivations(layer: KerasLayer, { op, isCudnn }: Kind, kerasMajor: number): CellActivation[] {
  const read = (what: string, fallback: string): CellActivation => {
    // An absent setting has Keras' default, and null is no activation at all.
    const given = isCudnn || !Object.hasOwn(layer.config, what) ? fallback : (layer.config[what] ?? 'linear');
    // Keras 3 writes a function as an object, and an activation layer in its place as one with settings.
    const { config, class_name } = given as { config?: unknown; class_name?: unknown };
    const name = typeof config === 'string' ? config : (class_name ?? given);
    const found = typeof name === 'string' ? onnxActivation(name, kerasMajor) : undefined;
    if (found) return found;
    throw unsupportedLayer(layer, `ONNX's ${op} does not have its ${what} ${JSON.stringify(name)}`);
  };
  const activation = read('activation', 'tanh');
  if (op === 'RNN') return [activation];
  const gate = read('recurrent_activation', 'sigmoid');
  return op === 'GRU' ? [gate, activation] : [gate, activation, activation];
}
