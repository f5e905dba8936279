/**
 * Where a layer's weight is used, and the bias that goes with it: an input of the same node, or a constant that an Add of its
 * own adds to nothing else, as exporters write the projections of attention.
 */
import { floatAttribute, type Graph, type Node } from '../../graph/graph.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { isStandard, outputNames } from '../../graph/uses.ts';
import type { LayerForm } from './forms.ts';

/** One use of a weight. */
export interface LayerUse {
  readonly node: Node;
  /** Place of `node` in the graph. */
  readonly index: number;
  /** Which input of `node` the weight is. */
  readonly side: number;
  /** The layer's outputs, with the bias; absent where they are not what the weight makes, but a function of it. */
  readonly output?: string;
}

/**
 * The bias of a weight with these uses, which no other node takes; and the uses with their outputs.
 *
 * @param constantOf the float initialisers that are no outputs of the graph
 */
export function biasOf(
  form: LayerForm,
  uses: readonly LayerUse[],
  graph: Graph,
  consumers: ReadonlyMap<string, readonly Node[]>,
  constantOf: (name: string) => Tensor | undefined,
): { bias: string | undefined; uses: readonly LayerUse[] } {
  const outputs = outputNames(graph);
  const found = uses.map((use): { bias: string | undefined; use: LayerUse } => {
    const { node } = use;
    if (!isPlain(node)) return { bias: undefined, use };
    const output = node.outputs[0]!;
    const own = node.op === 'MatMul' ? '' : (node.inputs[2] ?? '');
    if (own !== '') return { bias: fits(form, use, constantOf(own)) ? own : undefined, use: { ...use, output } };
    const [sum, ...others] = consumers.get(output) ?? [];
    if (!sum || others.length > 0 || !isStandard(sum, 'Add') || outputs.has(output)) {
      return { bias: undefined, use: { ...use, output } };
    }
    const added = sum.inputs.find((name) => name !== output) ?? '';
    return fits(form, use, constantOf(added))
      ? { bias: added, use: { ...use, output: sum.outputs[0]! } }
      : { bias: undefined, use: { ...use, output } };
  });
  const bias = found[0]!.bias;
  const isOwn =
    bias !== undefined && found.every((each) => each.bias === bias) && consumers.get(bias)!.length === uses.length;
  return { bias: isOwn ? bias : undefined, uses: found.map(({ use }) => use) };
}

/** A node that multiplies, and adds, and does nothing more. */
function isPlain(node: Node): boolean {
  if (isStandard(node, 'Conv', 'ConvTranspose', 'MatMul')) return true;
  return isStandard(node, 'Gemm') && ['alpha', 'beta'].every((name) => floatAttribute(node, name, 1) === 1);
}

/** Whether adding `tensor` adds one number to each of the layer's outputs. */
function fits({ kind, groups, rows, windowAxes }: LayerForm, { node, side }: LayerUse, tensor: Tensor | undefined) {
  if (!tensor || (kind === 'dense' && groups > 1)) return false;
  const { shape } = tensor;
  const isOwnInput = node.op !== 'MatMul' && node.inputs[2] !== undefined && node.inputs[2] !== '';
  const behind = isOwnInput ? 0 : kind === 'window' ? windowAxes.length : side === 0 ? 1 : 0;
  const place = shape.length - 1 - behind;
  return place >= 0 && shape.every((size, axis) => size === (axis === place ? groups * rows : 1));
}
