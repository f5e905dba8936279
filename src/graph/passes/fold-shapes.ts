/**
 * Replaces shape arithmetic by constants where shape inference knows its outcome, so that a graph with static sizes
 * computes none, and one with a symbolic batch only what it must.
 */
import { byteLength } from '../dtype.ts';
import { type Dim, intAttribute, type Model, type Node } from '../graph.ts';
import { type Inference, inferNode, startInference } from '../shape-inference.ts';
import { int64Tensor, numericTensor, type Tensor } from '../tensor.ts';
import { isStandard, nameMaker, outputNames } from '../uses.ts';

/** The value of a node with one output, where inference knows all of it. */
function knownValue({ outputs }: Node, { types, integers }: Inference): Tensor | undefined {
  const [name = '', ...others] = outputs;
  const type = types.get(name);
  const elements = integers.get(name);
  if (others.length > 0 || !type?.shape || !elements) return undefined;
  const shape = type.shape.length === 0 ? [] : [elements.length];
  if (!elements.every((element) => typeof element === 'number')) return undefined;
  if (type.dtype === 'int64') return int64Tensor(elements, shape);
  if (type.dtype !== 'int32' && type.dtype !== 'bool') return undefined;
  const data = type.dtype === 'int32' ? Int32Array.from(elements) : Uint8Array.from(elements);
  return numericTensor(type.dtype, shape, new Uint8Array(data.buffer, 0, byteLength(type.dtype, elements.length)));
}

/**
 * A constant target that does the same as the target of this Reshape, of which only symbols are known: 0 keeps the
 * size at its axis, and -1 stands for one more.
 */
function constantTarget(node: Node, { types, integers }: Inference): number[] | undefined {
  const input = types.get(node.inputs[0] ?? '')?.shape;
  const target = integers.get(node.inputs[1] ?? '');
  if (!target || intAttribute(node, 'allowzero', 0) === 1) return undefined;
  const dims = target.map((dim, axis): Dim => (typeof dim === 'string' && dim === input?.[axis] ? 0 : dim));
  const open = dims.filter((dim) => typeof dim !== 'number' || dim === -1).length;
  return open <= 1 ? dims.map((dim) => (typeof dim === 'number' ? dim : -1)) : undefined;
}

/** Folds what inference knows; returns the number of nodes and reshape targets that became constants. */
export function foldShapes(model: Model): number {
  const { graph } = model;
  const inference = startInference(model);
  const outputs = outputNames(graph);
  const fresh = nameMaker(graph);
  let folded = 0;
  graph.nodes = graph.nodes.filter((node) => {
    inferNode(inference, node);
    const value = outputs.has(node.outputs[0] ?? '') ? undefined : knownValue(node, inference);
    if (value) {
      graph.initializers.set(node.outputs[0]!, value);
      folded++;
      return false;
    }
    if (isStandard(node, 'Reshape') && !graph.initializers.has(node.inputs[1] ?? '')) {
      const target = constantTarget(node, inference);
      if (target) {
        const name = fresh(`${node.outputs[0]}_shape`);
        graph.initializers.set(name, int64Tensor(target));
        node.inputs = [node.inputs[0]!, name];
        folded++;
      }
    }
    return true;
  });
  return folded;
}
