/**
 * The layers whose weights can be coded against their inputs: `output = weight × what it sees of the input`, with a matrix of
 * outputs by inputs for every group. What the matrix sees of the input is what moments.ts measures.
 */
import type { Model } from '../../graph/graph.ts';
import { isFloat } from '../../graph/numbers.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { consumersOf, outputNames } from '../../graph/uses.ts';
import type { WeightRole } from '../weight-roles.ts';
import { biasOf, type LayerUse } from './biases.ts';
import { formOf, type LayerForm } from './forms.ts';

/** A weight as `groups` matrices of (rows, columns): each group's outputs by what each of them sums over. */
export interface Layer extends LayerForm {
  /** Name of the weight. */
  readonly weight: string;
  /** Name of the bias of length groups × rows, where there is one that goes with this weight alone. */
  readonly bias?: string;
  /** Where the weight is used, in the order of the graph; at least once. */
  readonly uses: readonly LayerUse[];
}

/**
 * The layers of `model`'s main graph that can be calibrated, in the order of their first uses: weights of Conv, ConvTranspose, Gemm, MatMul,
 * RNN, GRU and LSTM, and tables that Gather takes rows of, each of which does the same wherever it is used.
 *
 * @param roles of the model's initialisers
 */
export function calibratedLayers(model: Model, roles: ReadonlyMap<string, WeightRole>): Layer[] {
  const { graph } = model;
  const consumers = consumersOf(graph);
  const outputs = outputNames(graph);
  const constantOf = (name: string): Tensor | undefined => {
    const tensor = graph.initializers.get(name);
    return tensor && isFloat(tensor.dtype) && !outputs.has(name) ? tensor : undefined;
  };
  const uses = new Map<string, LayerUse[]>();
  for (const [index, node] of graph.nodes.entries()) {
    for (const [side, name] of node.inputs.entries()) {
      if (!constantOf(name) || roles.get(name)?.kind !== 'weight') continue;
      uses.set(name, [...(uses.get(name) ?? []), { node, index, side }]);
    }
  }
  return [...uses].flatMap(([weight, found]) => {
    const forms = found.map((use) => formOf(use, constantOf(weight)!.shape, roles.get(weight)?.folded));
    const [form] = forms;
    // A use that says otherwise, or one inside a subgraph, wants something else of the weight.
    if (!form || forms.some((other) => JSON.stringify(other) !== JSON.stringify(form))) return [];
    if (consumers.get(weight)!.length !== found.length || form.rows < 1 || form.columns < 1) return [];
    const { bias, uses } = biasOf(form, found, graph, consumers, constantOf);
    return [{ ...form, weight, uses, ...(bias !== undefined && { bias }) }];
  });
}

/** The weight's elements as (groups, rows, columns), from the order of its tensor. */
export function rowsOf(layer: LayerForm, elements: ArrayLike<number>): Float64Array {
  const matrix = new Float64Array(elements.length);
  forEachRun(layer, (tensorAt, matrixAt, length) => {
    for (let at = 0; at < length; at++) matrix[matrixAt + at] = elements[tensorAt + at]!;
  });
  return matrix;
}

/** The inverse of `rowsOf`. */
export function elementsOfRows<Numbers extends Float64Array | Int32Array>(layer: LayerForm, matrix: Numbers): Numbers {
  const elements = matrix.slice() as Numbers;
  forEachRun(layer, (tensorAt, matrixAt, length) => {
    elements.set(matrix.subarray(matrixAt, matrixAt + length), tensorAt);
  });
  return elements;
}

/** Visits the stretches that are contiguous in both orders. */
function forEachRun(
  { groups, rows, columns, outer }: LayerForm,
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
