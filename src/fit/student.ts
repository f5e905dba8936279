/**
 * The student: a model whose trained weights are rebuilt inside the graph from their cores, which are inputs of the graph.
 *
 * What a layer can do in frequency space it does there: a convolution projects its input onto few input frequencies, convolves
 * between frequencies, and expands to its channels (the chains of src/codec/factor.ts, with the core left open), whichever of
 * the three takes fewer multiplications. The axes that remain are rebuilt by matrix products with cosines.
 */
import { cosineMatrix } from '../codec/cosines.ts';
import { intAttribute, intsAttribute, type Model, type Node, node as newNode } from '../graph/graph.ts';
import { elementCount, float32Tensor, int64Tensor } from '../graph/tensor.ts';
import { isStandard, nameMaker, usedNames } from '../graph/uses.ts';
import type { Parameter } from './parameter.ts';

export interface Student {
  readonly model: Model;
  /** The input of the graph that takes the core of each parameter, shape `box`. */
  readonly cores: readonly string[];
}

/**
 * The student of `model`, which is left as it is.
 *
 * @param shapes the shapes that the graph's inputs will have, by name: a training graph is of one batch size
 * @param layers whether layers are rewritten; otherwise every weight is rebuilt under its own name
 */
export function buildStudent(
  { graph, ...rest }: Model,
  parameters: readonly Parameter[],
  shapes: ReadonlyMap<string, readonly number[]>,
  { layers = true } = {},
): Student {
  const model = withInputShapes({ graph, ...rest }, shapes);
  model.graph.initializers = new Map(graph.initializers);
  const newName = nameMaker(graph);
  const emit = emitterFor(model, newName);
  const cores = parameters.map((parameter) => {
    const core = newName(`${parameter.name}/core`);
    model.graph.initializers.delete(parameter.name);
    model.graph.inputs.push({
      name: core,
      type: { kind: 'tensor', dtype: 'float32', shape: [...parameter.box] },
    });
    return core;
  });

  const rebuilds: Node[] = [];
  const uses = new Map<string, number>();
  for (const name of graph.nodes.flatMap(usedNames)) uses.set(name, (uses.get(name) ?? 0) + 1);
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const coreOf = new Map(parameters.map(({ name }, at) => [name, cores[at]!]));
  const inside = new Set<string>();
  model.graph.nodes = graph.nodes.flatMap((node) => {
    const parameter = byName.get(node.inputs[1] ?? '');
    if (!layers || !parameter || uses.get(parameter.name) !== 1) return [node];
    const layer = isStandard(node, 'Conv', 'ConvTranspose')
      ? convolution(node, parameter)
      : isStandard(node, 'Gemm', 'MatMul')
        ? product(node, parameter)
        : undefined;
    if (!layer) return [node];
    inside.add(parameter.name);
    const weight = rebuild(emit, rebuilds, parameter, coreOf.get(parameter.name)!, layer.open);
    return layer.nodes(emit, weight);
  });
  for (const parameter of parameters) {
    if (inside.has(parameter.name)) continue;
    const { name, shape } = parameter;
    const dense = rebuild(emit, rebuilds, parameter, coreOf.get(name)!, []);
    rebuilds.push(newNode('Reshape', [dense, emit.shape(shape)], [name]));
  }
  model.graph.nodes.unshift(...rebuilds);
  return { model, cores };
}

/**
 * The model for inputs of these shapes, by name, which may contradict those that it declares: whether its nodes can do with
 * others shows when it runs. It shares its nodes and initialisers with `model`.
 */
export function withInputShapes({ graph, ...rest }: Model, shapes: ReadonlyMap<string, readonly number[]>): Model {
  return {
    ...rest,
    graph: {
      ...graph,
      inputs: graph.inputs.map((input) => withShape(input, shapes.get(input.name))),
      outputs: graph.outputs.map(({ name }) => ({ name })),
      values: new Map(),
    },
  };
}

function withShape(input: Model['graph']['inputs'][number], shape: readonly number[] | undefined) {
  if (!shape || input.type?.kind !== 'tensor') return input;
  return { ...input, type: { kind: 'tensor' as const, dtype: input.type.dtype, shape: [...shape] } };
}

