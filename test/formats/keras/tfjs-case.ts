/**
 * Layers held against TensorFlow.js, which is an implementation of Keras that we did not write: a model is built there
 * with seeded weights, its configuration and weights are read as a Keras file's are, and both compute the same inputs.
 */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { expect } from 'vitest';
import { buildGraph } from '../../../formats/keras/build-graph.ts';
import type { KerasArray, KerasLayer, KerasModel, LayerCall } from '../../../formats/keras/keras-model.ts';
import type { Model } from '../../../src/graph/graph.ts';
import { toNumbers } from '../../../src/graph/numbers.ts';
import { float32Tensor, int64Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { normal, random } from '../../support/random.ts';
import { runModel } from '../../support/run-model.ts';

export { layers, tf };

// Keeps it from recommending its other packages.
tf.env().set('IS_TEST', true);

type Symbolic = layers.SymbolicTensor;
type Layer = InstanceType<typeof layers.layers.Layer>;

/** Calls a layer with one value, or with a list of them. */
export function apply(layer: Layer, inputs: Symbolic | Symbolic[]): Symbolic {
  return layer.apply(inputs) as Symbolic;
}

/** Layers that follow each other; the first takes all inputs of the model. */
export function chain(first: Layer, ...others: Layer[]): (inputs: Symbolic[]) => Symbolic {
  return (inputs) =>
    others.reduce((value, layer) => apply(layer, value), apply(first, inputs.length === 1 ? inputs[0]! : inputs));
}

export interface TfjsOptions {
  /** Shapes of the inputs without the batch. */
  readonly inputs: readonly (readonly number[])[];
  /** As `null` in the shape that the layers see, so that they have to do without: `[input, axis]` with the batch as axis 0. */
  readonly open?: readonly (readonly [input: number, axis: number])[];
  /** What fills the inputs: normal numbers, or whole numbers from 0 up to this. */
  readonly below?: number;
  readonly kerasVersion?: string;
  /** Settings by class name, on top of what TensorFlow.js writes into a configuration: it leaves some out. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly layout?: 'keras' | 'nchw';
  readonly seed?: number;
}

const BATCH = 2;
const TOLERANCE = 1e-4;

/**
 * Builds a model in TensorFlow.js, reads it, and expects both to compute the same. Returns what was read, for what a test
 * has to say of the graph itself.
 */
export async function expectSameAsTfjs(
  options: TfjsOptions,
  build: (inputs: Symbolic[]) => Symbolic | Symbolic[],
): Promise<Model> {
  const { inputs: shapes, open = [], below, seed = 1 } = options;
  const inputs = shapes.map((shape, index) => {
    const batchShape = [null, ...shape].map((size, axis) =>
      open.some(([input, openAxis]) => input === index && openAxis === axis) ? null : size,
    );
    return layers.input({ batchShape, ...(below !== undefined && { dtype: 'int32' as const }) });
  });
  const theirs = layers.model({ inputs, outputs: build(inputs) });
  seedWeights(theirs, seed);
  const ours = buildGraph(kerasModelOf(theirs, options), {
    layout: options.layout ?? 'keras',
  });

  const next = normal(seed);
  const uniform = random(seed);
  const values = shapes.map((shape) => {
    const count = BATCH * shape.reduce((product, size) => product * size, 1);
    return Float32Array.from({ length: count }, below === undefined ? next : () => Math.floor(uniform() * below));
  });
  const feeds = ours.graph.inputs.map(({ name, type }, index): [string, Tensor] => {
    const shape = [BATCH, ...shapes[index]!];
    const dtype = type?.kind === 'tensor' ? type.dtype : undefined;
    const tensor = tf.tensor(values[index]!, shape);
    const kept =
      options.layout === 'nchw' && shape.length > 3 ? tf.transpose(tensor, firstOrder(shape.length)) : tensor;
    const data = kept.dataSync() as Float32Array;
    if (dtype === 'int64') return [name, int64Tensor([...data], kept.shape)];
    if (dtype !== 'int32') return [name, float32Tensor(kept.shape, data)];
    return [name, { dtype, shape: kept.shape, data: new Uint8Array(Int32Array.from(data).buffer) }];
  });
  const results = [...(await runModel(ours, new Map(feeds))).values()];
  const predicted = theirs.predict(
    values.map((data, index) => tf.tensor(data, [BATCH, ...shapes[index]!], below === undefined ? 'float32' : 'int32')),
  );
  const expected = Array.isArray(predicted) ? predicted : [predicted];
  expect(results).toHaveLength(expected.length);
  expected.forEach((tensor, index) => {
    const rank = tensor.shape.length;
    const kept = options.layout === 'nchw' && rank > 3 ? tf.transpose(tensor, firstOrder(rank)) : tensor;
    expect(results[index]!.shape).toEqual(kept.shape);
    expectClose(toNumbers(results[index]!), kept.dataSync());
  });
  return ours;
}

const firstOrder = (rank: number) => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 1)];

