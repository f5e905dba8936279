/**
 * Emits ONNX's RNN, GRU and LSTM (ONNX operator documentation). They take the time first, so that is how sequences are
 * kept here; one recurrent layer behind another then needs no transpose between them.
 */
import type { Attribute, Dim } from '../../../src/graph/graph.ts';
import { float32Tensor } from '../../../src/graph/tensor.ts';
import { type GraphBuilder, identity, int, ints, type KerasValue, text } from '../graph-builder.ts';
import type { CellActivation, RecurrentCell } from './recurrent-cell.ts';
import { type PackedSequence, packed } from './recurrent-mask.ts';

/** What recurrent layers are given: a float32 value (N, time, features), packed where steps of it are masked. */
export interface RecurrentInput {
  readonly value: KerasValue;
  readonly packing?: PackedSequence;
}

/** The outputs of one run over the time; what is not asked for is not added to the graph. */
export interface RecurrentOutput {
  /** (N, time, units) of one direction, or (N, time, 2 · units) of two, at the steps of the (packed) input. */
  sequence(): KerasValue;
  /** (N, units) or (N, 2 · units), after the step that is taken last. */
  last(): KerasValue;
  /** The last states (N, units) of each direction: hidden and, for LSTM, cell. */
  states(): KerasValue[];
}

/** ONNX's own choice, by operator. */
const DEFAULT_ACTIVATIONS: Readonly<Record<RecurrentCell['op'], string>> = {
  RNN: 'Tanh',
  GRU: 'Sigmoid Tanh',
  LSTM: 'Sigmoid Tanh Tanh',
};

const TIME_FIRST = [1, 0, 2];

/** `value` without the steps that `mask` leaves out. */
export function recurrentInput(builder: GraphBuilder, value: KerasValue, mask = value.mask): RecurrentInput {
  if (mask === undefined) return { value };
  const packing = packed(builder, value, mask);
  return { value: packing.value, packing };
}

/** How many states a cell has. */
export const stateCount = ({ op }: RecurrentCell): number => (op === 'LSTM' ? 2 : 1);

function activationAttributes(op: RecurrentCell['op'], list: readonly CellActivation[], count: number) {
  const names = list.map(({ name }) => name);
  if (names.join(' ') === new Array(count).fill(DEFAULT_ACTIVATIONS[op]).join(' ')) return {};
  const attributes: Record<string, Attribute> = { activations: { type: 'strings', value: names } };
  for (const key of ['alpha', 'beta'] as const) {
    const value = list.flatMap((activation) => activation[key] ?? []);
    if (value.length > 0) attributes[`activation_${key}`] = { type: 'floats', value };
  }
  return attributes;
}