/** Adds constants to the graph and makes names for values. */
interface Emitter {
  name(stem: string): string;
  constant(stem: string, shape: readonly number[], values: Float32Array | Float64Array): string;
  shape(dims: readonly number[]): string;
}

function emitterFor({ graph }: Model, name: (stem: string) => string): Emitter {
  const add = (stem: string, tensor: ReturnType<typeof float32Tensor>) => {
    const own = name(stem);
    graph.initializers.set(own, tensor);
    return own;
  };
  return {
    name,
    constant: (stem, shape, values) => add(stem, float32Tensor(shape, Float32Array.from(values))),
    shape: (dims) => add('shape', int64Tensor(dims)),
  };
}

/** Cosines of neighbouring axes are taken together, as one Kronecker product, up to so many rows or columns. */
const LARGEST_PRODUCT = 64;

/**
 * Nodes that rebuild all frequency axes but those of `open`; returns the name of the value, whose shape is that of the core with
 * the rebuilt axes at full length.
 */
function rebuild(
  emit: Emitter,
  nodes: Node[],
  { name, box, folded, axes }: Parameter,
  core: string,
  open: readonly number[],
): string {
  const shape = [...box];
  const closed = axes.filter((axis) => !open.includes(axis));
  // From the last axis on, so that the long ones in front stay short while the others are rebuilt.
  let value = core;
  while (closed.length > 0) {
    const last = closed.pop()!;
    let first = last;
    let matrix = cosineMatrix(shape[last]!, folded[last]!);
    let [rows, columns] = [shape[last]!, folded[last]!];
    while (closed.at(-1) === first - 1 && columns * folded[first - 1]! <= LARGEST_PRODUCT) {
      first = closed.pop()!;
      matrix = kronecker(cosineMatrix(shape[first]!, folded[first]!), shape[first]!, matrix, rows);
      rows *= shape[first]!;
      columns *= folded[first]!;
    }
    const before = elementCount(shape.slice(0, first));
    const after = elementCount(shape.slice(last + 1));
    const flat = emit.name(`${name}/flat`);
    const product = emit.name(`${name}/product`);
    const isTail = after === 1;
    const cosines = isTail
      ? emit.constant(`${name}/cosines`, [rows, columns], matrix)
      : emit.constant(`${name}/cosines`, [columns, rows], transposed(matrix, rows));
    nodes.push(
      newNode('Reshape', [value, emit.shape(isTail ? [before, rows] : [before, rows, after])], [flat]),
      newNode('MatMul', isTail ? [flat, cosines] : [cosines, flat], [product]),
    );
    for (let axis = first; axis <= last; axis++) shape[axis] = folded[axis]!;
    value = product;
  }
  const result = emit.name(`${name}/rebuilt`);
  nodes.push(newNode('Reshape', [value, emit.shape(shape)], [result]));
  return result;
}

/** A layer in frequency space: which axes of its weight are left open, and its nodes, given the weight. */
interface Layer {
  readonly open: readonly number[];
  nodes(emit: Emitter, weight: string): Node[];
}

