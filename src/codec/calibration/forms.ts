/**
 * How the weights of ONNX's operators are matrices: which of their axes are outputs, which are inputs, and in which order
 * they lie (operator documentation of Conv, ConvTranspose, Gemm, MatMul, RNN, GRU, LSTM and Gather).
 */
import { intAttribute, type Node } from '../../graph/graph.ts';
import { isStandard } from '../../graph/uses.ts';

/** A weight as matrices, one for every group. */
export interface LayerForm {
  /**
   * What the matrices are multiplied with: patches of a picture (`window`), vectors along an axis (`dense`), the inputs or the hidden states
   * of a recurrent operator, or nothing, where rows of a table are taken (`table`).
   */
  readonly kind: 'window' | 'dense' | 'recurrent inputs' | 'recurrent states' | 'table';
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

/** The form of a weight of this shape as input `side` of `node`; `undefined` where it is no matrix to be multiplied with. */
export function formOf(
  { node, side }: { readonly node: Node; readonly side: number },
  shape: readonly number[],
  folded: readonly number[] = shape,
): LayerForm | undefined {
  if (isStandard(node, 'Conv', 'ConvTranspose')) return side === 1 ? windowForm(node, shape) : undefined;
  if (isStandard(node, 'Gemm')) return side === 1 && shape.length === 2 ? gemmForm(node, shape, folded) : undefined;
  if (isStandard(node, 'MatMul')) return side === 1 ? rightForm(shape, folded) : leftForm(shape);
  if (isStandard(node, 'RNN', 'GRU', 'LSTM')) {
    if ((side !== 1 && side !== 2) || shape.length !== 3) return undefined;
    return { kind: side === 1 ? 'recurrent inputs' : 'recurrent states', ...plainForm(shape) };
  }
  const isTable = isStandard(node, 'Gather') && side === 0 && intAttribute(node, 'axis', 0) === 0;
  return isTable && shape.length >= 2 ? tableForm(shape) : undefined;
}

const product = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum * size, 1);

/** Conv has weights (outputs, inputs / groups, …window), ConvTranspose (inputs, outputs / groups, …window). */
function windowForm(node: Node, shape: readonly number[]): LayerForm | undefined {
  const groups = intAttribute(node, 'group', 1);
  const [first = 0, second = 0, ...window] = shape;
  if (window.length === 0 || !(groups >= 1) || first % groups !== 0) return undefined;
  const isConv = node.op === 'Conv';
  const [rows, channels] = isConv ? [first / groups, second] : [second, first / groups];
  return {
    kind: 'window',
    shape,
    windowAxes: window.map((_, axis) => axis + 2),
    groups,
    rows,
    columns: channels * product(window),
    columnShape: [channels, ...window],
    outer: isConv ? 1 : channels,
  };
}

function gemmForm(node: Node, shape: readonly number[], folded: readonly number[]): LayerForm | undefined {
  return intAttribute(node, 'transB', 0) === 0 ? rightForm(shape, folded) : outputsFirst(folded);
}

/** (outputs, …inputs). */
function outputsFirst(folded: readonly number[]): LayerForm {
  const [rows = 0, ...columnShape] = folded;
  return {
    kind: 'dense',
    shape: folded,
    windowAxes: columnShape.slice(1).map((_, axis) => axis + 2),
    groups: 1,
    rows,
    columns: product(columnShape),
    columnShape,
    outer: 1,
  };
}

/** (…matrices, inputs, outputs); a single matrix may have its inputs folded. */
function rightForm(shape: readonly number[], folded: readonly number[]): LayerForm | undefined {
  if (shape.length < 2) return undefined;
  const batch = shape.slice(0, -2);
  const columnShape = batch.length === 0 ? folded.slice(0, -1) : shape.slice(-2, -1);
  const columns = product(columnShape);
  return {
    kind: 'dense',
    shape: folded,
    windowAxes: columnShape.slice(1).map((_, axis) => axis + 1),
    groups: product(batch),
    rows: shape.at(-1)!,
    columns,
    columnShape,
    outer: columns,
  };
}

/** (…matrices, outputs, inputs), the left side of a product. */
function leftForm(shape: readonly number[]): LayerForm | undefined {
  return shape.length < 2 ? undefined : { kind: 'dense', ...plainForm(shape) };
}

/** (…matrices, outputs, inputs), as it lies in memory. */
function plainForm(shape: readonly number[]) {
  const [rows = 0, columns = 0] = shape.slice(-2);
  const groups = product(shape.slice(0, -2));
  return { shape, windowAxes: [], groups, rows, columns, columnShape: [columns], outer: 1 };
}

/** (entries, …numbers): a row of the table is a column of the matrix, which is multiplied with a one at the chosen place. */
function tableForm(shape: readonly number[]): LayerForm {
  const [columns = 0, ...numbers] = shape;
  return {
    kind: 'table',
    shape,
    windowAxes: [],
    groups: 1,
    rows: product(numbers),
    columns,
    columnShape: [columns],
    outer: columns,
  };
}
