/**
 * Layers as chains: a Conv whose weight is a core with cosines is a 1×1 Conv onto few input frequencies, a small Conv
 * between frequencies, and a 1×1 Conv from few output frequencies; a dense layer is a chain of matrix products.
 */
import { type Attribute, intAttribute, intsAttribute, type Model, type Node, node as newNode } from '../graph/graph.ts';
import { fromFloats, isFloat } from '../graph/numbers.ts';
import type { Tensor } from '../graph/tensor.ts';
import { nameMaker, usedNames } from '../graph/uses.ts';
import type { StoredWeight } from './archive.ts';
import { cosineMatrix } from './cosines.ts';
import { parseExpression } from './einsum.ts';
import { contractNetwork, cosineAxes, type TensorNetwork } from './network.ts';

type NetworkWeight = Extract<StoredWeight, { network: TensorNetwork }>;

/** One layer of a chain: the values of its weight, row-major over `shape`. */
interface Link {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

interface Chain {
  readonly links: readonly Link[];
  /** Multiplications per output position, of the chain and of the dense layer. */
  readonly cost: number;
  readonly denseCost: number;
  /** The nodes of the chain, given the names of the links' weights and of the values between the links. */
  nodes(names: readonly string[], between: readonly string[]): Node[];
}

/**
 * Rewrites, in place, the layers of `model` whose weight in `weights` is a network that a chain can stand for. Weights
 * that are no longer used leave the map; the small ones of the chains become initialisers of the model.
 *
 * @param options `always`: also where the chain takes more multiplications than the dense layer
 */
export function factorWeights(model: Model, weights: Map<string, StoredWeight>, options: { always: boolean }): void {
  const { graph } = model;
  const replaced = new Set<string>();
  const newName = nameMaker(graph);
  graph.nodes = graph.nodes.flatMap((node, place) => {
    const weight = weights.get(node.inputs[1] ?? '');
    const chain = weight && 'network' in weight && isFloat(weight.dtype) ? chainFor(node, weight) : undefined;
    if (!chain || (!options.always && chain.cost >= chain.denseCost)) return [node];
    const { dtype, name } = weight as NetworkWeight;
    const names = chain.links.map(({ shape, values }, link) => {
      const linkName = newName(`${name}/${place}.${link}`);
      graph.initializers.set(linkName, fromFloats(dtype as 'float32', shape, values) as Tensor);
      return linkName;
    });
    replaced.add(name);
    const between = chain.links.slice(1).map((_, link) => newName(`${node.outputs[0]}/${link}`));
    return chain.nodes(names, between);
  });
  const used = new Set([...graph.nodes.flatMap(usedNames), ...graph.outputs.map(({ name }) => name)]);
  for (const name of replaced) if (!used.has(name)) weights.delete(name);
}

function chainFor(node: Node, weight: NetworkWeight): Chain | undefined {
  if (node.domain !== '') return undefined;
  if (node.op === 'Conv' || node.op === 'ConvTranspose') return convolutionChain(node, weight);
  return node.op === 'Gemm' || node.op === 'MatMul' ? matrixChain(node, weight) : undefined;
}

/** Frequency letters of a network by the letter of the result that they become. */
function frequencyOf(network: TensorNetwork): Map<string, string> {
  return new Map([...cosineAxes(network).cosines].map(([frequency, { to }]) => [to, frequency]));
}

/** Weight of Conv: (out, in, …window); of ConvTranspose: (in, out, …window). */
function convolutionChain(node: Node, { network, shape }: NetworkWeight): Chain | undefined {
  if (intAttribute(node, 'group', 1) !== 1 || shape.length < 3 || network.shape.length !== shape.length)
    return undefined;
  const letters = [...parseExpression(network.expression).result];
  const frequencies = frequencyOf(network);
  const [inAxis, outAxis] = node.op === 'Conv' ? [1, 0] : [0, 1];
  const inFrequency = frequencies.get(letters[inAxis]!);
  const outFrequency = frequencies.get(letters[outAxis]!);
  if (!inFrequency && !outFrequency) return undefined;
  letters[inAxis] = inFrequency ?? letters[inAxis]!;
  letters[outAxis] = outFrequency ?? letters[outAxis]!;
  const small = contractNetwork(network, letters.join(''));
  const window = shape.slice(2);
  const [channelsIn, channelsOut] = [shape[inAxis]!, shape[outAxis]!];
  const [rowsIn, rowsOut] = [small.shape[inAxis]!, small.shape[outAxis]!];
  const points = window.map(() => 1);
  const links: Link[] = [{ shape: small.shape, values: small.values }];
  if (inFrequency) {
    links.unshift({ shape: [rowsIn, channelsIn, ...points], values: cosineMatrix(rowsIn, channelsIn) });
  }
  if (outFrequency) {
    links.push({
      shape: [channelsOut, rowsOut, ...points],
      values: transpose(cosineMatrix(rowsOut, channelsOut), rowsOut),
    });
  }

  const area = window.reduce((product, size) => product * size, 1);
  const strideArea = (intsAttribute(node, 'strides') ?? []).reduce((product, stride) => product * stride, 1);
  const inputPositions = node.op === 'Conv' ? strideArea : 1 / strideArea;
  const windowWork = node.op === 'Conv' ? area : area / strideArea;
  const cost =
    (inFrequency ? rowsIn * channelsIn * inputPositions : 0) +
    rowsIn * rowsOut * windowWork +
    (outFrequency ? rowsOut * channelsOut : 0);

  return {
    links,
    cost,
    denseCost: channelsIn * channelsOut * windowWork,
    nodes: (names, between) =>
      chained(node, names, between, (link, inputs, outputs) => {
        const isCore = link === (inFrequency ? 1 : 0);
        const isLast = link === names.length - 1;
        const bias = isLast && node.inputs[2] ? [node.inputs[2]] : [];
        const op = isCore ? node.op : 'Conv';
        return { ...newNode(op, [...inputs, ...bias], outputs), attributes: isCore ? node.attributes : new Map() };
      }),
  };
}

/** Weight of MatMul: (in, out), or (…in, out) where the input axis was folded; of Gemm also (out, …in). */
function matrixChain(node: Node, { network, shape }: NetworkWeight): Chain | undefined {
  if (shape.length !== 2) return undefined;
  const isGemm = node.op === 'Gemm';
  if (isGemm && intAttribute(node, 'transA', 0) !== 0) return undefined;
  const outFirst = isGemm && intAttribute(node, 'transB', 0) !== 0;
  const letters = [...parseExpression(network.expression).result];
  const frequencies = frequencyOf(network);
  const out = outFirst ? letters[0]! : letters.at(-1)!;
  const inputs = letters.filter((letter) => letter !== out);
  const [unitsIn, unitsOut] = outFirst ? [shape[1]!, shape[0]!] : [shape[0]!, shape[1]!];
  const outFrequency = frequencies.get(out);
  // A folded input axis has no cosines of its own as a whole; it is rebuilt.
  const inFrequency = inputs.length === 1 ? frequencies.get(inputs[0]!) : undefined;
  if (!inFrequency && !outFrequency) return undefined;
  const rows = inFrequency ? [inFrequency] : inputs;
  const small = contractNetwork(network, [...rows, outFrequency ?? out].join(''));
  const rowsOut = small.shape.at(-1)!;
  const rowsIn = small.values.length / rowsOut;
  const links: Link[] = [{ shape: [rowsIn, rowsOut], values: small.values }];
  if (inFrequency)
    links.unshift({ shape: [unitsIn, rowsIn], values: transpose(cosineMatrix(rowsIn, unitsIn), rowsIn) });
  if (outFrequency) links.push({ shape: [rowsOut, unitsOut], values: cosineMatrix(rowsOut, unitsOut) });

  const scales: [string, Attribute][] = [...node.attributes].filter(([name]) => name === 'alpha' || name === 'beta');
  return {
    links,
    cost: links.reduce((sum, { values }) => sum + values.length, 0),
    denseCost: unitsIn * unitsOut,
    nodes: (names, between) =>
      chained(node, names, between, (link, ends, outputs) => {
        const isLast = link === names.length - 1;
        const bias = isLast && node.inputs[2] ? [node.inputs[2]] : [];
        // MatMul, because before opset 11 a Gemm must have a bias.
        if (!isLast) return newNode('MatMul', ends, outputs);
        return { ...newNode(node.op, [...ends, ...bias], outputs), attributes: new Map(scales) };
      }),
  };
}

/** Nodes in a row, from the input of `node` to its output. */
function chained(
  node: Node,
  weights: readonly string[],
  between: readonly string[],
  make: (link: number, inputs: string[], outputs: string[]) => Node,
): Node[] {
  return weights.map((weight, link) => {
    return make(link, [between[link - 1] ?? node.inputs[0]!, weight], [between[link] ?? node.outputs[0]!]);
  });
}

/** (rows, columns) → (columns, rows). */
function transpose(matrix: Float64Array, rows: number): Float64Array {
  const columns = matrix.length / rows;
  const result = new Float64Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = matrix[row * columns + column]!;
  }
  return result;
}
