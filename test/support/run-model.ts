/**
 * Runs models in onnxruntime-node on seeded inputs, to compare what a model computes before and after a change.
 */
import { writeOnnx } from '../../formats/onnx/write.ts';
import { type Dim, emptyGraph, type Graph, type Model, modelOf, type Node } from '../../src/graph/graph.ts';
import { fromFloats, isFloat, toNumbers } from '../../src/graph/numbers.ts';
import { int64Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { openOnnx } from '../../src/onnxruntime.ts';
import { normal } from './random.ts';

/** A model of `nodes` by hand: float32 inputs by name with their shapes, and outputs whose types are left open. */
export function buildModel(
  opset: number,
  inputs: Readonly<Record<string, Dim[]>>,
  nodes: Node[],
  outputs: string[],
  initializers: Readonly<Record<string, Tensor>> = {},
): Model {
  const graph: Graph = emptyGraph('test');
  graph.inputs = Object.entries(inputs).map(([name, shape]) => ({
    name,
    type: { kind: 'tensor', dtype: 'float32', shape },
  }));
  graph.outputs = outputs.map((name) => ({ name }));
  graph.nodes = nodes.map(copyOfNode);
  graph.initializers = new Map(Object.entries(initializers));
  return modelOf(graph, opset, opset < 9 ? 3 : opset < 21 ? 8 : 10);
}

function copyOfNode(node: Node): Node {
  return { ...node, inputs: [...node.inputs], outputs: [...node.outputs], attributes: new Map(node.attributes) };
}

/** A model that shares tensors with `model` and can be changed without changing it. */
export function copyOf(model: Model): Model {
  const { graph } = model;
  return {
    ...model,
    opsets: new Map(model.opsets),
    graph: {
      ...graph,
      inputs: [...graph.inputs],
      initializers: new Map(graph.initializers),
      values: new Map(graph.values),
      nodes: graph.nodes.map(copyOfNode),
    },
  };
}

/** Normal random values for every input of `model` that has no initialiser; `size` chooses symbolic sizes. */
export function seededFeeds(
  model: Model,
  size: (axis: number) => number = (axis) => (axis === 0 ? 2 : 20),
): Map<string, Tensor> {
  const next = normal(7);
  const feeds = new Map<string, Tensor>();
  for (const { name, type } of model.graph.inputs) {
    if (model.graph.initializers.has(name)) continue;
    if (type?.kind !== 'tensor' || !type.shape) throw new Error(`input ${name} has no shape`);
    const shape = type.shape.map((dim, axis) => (typeof dim === 'number' ? dim : size(axis)));
    const count = shape.reduce((product, dim) => product * dim, 1);
    const values = Array.from({ length: count }, next);
    feeds.set(
      name,
      isFloat(type.dtype) ? fromFloats(type.dtype, shape, values) : int64Tensor(values.map(Math.trunc), shape),
    );
  }
  return feeds;
}

/** Outputs of one run in onnxruntime-node. */
export async function runModel(model: Model, feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
  const session = await openOnnx(writeOnnx(model), { engine: 'node' });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Largest absolute difference over the largest magnitude; infinite where shapes or types differ. */
export function relativeDifference(expected: Tensor, actual: Tensor): number {
  if (expected.dtype !== actual.dtype || `${expected.shape}` !== `${actual.shape}`) return Number.POSITIVE_INFINITY;
  if (expected.dtype === 'string' || actual.dtype === 'string') {
    return JSON.stringify(expected) === JSON.stringify(actual) ? 0 : Number.POSITIVE_INFINITY;
  }
  const [a, b] = [toNumbers(expected), toNumbers(actual)];
  let difference = 0;
  let magnitude = 0;
  for (const [index, value] of a.entries()) {
    if (Object.is(value, b[index])) continue;
    difference = Math.max(difference, Math.abs(value - b[index]!));
    magnitude = Math.max(magnitude, Math.abs(value));
  }
  return difference === 0 ? 0 : difference / Math.max(magnitude, Number.MIN_VALUE);
}

/** The largest `relativeDifference` of the outputs, which are matched by name. */
export function largestDifference(expected: ReadonlyMap<string, Tensor>, actual: ReadonlyMap<string, Tensor>): number {
  const each = [...expected].map(([name, tensor]) => {
    const other = actual.get(name);
    return other ? relativeDifference(tensor, other) : Number.POSITIVE_INFINITY;
  });
  return Math.max(0, ...each);
}
