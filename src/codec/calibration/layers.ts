/**
 * The layers whose weights can be coded against their inputs: `output = weight × patches of the input`, with a matrix of
 * output channels by inputs for every group. What the matrix sees of the input is what moments.ts measures.
 */
import { floatAttribute, intAttribute, type Model, type Node } from '../../graph/graph.ts';
import { isFloat } from '../../graph/numbers.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { consumersOf, isStandard, outputNames } from '../../graph/uses.ts';
import type { WeightRole } from '../weight-roles.ts';

/** A layer with one weight, as `groups` matrices of (rows, columns): each group's outputs by what each of them sums over. */
export interface Layer {
  readonly node: Node;
  /** Place of `node` in the graph. */
  readonly index: number;
  /** Which input of `node` the weight is: 1, or 0 for a product whose left side is the weight. */
  readonly side: 0 | 1;
  /** Name of the weight. */
  readonly weight: string;
  /** Name of the bias of length groups × rows, where there is one that no other node uses. */
  readonly bias?: string;
  /** The weight's shape, with the flattened axes of a dense layer told apart. */
  readonly shape: readonly number[];
  /** Axes of `shape` that run along a window of neighbouring inputs. */
  readonly windowAxes: readonly number[];
  readonly groups: number;
  readonly rows: number;
  readonly columns: number;
  /** A row's columns as (channels, …window): the order is the weight's own. */
  readonly columnShape: readonly number[];
  /** The weight lies in memory as (groups, outer, rows, columns / outer). */
  readonly outer: number;
}

/**
 * The layers of `model`'s main graph that can be calibrated, in order: Conv, ConvTranspose, Gemm and MatMul with a weight
 * that nothing else uses.
 *
 * @param roles of the model's initialisers
 */
export function calibratedLayers(model: Model, roles: ReadonlyMap<string, WeightRole>): Layer[] {
  const { graph } = model;
  const consumers = consumersOf(graph);
  const outputs = outputNames(graph);
  const ownTensor = (name: string | undefined): Tensor | undefined => {
    const tensor = name === undefined ? undefined : graph.initializers.get(name);
    return tensor && consumers.get(name!)?.length === 1 && !outputs.has(name!) ? tensor : undefined;
  };
  return graph.nodes.flatMap((node, index) => {
    const form = formOf(node, ownTensor, roles);
    if (!form || form.rows < 1 || form.columns < 1) return [];
    const bias = node.op === 'MatMul' ? undefined : node.inputs[2];
    const biasTensor = ownTensor(bias);
    const outputCount = form.groups * form.rows;
    const fits = biasTensor && isFloat(biasTensor.dtype) && biasTensor.shape.at(-1) === outputCount;
    const isVector = fits && biasTensor.shape.slice(0, -1).every((size) => size === 1);
    return [{ node, index, ...form, ...(isVector && { bias: bias! }) }];
  });
}

type Form = Omit<Layer, 'node' | 'index' | 'bias'>;

function formOf(
  node: Node,
  ownTensor: (name: string | undefined) => Tensor | undefined,
  roles: ReadonlyMap<string, WeightRole>,
): Form | undefined {
  if (!isStandard(node, 'Conv', 'ConvTranspose', 'Gemm', 'MatMul')) return undefined;
  const side = node.op === 'MatMul' && !ownTensor(node.inputs[1]) ? 0 : 1;
  const weight = node.inputs[side];
  const tensor = ownTensor(weight);
  if (!tensor || !isFloat(tensor.dtype) || roles.get(weight!)?.kind !== 'weight') return undefined;
  const { shape } = tensor;
  const own = { weight: weight!, side, shape } as const;
  if (node.op === 'Conv' || node.op === 'ConvTranspose') return shape.length < 3 ? undefined : windowForm(node, own);
  if (shape.length !== 2 || (node.op === 'Gemm' && !isPlainGemm(node))) return undefined;
  const outputsFirst = side === 0 || (node.op === 'Gemm' && intAttribute(node, 'transB', 0) !== 0);
  const folded = roles.get(weight!)?.folded ?? shape;
  const columnShape = outputsFirst ? folded.slice(1) : folded.slice(0, -1);
  const columns = columnShape.reduce((product, size) => product * size, 1);
  return {
    ...own,
    shape: folded,
    windowAxes: columnShape.slice(1).map((_, axis) => axis + (outputsFirst ? 2 : 1)),
    groups: 1,
    rows: outputsFirst ? shape[0]! : shape[1]!,
    columns,
    columnShape,
    outer: outputsFirst ? 1 : columns,
  };
}

/** A Gemm that is a product and a sum, nothing more. */
function isPlainGemm(node: Node): boolean {
  const factors = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)];
  return intAttribute(node, 'transA', 0) === 0 && factors.every((factor) => factor === 1);
}

/** Conv has weights (outputs, inputs / groups, …window), ConvTranspose (inputs, outputs / groups, …window). */
function windowForm(node: Node, own: Pick<Form, 'weight' | 'side' | 'shape'>): Form | undefined {
  const groups = intAttribute(node, 'group', 1);
  const [first = 0, second = 0, ...window] = own.shape;
  if (!(groups >= 1) || first % groups !== 0) return undefined;
  const isConv = node.op === 'Conv';
  const [rows, channels] = isConv ? [first / groups, second] : [second, first / groups];
  return {
    ...own,
    windowAxes: window.map((_, axis) => axis + 2),
    groups,
    rows,
    columns: window.reduce((product, size) => product * size, channels),
    columnShape: [channels, ...window],
    outer: isConv ? 1 : channels,
  };
}

/** The weight's elements as (groups, rows, columns), from the order of its tensor. */
export function rowsOf(layer: Layer, elements: ArrayLike<number>): Float64Array {
  const matrix = new Float64Array(elements.length);
  forEachRun(layer, (tensorAt, matrixAt, length) => {
    for (let at = 0; at < length; at++) matrix[matrixAt + at] = elements[tensorAt + at]!;
  });
  return matrix;
}

/** The inverse of `rowsOf`. */
export function elementsOfRows<Numbers extends Float64Array | Int32Array>(layer: Layer, matrix: Numbers): Numbers {
  const elements = matrix.slice() as Numbers;
  forEachRun(layer, (tensorAt, matrixAt, length) => {
    elements.set(matrix.subarray(matrixAt, matrixAt + length), tensorAt);
  });
  return elements;
}

/** Visits the stretches that are contiguous in both orders. */
function forEachRun(
  { groups, rows, columns, outer }: Layer,
  visit: (tensorAt: number, matrixAt: number, length: number) => void,
): void {
  const inner = columns / outer;
  for (let group = 0, tensorAt = 0; group < groups; group++) {
    for (let block = 0; block < outer; block++) {
      for (let row = 0; row < rows; row++, tensorAt += inner) {
        visit(tensorAt, (group * rows + row) * columns + block * inner, inner);
      }
    }
  }
}
