/**
 * Evaluates what depends on constants alone and puts the results in the graph, with onnxruntime or whatever else is
 * given, so that no operator has to be written a second time here.
 */
import { byteLength, type DType } from '../dtype.ts';
import { emptyGraph, type Graph, type Model, type Node } from '../graph.ts';
import { opSpec } from '../op-table.ts';
import { inferShapes, type TensorType } from '../shape-inference.ts';
import { elementCount, type Tensor } from '../tensor.ts';
import { consumersOf, isStandard, outputNames, producersOf } from '../uses.ts';

/** Runs a model that has no inputs and returns these of its values, by name. All of them are outputs of its graph. */
export type Evaluate = (model: Model, outputs: string[]) => Promise<Map<string, Tensor>>;

/** A constant value that stays computed, and why. */
export interface Unfolded {
  readonly name: string;
  readonly why: string;
}

export interface Folding {
  /** Number of nodes removed. */
  readonly folded: number;
  readonly unfolded: readonly Unfolded[];
}

/** A result larger than this, in bytes, must not be more than `MOST_GROWTH` times what it is made from. */
const FREE_SIZE = 2 ** 20;
const MOST_GROWTH = 4;

/** Operators whose result is not a function of their inputs, or that are better kept: weights stored as integers. */
const NEVER = new Set([
  'Bernoulli',
  'DequantizeLinear',
  'Dropout',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
]);

/** Operators whose result can be larger than their inputs by any factor: not evaluated while its size is not known. */
const GROWING = new Set([
  ...['AffineGrid', 'BlackmanWindow', 'CenterCropPad', 'Col2Im', 'ConstantOfShape', 'Expand', 'HammingWindow'],
  ...['HannWindow', 'ImageDecoder', 'MaxUnpool', 'MelWeightMatrix', 'OneHot', 'Pad', 'Range', 'Resize', 'RoiAlign'],
  ...['MaxRoiPool', 'STFT', 'Tile'],
]);

/**
 * Types that come back from onnxruntime's JavaScript interface. It has none for the others, and reading a 4-bit
 * result even ends the process (onnxruntime-node 1.30).
 */
const EVALUABLE: ReadonlySet<DType> = new Set<DType>([
  ...(['float32', 'float64', 'float16', 'int8', 'int16', 'int32', 'int64'] as const),
  ...(['uint8', 'uint16', 'uint32', 'uint64', 'bool', 'string'] as const),
]);

/** Bytes of a value of this type; `undefined` where they are not known. */
function sizeOf(type: TensorType | undefined): number | undefined {
  if (!type?.shape?.every((dim) => typeof dim === 'number')) return undefined;
  const count = type.shape.reduce((product, dim) => product * dim, 1);
  return byteLength(type.dtype, count);
}

/** The nodes that constants alone determine and that do not blow them up. */
function constantNodes(model: Model): Set<Node> {
  const { graph } = model;
  const types = inferShapes(model);
  const outputs = outputNames(graph);
  /** Bytes of the initialisers that each constant value is made from. */
  const madeFrom = new Map<string, number>();
  for (const [name, { dtype, shape }] of graph.initializers) madeFrom.set(name, byteLength(dtype, elementCount(shape)));
  const found = new Set<Node>();
  for (const node of graph.nodes) {
    const inputs = node.inputs.filter((name) => name !== '');
    if (!isStandard(node, node.op) || !opSpec(node.op) || NEVER.has(node.op) || inputs.length === 0) continue;
    if (!inputs.every((name) => madeFrom.has(name)) || node.outputs.some((name) => outputs.has(name))) continue;
    const source = inputs.reduce((sum, name) => sum + madeFrom.get(name)!, 0);
    const isEvaluable = node.outputs.every((name) => {
      const type = types.get(name);
      return name === '' || (type !== undefined && EVALUABLE.has(type.dtype));
    });
    const isSmall = node.outputs.every((name) => {
      const size = name === '' ? 0 : sizeOf(types.get(name));
      return size === undefined ? !GROWING.has(node.op) : size <= Math.max(FREE_SIZE, MOST_GROWTH * source);
    });
    if (!isEvaluable || !isSmall) continue;
    for (const name of node.outputs) madeFrom.set(name, source);
    found.add(node);
  }
  return found;
}

/** A model of nothing but what `names` need. */
function modelOfConstants(model: Model, names: readonly string[], types: ReadonlyMap<string, TensorType>): Model {
  const producers = producersOf(model.graph);
  const needed = new Set<Node>();
  const graph: Graph = emptyGraph('constants');
  const pending = [...names];
  while (pending.length > 0) {
    const name = pending.pop()!;
    const constant = model.graph.initializers.get(name);
    if (constant) graph.initializers.set(name, constant);
    const node = constant ? undefined : producers.get(name);
    if (!node || needed.has(node)) continue;
    needed.add(node);
    pending.push(...node.inputs.filter((input) => input !== ''));
  }
  graph.nodes = model.graph.nodes.filter((node) => needed.has(node));
  graph.outputs = names.map((name) => {
    const type = types.get(name);
    return type ? { name, type: { kind: 'tensor', dtype: type.dtype } } : { name };
  });
  return { ...model, functions: [], graph };
}

/** Evaluates `names` together or, where that fails, one by one. */
async function evaluateEach(
  names: readonly string[],
  run: (names: string[]) => Promise<Map<string, Tensor>>,
): Promise<{ values: Map<string, Tensor>; unfolded: Unfolded[] }> {
  try {
    return { values: await run([...names]), unfolded: [] };
  } catch (error) {
    if (names.length === 1) {
      const why = error instanceof Error ? error.message : String(error);
      return { values: new Map(), unfolded: [{ name: names[0]!, why }] };
    }
  }
  const values = new Map<string, Tensor>();
  const unfolded: Unfolded[] = [];
  for (const name of names) {
    const one = await evaluateEach([name], run);
    for (const [key, value] of one.values) values.set(key, value);
    unfolded.push(...one.unfolded);
  }
  return { values, unfolded };
}

/**
 * Evaluates the constant parts of the main graph and makes their results initialisers. Left alone are random operators,
 * results larger than a megabyte and than four times what they are made from, DequantizeLinear (a weight is best stored as its
 * integers), outputs of the graph, and what `evaluate` cannot run, which is reported.
 */
export async function foldConstants(model: Model, evaluate: Evaluate): Promise<Folding> {
  const { graph } = model;
  const constant = constantNodes(model);
  const consumers = consumersOf(graph);
  const wanted = [...constant].flatMap((node) =>
    node.outputs.filter((name) => consumers.get(name)?.some((consumer) => !constant.has(consumer))),
  );
  if (wanted.length === 0) return { folded: 0, unfolded: [] };
  const types = inferShapes(model);
  const { values, unfolded } = await evaluateEach(wanted, (names) =>
    evaluate(modelOfConstants(model, names, types), names),
  );
  const before = graph.nodes.length;
  for (const name of wanted) {
    const value = values.get(name);
    if (value) graph.initializers.set(name, value);
  }
  const stillNeeded = new Set(unfolded.flatMap(({ name }) => modelOfConstants(model, [name], types).graph.nodes));
  graph.nodes = graph.nodes.filter((node) => !constant.has(node) || stillNeeded.has(node));
  // A node that stays must not make what is an initialiser now.
  for (const node of stillNeeded) node.outputs = node.outputs.map((name) => (values.has(name) ? '' : name));
  return { folded: before - graph.nodes.length, unfolded };
}
