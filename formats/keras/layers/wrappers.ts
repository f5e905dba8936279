/**
 * TimeDistributed (keras/src/layers/rnn/time_distributed.py): a layer applied to every step. The steps become samples of
 * one larger batch, and come back; a layer that looks at the last axis alone needs not even that.
 */
import type { Dim } from '../../../src/graph/graph.ts';
import { type GraphBuilder, int, type KerasValue } from '../graph-builder.ts';
import type { KerasLayer } from '../keras-model.ts';
import { setting } from '../layer-config.ts';
import { inputsOf, knownSize, type LayerRows, layerError, type Rule, unsupportedLayer } from '../layer-rule.ts';
import { wrappedLayer } from '../wrapped-layer.ts';
import { bidirectional } from './bidirectional.ts';

/** Layers that do to each step what they do to any value. */
const POINTWISE: ReadonlySet<string> = new Set([
  'Activation',
  'ActivityRegularization',
  'AlphaDropout',
  'Dense',
  'Dropout',
  'ELU',
  'GaussianDropout',
  'GaussianNoise',
  'LeakyReLU',
  'ReLU',
  'ThresholdedReLU',
]);

/** A value with its steps among the samples, and how to undo that. */
interface Folded {
  readonly value: KerasValue;
  /** The first two axes of the tensor in the graph: batch and time, or the other way. */
  readonly leading: readonly number[];
  readonly sizes: readonly [batch: Dim, time: Dim];
  /** The tensor that was folded. */
  readonly source: string;
}

function folded(builder: GraphBuilder, layer: KerasLayer, given: KerasValue): Folded {
  const value = given.order[0]! < 2 && given.order[1]! < 2 ? given : builder.plain(given);
  const { shape, order } = value;
  const [batch = null, time = null] = shape;
  const samples = typeof batch === 'number' && typeof time === 'number' ? batch * time : null;
  const inner = order.slice(2);
  const sizes = inner.map((axis) => knownSize(layer, value, axis));
  const name = builder.reshape(value.name, [samples, ...sizes]);
  return {
    value: {
      name,
      dtype: value.dtype,
      shape: [samples, ...shape.slice(2)],
      order: [0, ...inner.map((axis) => axis - 1)],
    },
    leading: order.slice(0, 2),
    sizes: [batch, time],
    source: value.name,
  };
}

/** The output (samples, …) of a layer with its steps behind the batch again. */
function unfolded(builder: GraphBuilder, layer: KerasLayer, output: KerasValue, { leading, sizes, source }: Folded) {
  const value = output.flat || output.order[0] !== 0 ? builder.plain(output) : output;
  const { shape, order } = value;
  const inner = order.slice(1);
  const known = inner.map((axis) => knownSize(layer, value, axis));
  const first = leading.map((axis) => sizes[axis]!);
  const isKnown = first.some((size) => typeof size === 'number');
  const name = isKnown
    ? builder.reshape(value.name, [...first, ...known])
    : builder.emit('Reshape', [value.name, leadingShape(builder, source, known)]);
  return {
    name,
    dtype: value.dtype,
    shape: [...sizes, ...shape.slice(1)],
    order: [...leading, ...inner.map((axis) => axis + 1)],
  };
}

/** The first two sizes of `source`, which only a run knows, and these behind them. */
function leadingShape(builder: GraphBuilder, source: string, rest: readonly number[]): string {
  const first = builder.emit('Shape', [source], { start: int(0), end: int(2) });
  return rest.length === 0 ? first : builder.emit('Concat', [first, builder.integers('sizes', rest)], { axis: int(0) });
}

const timeDistributed: Rule = (applied) => {
  const { layer, builder, args } = applied;
  const wrapped = wrappedLayer(layer, 'layer', setting(layer, 'layer'), layer.weights);
  const inner = layer.inner ? { ...wrapped, inner: layer.inner } : wrapped;
  const inputs = inputsOf(applied, 1);
  // Several are folded alike.
  const values = inputs.length > 1 ? inputs.map((value) => builder.plain(value)) : inputs;
  const short = values.find(({ shape }) => shape.length < 3);
  if (short) throw layerError(layer, `is given a value with ${short.shape.length} axes, expected 3 or more`);
  if (POINTWISE.has(inner.className)) return applied.apply(inner, args);
  const samples = values.map((value) => folded(builder, layer, value));
  const outputs = applied.apply(
    inner,
    samples.map(({ value }) => ({ kind: 'value', value })),
  );
  // Keras would hand on a mask of steps within steps.
  if (outputs.some(({ mask }) => mask !== undefined))
    throw unsupportedLayer(inner, 'a mask of anything but a sequence');
  return outputs.map((output) => unfolded(builder, layer, output, samples[0]!));
};

export const WRAPPER_LAYERS: LayerRows = {
  Bidirectional: { rule: bidirectional, note: 'around recurrent layers' },
  TimeDistributed: { rule: timeDistributed, passesMask: true },
};