/** Weight of Conv: (out, in, …window); of ConvTranspose: (in, out, …window). */
function convolution(node: Node, { name, folded, box, axes }: Parameter): Layer | undefined {
  if (intAttribute(node, 'group', 1) !== 1 || folded.length < 3) return undefined;
  const [outAxis, inAxis] = node.op === 'Conv' ? [0, 1] : [1, 0];
  const strideArea = elementCount(intsAttribute(node, 'strides') ?? []);
  // Multiplications for each position of the output.
  const inputs = node.op === 'Conv' ? strideArea : 1 / strideArea;
  const window = elementCount(folded.slice(2)) / (node.op === 'Conv' ? 1 : strideArea);
  const candidates = [[], [inAxis], [outAxis], [inAxis, outAxis]].filter((open) =>
    open.every((axis) => axes.includes(axis)),
  );
  const width = (axis: number, open: readonly number[]) => (open.includes(axis) ? box[axis]! : folded[axis]!);
  const cost = (open: readonly number[]) =>
    (open.includes(inAxis) ? box[inAxis]! * folded[inAxis]! * inputs : 0) +
    width(inAxis, open) * width(outAxis, open) * window +
    (open.includes(outAxis) ? box[outAxis]! * folded[outAxis]! : 0);
  const open = candidates.reduce((best, candidate) => (cost(candidate) < cost(best) ? candidate : best));
  const points = folded.slice(2).map(() => 1);
  return {
    open,
    nodes: (emit, weight) => {
      const nodes: Node[] = [];
      const bias = node.inputs[2] ? [node.inputs[2]] : [];
      let value = node.inputs[0]!;
      if (open.includes(inAxis)) {
        const [rows, channels] = [box[inAxis]!, folded[inAxis]!];
        const cosines = emit.constant(`${name}/in`, [rows, channels, ...points], cosineMatrix(rows, channels));
        const projected = emit.name(`${name}/projected`);
        nodes.push(newNode('Conv', [value, cosines], [projected]));
        value = projected;
      }
      const isLast = !open.includes(outAxis);
      const between = isLast ? node.outputs[0]! : emit.name(`${name}/frequencies`);
      nodes.push({ ...node, inputs: [value, weight, ...(isLast ? bias : [])], outputs: [between] });
      if (!isLast) {
        const [rows, channels] = [box[outAxis]!, folded[outAxis]!];
        const matrix = transposed(cosineMatrix(rows, channels), rows);
        const cosines = emit.constant(`${name}/out`, [channels, rows, ...points], matrix);
        nodes.push(newNode('Conv', [between, cosines, ...bias], [node.outputs[0]!]));
      }
      return nodes;
    },
  };
}

/** Weight of MatMul: (…in, out); of Gemm also (out, …in). The input axes are rebuilt: that is done once a batch. */
function product(node: Node, { name, shape, folded, box, axes }: Parameter): Layer | undefined {
  if (shape.length !== 2 || intAttribute(node, 'transA', 0) !== 0) return undefined;
  if (node.attributes.has('alpha') || node.attributes.has('beta')) return undefined;
  const outFirst = node.op === 'Gemm' && intAttribute(node, 'transB', 0) !== 0;
  const outAxis = outFirst ? 0 : folded.length - 1;
  const units = folded[outAxis]!;
  const features = elementCount(shape) / units;
  const rows = box[outAxis]!;
  const isOpen = axes.includes(outAxis) && rows * (features + units) < features * units;
  const width = isOpen ? rows : units;
  return {
    open: isOpen ? [outAxis] : [],
    nodes: (emit, weight) => {
      const matrix = emit.name(`${name}/matrix`);
      const nodes = [
        newNode('Reshape', [weight, emit.shape(outFirst ? [width, features] : [features, width])], [matrix]),
      ];
      if (!isOpen) return [...nodes, { ...node, inputs: [node.inputs[0]!, matrix, ...node.inputs.slice(2)] }];
      const between = emit.name(`${name}/frequencies`);
      const cosines = emit.constant(`${name}/out`, [rows, units], cosineMatrix(rows, units));
      nodes.push({ ...node, inputs: [node.inputs[0]!, matrix], outputs: [between] });
      const bias = node.inputs[2] ? [node.inputs[2]] : [];
      nodes.push(newNode(node.op, [between, cosines, ...bias], [node.outputs[0]!]));
      return nodes;
    },
  };
}

/** The Kronecker product of `a`, of `rowsA` rows, and `b`, of `rowsB`. */
function kronecker(a: Float64Array, rowsA: number, b: Float64Array, rowsB: number): Float64Array {
  const [columnsA, columnsB] = [a.length / rowsA, b.length / rowsB];
  const result = new Float64Array(a.length * b.length);
  let at = 0;
  for (let i = 0; i < rowsA; i++) {
    for (let k = 0; k < rowsB; k++) {
      for (let j = 0; j < columnsA; j++) {
        for (let l = 0; l < columnsB; l++) result[at++] = a[i * columnsA + j]! * b[k * columnsB + l]!;
      }
    }
  }
  return result;
}

/** (rows, columns) → (columns, rows). */
function transposed(matrix: Float64Array, rows: number): Float64Array {
  const columns = matrix.length / rows;
  return Float64Array.from(
    { length: matrix.length },
    (_, at) => matrix[(at % rows) * columns + Math.floor(at / rows)]!,
  );
}