function joined(arrays: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(arrays.reduce((length, array) => length + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    result.set(array, at);
    at += array.length;
  }
  return result;
}

/** The states (N, units) of all directions in one tensor (directions, N, units). */
function joinedStates(builder: GraphBuilder, states: readonly KerasValue[]): string {
  const axis = builder.integers('direction', [0]);
  const names = states.map((state) => builder.emit('Unsqueeze', [builder.plain(state).name, axis]));
  return names.length === 1 ? names[0]! : builder.emit('Concat', names, { axis: int(0) });
}

/** How two directions become one value. */
export type Merge = 'concat' | 'sum' | 'ave' | 'mul';
const REDUCTIONS = { sum: 'ReduceSum', ave: 'ReduceMean', mul: 'ReduceProd' } as const;

interface Run {
  readonly cells: readonly RecurrentCell[];
  readonly direction: 'forward' | 'reverse' | 'bidirectional';
  /** Initial states of each direction; none is zeros. */
  readonly initial: readonly (readonly KerasValue[])[];
}

/** Adds the operator for one cell, or for the two of both directions. Returns Y, Y_h and, for LSTM, Y_c. */
function emitRecurrence(builder: GraphBuilder, input: RecurrentInput, { cells, direction, initial }: Run): string[] {
  const { op, gates, units, features, resetAfter } = cells[0]!;
  const count = cells.length;
  const constant = (what: string, shape: number[], arrays: Float32Array[]) =>
    builder.constant(what, float32Tensor([count, ...shape], joined(arrays)));
  const biases = cells.flatMap(({ bias }) => bias ?? []);
  const inputs = [
    builder.ordered(input.value, TIME_FIRST).name,
    constant(
      'kernel',
      [gates * units, features],
      cells.map(({ kernel }) => kernel),
    ),
    constant(
      'recurrent_kernel',
      [gates * units, units],
      cells.map(({ recurrentKernel }) => recurrentKernel),
    ),
    biases.length === 0 ? '' : constant('bias', [2 * gates * units], biases),
    input.packing?.lengths ?? '',
    ...(initial[0]?.map((_, state) =>
      joinedStates(
        builder,
        initial.map((states) => states[state]!),
      ),
    ) ?? []),
  ];
  while (inputs.at(-1) === '') inputs.pop();
  const activations = cells.flatMap((cell) => cell.activations);
  return builder.emitAll(op, inputs, 1 + stateCount(cells[0]!), {
    hidden_size: int(units),
    ...(direction !== 'forward' && { direction: text(direction) }),
    ...activationAttributes(op, activations, count),
    ...(resetAfter && { linear_before_reset: int(1) }),
  });
}

/** Runs one cell over the time, from the first step to the last or the other way. */
export function runOneWay(
  builder: GraphBuilder,
  input: RecurrentInput,
  cell: RecurrentCell,
  { backwards, initial }: { backwards: boolean; initial: readonly KerasValue[] },
): RecurrentOutput {
  const direction = backwards ? 'reverse' : 'forward';
  const [all, ...finals] = emitRecurrence(builder, input, { cells: [cell], direction, initial: [initial] });
  const [batch = null, time = null] = input.value.shape;
  const squeezed = (name: string, axis: number) =>
    builder.emit('Squeeze', [name, builder.integers('direction', [axis])]);
  const states = finals.map((name) => once(() => floatValue(squeezed(name, 0), [batch, cell.units])));
  return {
    sequence: () => floatValue(squeezed(all!, 1), [batch, time, cell.units], TIME_FIRST),
    last: states[0]!,
    states: () => states.map((state) => state()),
  };
}

/** Runs two cells that differ in nothing but their weights over the time, one each way, and merges their outputs. */
export function runBothWays(
  builder: GraphBuilder,
  input: RecurrentInput,
  cells: readonly [RecurrentCell, RecurrentCell],
  { merge, initial }: { merge: Merge; initial: readonly (readonly KerasValue[])[] },
): RecurrentOutput {
  const [all, ...finals] = emitRecurrence(builder, input, { cells, direction: 'bidirectional', initial });
  const [batch = null, time = null] = input.value.shape;
  const { units } = cells[0];
  /** `name` without its axis `axis` of two directions. */
  const merged = (name: string, axis: number, shape: readonly Dim[]): string => {
    if (merge !== 'concat') {
      return builder.emit(REDUCTIONS[merge], [name, builder.integers('direction', [axis])], { keepdims: int(0) });
    }
    const axes = identity(shape.length + 1);
    axes.splice(shape.length - 1, 0, ...axes.splice(axis, 1));
    return builder.reshape(builder.emit('Transpose', [name], { perm: ints(axes) }), shape);
  };
  const width = merge === 'concat' ? 2 * units : units;
  return {
    sequence: () => floatValue(merged(all!, 1, [time, batch, width]), [batch, time, width], TIME_FIRST),
    last: () => floatValue(merged(finals[0]!, 0, [batch, width]), [batch, width]),
    states: () =>
      [0, 1].flatMap((direction) =>
        finals.map((name) => {
          const index = builder.integers('direction', [direction]);
          const one = builder.emit('Gather', [name, index], { axis: int(0) });
          return floatValue(builder.emit('Squeeze', [one, builder.integers('direction', [0])]), [batch, units]);
        }),
      ),
  };
}

function floatValue(
  name: string,
  shape: readonly Dim[],
  order: readonly number[] = identity(shape.length),
): KerasValue {
  return { name, dtype: 'float32', shape, order };
}

/** `make`, called no more than once. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