/** Expects every number to be within 1e-4 of the largest magnitude. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let magnitude = 1;
  for (let at = 0; at < expected.length; at++) {
    const distance = Math.abs(actual[at]! - expected[at]!);
    difference = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(difference, distance);
    magnitude = Math.max(magnitude, Math.abs(expected[at]!));
  }
  expect(difference / magnitude).toBeLessThan(TOLERANCE);
}

/** Operators of the graph, in order. */
export function operatorsOf(model: Model): string[] {
  return model.graph.nodes.map(({ op }) => op);
}

/** Replaces all weights by seeded normal numbers; variances are positive. */
function seedWeights(model: layers.LayersModel, seed: number): void {
  const next = normal(seed + 1000);
  for (const layer of model.layers) {
    const seeded = layer.weights.map((weight) => {
      const shape = weight.shape.map((size) => size!);
      const count = shape.reduce((product, size) => product * size, 1);
      const values = Float32Array.from({ length: count }, () => next() / 2);
      if (weight.originalName.includes('variance'))
        values.forEach((value, at) => {
          values[at] = 0.2 + Math.abs(value);
        });
      return tf.tensor(values, shape);
    });
    // Weights are listed with the trainable ones first, and set in the order of `weights`.
    layer.setWeights(seeded);
  }
}

type InboundNode = readonly (readonly [layer: string, call: number, tensor: number, kwargs?: unknown])[];

interface SerializedLayer {
  readonly class_name: string;
  readonly name: string;
  readonly config: Record<string, unknown>;
  readonly inbound_nodes: readonly InboundNode[];
}

/** The model as a reader of its file would describe it. */
function kerasModelOf(model: layers.LayersModel, { kerasVersion = '2.15.0', settings = {} }: TfjsOptions): KerasModel {
  const { config } = model.toJSON(null, false) as unknown as {
    config: {
      layers: SerializedLayer[];
      input_layers: readonly [string, number, number][];
      output_layers: readonly [string, number, number][];
    };
  };
  const reference = ([layer, call, tensor]: readonly [string, number, number, unknown?]) => ({ layer, call, tensor });
  const read = config.layers.map((layer): KerasLayer => {
    const calls = layer.inbound_nodes.map((node): LayerCall => {
      const items = node.map((each) => ({ kind: 'tensor' as const, tensor: reference(each) }));
      return { args: items.length === 1 ? items : [{ kind: 'list', items }], kwargs: {} };
    });
    const weights = model
      .getLayer(layer.name)
      .getWeights()
      .map((weight): KerasArray => ({ shape: weight.shape, values: weight.dataSync() as Float32Array }));
    return {
      className: layer.class_name,
      name: layer.name,
      path: `model/${layer.name}`,
      config: { ...layer.config, ...settings[layer.class_name] },
      weights,
      calls,
    };
  });
  return {
    kerasVersion,
    topology: {
      name: 'model',
      layers: read,
      inputs: config.input_layers.map(reference),
      outputs: config.output_layers.map(reference),
    },
  };
}
