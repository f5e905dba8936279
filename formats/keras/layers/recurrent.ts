/**
 * Recurrent layers: SimpleRNN, GRU, LSTM, their CuDNN forms of Keras 2, and RNN over such cells (keras/src/layers/rnn).
 * Between two runs of the graph nothing is kept: a stateful layer starts from zeros each time, as after `reset_states`.
 */
import type { GraphBuilder, KerasValue } from '../graph-builder.ts';
import type { KerasLayer } from '../keras-model.ts';
import { flagSetting, numberSetting } from '../layer-config.ts';
import {
  type AppliedLayer,
  floatInput,
  inputsOf,
  knownSize,
  type LayerRows,
  layerError,
  type Rule,
  unsupportedLayer,
  valuesOf,
} from '../layer-rule.ts';
import { type RecurrentInput, type RecurrentOutput, recurrentInput, runOneWay, stateCount } from './recurrence.ts';
import { type RecurrentCell, recurrentCells } from './recurrent-cell.ts';
import { unpacked } from './recurrent-mask.ts';

/** What a recurrent layer, or a wrapper of one, is called with. */
export interface RecurrentCall {
  /** float32 (N, time, features) */
  readonly input: KerasValue;
  /** bool (N, time) */
  readonly mask: string | undefined;
  readonly initial: readonly KerasValue[];
}

/** Sorts out what a recurrent layer is called with. */
export function recurrentCall(applied: AppliedLayer): RecurrentCall {
  const { layer, kwargs, builder } = applied;
  const [first, ...others] = inputsOf(applied, 1);
  if (first!.shape.length !== 3) {
    throw layerError(layer, `is given a value with ${first!.shape.length} axes, expected (batch, time, features)`);
  }
  const constants = numberSetting(layer, 'num_constants', 0);
  if (constants !== 0 || (kwargs.constants && valuesOf([kwargs.constants]).length > 0)) {
    throw unsupportedLayer(layer, 'constants that are given to each step');
  }
  const [mask] = kwargs.mask ? valuesOf([kwargs.mask]) : [];
  const states = [...others, ...(kwargs.initial_state ? valuesOf([kwargs.initial_state]) : [])];
  return {
    input: floatInput(builder, first!),
    mask: mask ? builder.cast(builder.plain(mask), 'bool').name : first!.mask,
    initial: states.map((state) => floatInput(builder, state)),
  };
}

/** The cells and settings of a recurrent layer, with what this reader cannot do refused. */
export interface RecurrentLayer {
  readonly layer: KerasLayer;
  readonly cells: readonly RecurrentCell[];
  readonly goesBackwards: boolean;
  readonly returnsSequences: boolean;
  readonly returnsState: boolean;
  readonly zeroOutputForMask: boolean;
}

/** Reads a recurrent layer that is given so many features. */
export function recurrentLayer(layer: KerasLayer, kerasMajor: number, features: number): RecurrentLayer {
  if (flagSetting(layer, 'time_major', false)) throw unsupportedLayer(layer, 'sequences with the time first');
  return {
    layer,
    cells: recurrentCells(layer, kerasMajor, features),
    goesBackwards: flagSetting(layer, 'go_backwards', false),
    returnsSequences: flagSetting(layer, 'return_sequences', false),
    returnsState: flagSetting(layer, 'return_state', false),
    zeroOutputForMask: flagSetting(layer, 'zero_output_for_mask', false),
  };
}

/** The initial states, checked against the cells that start with them. */
export function checkedStates(layer: KerasLayer, cells: readonly RecurrentCell[], states: readonly KerasValue[]) {
  if (states.length === 0) return states;
  const expected = cells.flatMap((cell) => new Array<number>(stateCount(cell)).fill(cell.units));
  const fits = states.length === expected.length && states.every(({ shape }, at) => shape.at(-1) === expected[at]);
  if (fits) return states;
  const given = states.map(({ shape }) => `[${shape.map((size) => size ?? '?')}]`).join(', ');
  throw layerError(layer, `starts with states ${given}, expected sizes ${expected.join(', ')}`);
}

/** Runs the cells of a layer, one behind the other, from the first step to the last or the other way. */
export function runLayer(
  builder: GraphBuilder,
  input: RecurrentInput,
  { layer, cells, goesBackwards, returnsState }: RecurrentLayer,
  initial: readonly KerasValue[],
): RecurrentOutput {
  if (cells.length > 1 && (returnsState || initial.length > 0)) {
    throw unsupportedLayer(layer, 'the states of several cells in one layer');
  }
  const options = { backwards: goesBackwards, initial: checkedStates(layer, cells, initial) };
  let output = runOneWay(builder, input, cells[0]!, options);
  for (const cell of cells.slice(1)) {
    output = runOneWay(builder, { ...input, value: output.sequence() }, cell, options);
  }
  return output;
}

/** `value` with its steps in the opposite order. */
export function reversedInTime(builder: GraphBuilder, value: KerasValue): KerasValue {
  const axis = builder.integers('axis', [value.order.indexOf(1)]);
  const [first, beyond] = [builder.integers('first', [-1]), builder.integers('beyond', [-(2 ** 31)])];
  const name = builder.emit('Slice', [value.name, first, beyond, axis, builder.integers('step', [-1])]);
  return { ...value, name };
}

const recurrent: Rule = (applied) => {
  const { layer, builder, kerasMajor } = applied;
  const { input, mask, initial } = recurrentCall(applied);
  const read = recurrentLayer(layer, kerasMajor, knownSize(layer, input, -1));
  const given = recurrentInput(builder, input, mask);
  const output = runLayer(builder, given, read, initial);
  const states = read.returnsState ? output.states() : [];
  if (!read.returnsSequences) return [output.last(), ...states];
  let sequence = output.sequence();
  if (given.packing) {
    const unpacking = { backwards: read.goesBackwards, zeros: read.zeroOutputForMask };
    sequence = unpacked(builder, sequence, given.packing, unpacking);
  }
  // Keras gives the steps in the order in which they were taken, but hands the mask on as it came.
  if (read.goesBackwards) sequence = reversedInTime(builder, sequence);
  return [{ ...sequence, ...(mask !== undefined && { mask }) }, ...states];
};

const IMAGES = 'a recurrence over images, which ONNX has no operator for';

export const RECURRENT_LAYERS: LayerRows = {
  SimpleRNN: { rule: recurrent },
  GRU: { rule: recurrent, note: 'starts from zeros in every run, also where stateful' },
  LSTM: { rule: recurrent, note: 'starts from zeros in every run, also where stateful' },
  CuDNNGRU: { rule: recurrent },
  CuDNNLSTM: { rule: recurrent },
  RNN: { rule: recurrent, note: 'of SimpleRNNCell, GRUCell, LSTMCell, and stacks of them without states' },
  ConvLSTM1D: { refused: IMAGES },
  ConvLSTM2D: { refused: IMAGES },
  ConvLSTM3D: { refused: IMAGES },
};
