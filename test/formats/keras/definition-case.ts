/**
 * One layer held against its definition, which the test writes with TensorFlow's own operations: for layers and settings
 * that TensorFlow.js does not have as layers.
 */
import { expect } from 'vitest';
import type { Model } from '../../../src/graph/graph.ts';
import { toNumbers } from '../../../src/graph/numbers.ts';
import { float32Tensor } from '../../../src/graph/tensor.ts';
import { type LayerCase, randomTensor, runLayer } from './layer-case.ts';
import { expectClose, type tf } from './tfjs-case.ts';

/** The batch of inputs that leave it open. */
const BATCH = 2;

/** Runs the layer on seeded normal numbers and expects what `definition` makes of them. Returns the graph. */
export async function expectDefinition(
  given: LayerCase,
  definition: (inputs: tf.Tensor[]) => tf.Tensor,
): Promise<Model> {
  const inputs = given.inputs.map((shape, index) => {
    const sizes = shape.map((size) => size ?? BATCH);
    return randomTensor(sizes, index + 1, 2);
  });
  const feeds = inputs.map((tensor) => float32Tensor(tensor.shape, Float32Array.from(tensor.dataSync())));
  const { model, results } = await runLayer(given, feeds);
  const expected = definition(inputs);
  expect(results).toHaveLength(1);
  expect(results[0]!.shape).toEqual(expected.shape);
  expectClose(toNumbers(results[0]!), expected.dataSync());
  return model;
}
