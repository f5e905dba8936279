/**
 * Joins reshapes that follow each other. Besides Reshape that is every operator that keeps the order of the elements:
 * Flatten, Squeeze, Unsqueeze, and a Transpose that moves nothing but axes of size 1.
 */
import { intsAttribute, type Model, type Node } from '../graph.ts';
import { type Inference, inferNode, startInference } from '../shape-inference.ts';
import { isStandard } from '../uses.ts';

const RESHAPES = ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'];

function keepsOrder(node: Node, { types }: Inference): boolean {
  if (!isStandard(node, ...RESHAPES, 'Transpose')) return false;
  if (RESHAPES.includes(node.op)) return true;
  const shape = types.get(node.inputs[0] ?? '')?.shape;
  const moved = intsAttribute(node, 'perm')?.filter((axis) => shape?.[axis] !== 1);
  if (!shape || !moved) return false;
  return moved.every((axis, index) => index === 0 || moved[index - 1]! < axis);
}

/**
 * Lets each Reshape of the main graph take what the reshapes before it take, where its own target says the whole shape
 * (no size copied from its input). Returns the number of inputs changed; what nobody takes any more is dead code.
 */
export function mergeReshapes(model: Model): number {
  const inference = startInference(model);
  const reordered = new Map<string, string>();
  let merged = 0;
  for (const node of model.graph.nodes) {
    inferNode(inference, node);
    const [input = '', target = ''] = node.inputs;
    const source = reordered.get(input);
    const dims = inference.integers.get(target);
    if (
      source !== undefined &&
      isStandard(node, 'Reshape') &&
      dims?.every((dim) => typeof dim === 'number' && dim !== 0)
    ) {
      node.inputs = [source, target];
      merged++;
    }
    if (keepsOrder(node, inference)) reordered.set(node.outputs[0] ?? '', reordered.get(input) ?? input);
  }
  return merged;
}
