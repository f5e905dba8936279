/**
 * One layer of Keras as a model, with weights and inputs of the test's own: for layers and settings that TensorFlow.js does
 * not have, whose definition the test then writes down.
 */
import { buildGraph } from '../../../formats/keras/build-graph.ts';
import type { CallArgument, KerasArray, KerasLayer, KerasModel } from '../../../formats/keras/keras-model.ts';
import type { Model } from '../../../src/graph/graph.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { normal } from '../../support/random.ts';
import { runModel } from '../../support/run-model.ts';
import { tf } from './tfjs-case.ts';

export interface LayerCase {
  readonly className: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly weights?: readonly tf.Tensor[];
  /** Shapes of the inputs, the batch first; what is open is `null`. */
  readonly inputs: readonly (readonly (number | null)[])[];
  /** Which inputs go by names instead of places; a list of them is one argument. */
  readonly named?: Readonly<Record<string, number | readonly number[]>>;
  /** Constants behind the inputs. */
  readonly positional?: readonly unknown[];
  /** Further keyword arguments. */
  readonly constants?: Readonly<Record<string, unknown>>;
  /** How many outputs the layer has. */
  readonly outputs?: number;
  readonly dtypes?: readonly string[];
  readonly kerasVersion?: string;
}

/** The array of a tensor. */
export const arrayOf = (tensor: tf.Tensor): KerasArray => ({
  shape: tensor.shape,
  values: Float32Array.from(tensor.dataSync()),
});

/** A seeded tensor of normal numbers, times `scale`. */
export function randomTensor(shape: number[], seed: number, scale = 0.5): tf.Tensor {
  const next = normal(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  return tf.tensor(
    Float32Array.from({ length: count }, () => next() * scale),
    shape,
  );
}

/** The model of the one layer. */
export function layerModel(given: LayerCase): KerasModel {
  const { className, config = {}, weights = [], named = {}, constants = {}, outputs = 1, dtypes = [] } = given;
  const inputs = given.inputs.map((shape, index): KerasLayer => {
    const name = `input_${index}`;
    const settings = { batch_input_shape: shape, dtype: dtypes[index] ?? 'float32' };
    return { className: 'InputLayer', name, path: `model/${name}`, config: settings, weights: [], calls: [] };
  });
  const argument = (index: number): CallArgument => ({
    kind: 'tensor',
    tensor: { layer: `input_${index}`, call: 0, tensor: 0 },
  });
  const byName = new Set(Object.values(named).flat());
  const args = [
    ...inputs.flatMap((_, index) => (byName.has(index) ? [] : [argument(index)])),
    ...(given.positional ?? []).map((value): CallArgument => ({ kind: 'constant', value })),
  ];
  const kwargs = Object.fromEntries([
    ...Object.entries(named).map(([name, place]): [string, CallArgument] => [
      name,
      typeof place === 'number' ? argument(place) : { kind: 'list', items: place.map(argument) },
    ]),
    ...Object.entries(constants).map(([name, value]): [string, CallArgument] => [name, { kind: 'constant', value }]),
  ]);
  const layer: KerasLayer = {
    className,
    name: 'layer',
    path: 'model/layer',
    config,
    weights: weights.map(arrayOf),
    calls: [{ args, kwargs }],
  };
  return {
    kerasVersion: given.kerasVersion ?? '2.15.0',
    topology: {
      name: 'model',
      layers: [...inputs, layer],
      inputs: inputs.map(({ name }) => ({ layer: name, call: 0, tensor: 0 })),
      outputs: Array.from({ length: outputs }, (_, tensor) => ({ layer: 'layer', call: 0, tensor })),
    },
  };
}

/** Runs the one layer in onnxruntime. */
export async function runLayer(
  given: LayerCase,
  feeds: readonly Tensor[],
): Promise<{ model: Model; results: Tensor[] }> {
  const model = buildGraph(layerModel(given));
  const results = await runModel(model, new Map(feeds.map((tensor, index) => [`input_${index}`, tensor])));
  return { model, results: [...results.values()] };
}
