/**
 * Bidirectional (keras/src/layers/rnn/bidirectional.py). Two layers that differ in nothing but their weights make one
 * ONNX operator, which gives the steps of both directions in the order of time, as Keras has them once it has turned the
 * outputs of the layer that goes backwards.
 */
import { type GraphBuilder, int, type KerasValue } from '../graph-builder.ts';
import type { KerasLayer } from '../keras-model.ts';
import { choiceSetting, setting } from '../layer-config.ts';
import { type AppliedLayer, knownSize, layerError, type Rule } from '../layer-rule.ts';
import { wrappedLayer } from '../wrapped-layer.ts';
import { type Merge, type RecurrentOutput, recurrentInput, runBothWays } from './recurrence.ts';
import {
  checkedStates,
  type RecurrentCall,
  type RecurrentLayer,
  recurrentCall,
  recurrentLayer,
  reversedInTime,
  runLayer,
} from './recurrent.ts';
import { unpacked } from './recurrent-mask.ts';

const MERGES: readonly Merge[] = ['concat', 'sum', 'ave', 'mul'];
const OPERATORS = { sum: 'Sum', ave: 'Mean', mul: 'Mul' } as const;

/** The layers of both directions, of which the second goes the other way. */
function bothLayers(applied: AppliedLayer, features: number): [RecurrentLayer, RecurrentLayer] {
  const { layer, kerasMajor } = applied;
  const half = layer.weights.length / 2;
  const forward = wrappedLayer(layer, 'layer', setting(layer, 'layer'), layer.weights.slice(0, half));
  const own = setting(layer, 'backward_layer');
  const rest = layer.weights.slice(half);
  const backward: KerasLayer = own
    ? wrappedLayer(layer, 'backward_layer', own, rest)
    : { ...forward, weights: rest, config: { ...forward.config, go_backwards: forward.config.go_backwards !== true } };
  const read = [forward, backward].map((each) => recurrentLayer(each, kerasMajor, features));
  const [first, second] = read as [RecurrentLayer, RecurrentLayer];
  const isAlike =
    first.returnsSequences === second.returnsSequences &&
    first.returnsState === second.returnsState &&
    first.goesBackwards !== second.goesBackwards;
  if (isAlike) return [first, second];
  throw layerError(layer, 'has two layers that do not return the same, or go the same way');
}

/** Whether one operator can do both layers. */
function isOneOperator([forward, backward]: readonly [RecurrentLayer, RecurrentLayer]): boolean {
  const [a, b] = [forward.cells[0]!, backward.cells[0]!];
  return (
    forward.cells.length === 1 &&
    backward.cells.length === 1 &&
    backward.goesBackwards &&
    a.op === b.op &&
    a.units === b.units &&
    a.resetAfter === b.resetAfter &&
    (a.bias === undefined) === (b.bias === undefined)
  );
}

/** The outputs of both layers as one value. */
function merged(builder: GraphBuilder, merge: Merge, values: readonly [KerasValue, KerasValue]): KerasValue {
  const { order, shape } = values[0];
  const names = [values[0].name, builder.ordered(values[1], order).name];
  if (merge !== 'concat') return { ...values[0], name: builder.emit(OPERATORS[merge], names) };
  const [a, b] = values.map((value) => value.shape.at(-1)) as [number, number];
  const name = builder.emit('Concat', names, { axis: int(order.indexOf(shape.length - 1)) });
  return { ...values[0], name, shape: [...shape.slice(0, -1), a + b] };
}

/** Both layers with an operator each, for what one operator cannot do. Returns the outputs, then the states. */
function separately(
  builder: GraphBuilder,
  { input, mask }: RecurrentCall,
  layers: readonly [RecurrentLayer, RecurrentLayer],
  states: readonly (readonly KerasValue[])[],
  merge: Merge | undefined,
): KerasValue[] {
  const given = recurrentInput(builder, input, mask);
  const runs = layers.map((layer, index) => runLayer(builder, given, layer, states[index]!));
  const [{ returnsSequences, returnsState, goesBackwards }] = layers;
  const outputs = runs.map((run, index) => {
    if (!returnsSequences) return run.last();
    const sequence = sequenceOf(builder, run, given.packing, layers[index]!.goesBackwards);
    return goesBackwards ? reversedInTime(builder, sequence) : sequence;
  }) as [KerasValue, KerasValue];
  const last = returnsState ? runs.flatMap((run) => run.states()) : [];
  return [...(merge ? [merged(builder, merge, outputs)] : outputs), ...last];
}

/** All steps of a run in the order of time; masked ones are zeros. */
function sequenceOf(
  builder: GraphBuilder,
  run: RecurrentOutput,
  packing: Parameters<typeof unpacked>[2] | undefined,
  backwards: boolean,
): KerasValue {
  const sequence = run.sequence();
  return packing ? unpacked(builder, sequence, packing, { backwards, zeros: true }) : sequence;
}

/** `Bidirectional` around a recurrent layer. */
export const bidirectional: Rule = (applied) => {
  const { layer, builder } = applied;
  const call = recurrentCall(applied);
  const merge = setting(layer, 'merge_mode') ? choiceSetting(layer, 'merge_mode', MERGES, 'concat') : undefined;
  const layers = bothLayers(applied, knownSize(layer, call.input, -1));
  const half = call.initial.length / 2;
  if (!Number.isInteger(half)) throw layerError(layer, `starts with ${call.initial.length} states, expected pairs`);
  const states = [call.initial.slice(0, half), call.initial.slice(half)];
  const withMask = (values: KerasValue[]): KerasValue[] =>
    values.map((value) =>
      call.mask !== undefined && value.shape.length === 3 ? { ...value, mask: call.mask } : value,
    );
  if (!merge || !isOneOperator(layers)) return withMask(separately(builder, call, layers, states, merge));

  const given = recurrentInput(builder, call.input, call.mask);
  const cells = [layers[0].cells[0]!, layers[1].cells[0]!] as const;
  const run = runBothWays(builder, given, cells, {
    merge,
    initial: states.map((each, index) => checkedStates(layer, layers[index]!.cells, each)),
  });
  const output = layers[0].returnsSequences ? sequenceOf(builder, run, given.packing, true) : run.last();
  return withMask([output, ...(layers[0].returnsState ? run.states() : [])]);
};
