/**
 * Which models the compact graph coding can carry: those that the op table describes in full.
 */
import { type Attribute, type Dim, type Graph, type Model, type Node, subgraphs } from '../../src/graph/graph.ts';
import { NEWEST_OPSET, opSpec, TARGET_OPSET } from '../../src/graph/op-table.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import { MOST_AXES, MOST_ITEMS, MOST_PORTS } from './format.ts';
import { LARGEST_UINT } from './symbols.ts';

/** The reason why a model cannot be coded compactly, or `undefined` where it can. */
export function whyNotCompact(model: Model): string | undefined {
  if (model.functions.length > 0) return 'model-local functions';
  const reason = whyNotCompactGraph(model.graph) ?? model.graph.nodes.map(whyNotCompactNode).find((own) => own);
  if (reason) return reason;
  // Last, because a model is left at an old opset where one of the above is in the way.
  const opset = model.opsets.get('') ?? 0;
  return opset < TARGET_OPSET || opset > NEWEST_OPSET ? `opset ${opset}` : undefined;
}

function whyNotCompactGraph(graph: Graph): string | undefined {
  if (graph.sparseInitializers.size > 0) return 'sparse initialisers';
  const ports = [...graph.inputs, ...graph.outputs];
  if (graph.inputs.length > MOST_PORTS || graph.outputs.length > MOST_PORTS) return 'many inputs or outputs';
  const port = ports.find((value) => value.type?.kind !== 'tensor');
  if (port) return `"${port.name}" is not a tensor`;
  const odd = ports.find(({ type }) => type?.kind === 'tensor' && !isCodableShape(type.shape ?? []));
  if (odd) return `the shape of "${odd.name}"`;
  const duplicate = graph.outputs.find((value, at) => graph.outputs.findIndex((o) => o.name === value.name) !== at);
  if (duplicate) return `"${duplicate.name}" is an output twice`;
  if (graph.inputs.some((value) => graph.initializers.has(value.name))) return 'an input with a default';
  return undefined;
}

function whyNotCompactNode(node: Node): string | undefined {
  const name = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
  const spec = node.domain === '' ? opSpec(node.op) : undefined;
  if (!spec || subgraphs(node).length > 0) return `operator ${name}`;
  if (node.outputs.length === 0) return `operator ${name} without an output`;
  if (node.inputs.length > MOST_PORTS || node.outputs.length > MOST_PORTS) return `operator ${name} with many ports`;
  for (const [key, attribute] of node.attributes) {
    const known = spec.attributes.find((candidate) => candidate.name === key);
    if (known?.type !== attribute.type || !isCodable(attribute)) return `attribute ${key} of ${name}`;
  }
  return undefined;
}

const isSmall = (value: number | bigint) => typeof value === 'number' && Math.abs(value) < LARGEST_UINT / 2;
const isText = (value: string | Uint8Array) => typeof value === 'string' && 3 * value.length <= MOST_ITEMS;

function isCodableShape(shape: readonly Dim[]): boolean {
  return shape.length <= MOST_AXES && shape.every((dim) => typeof dim !== 'number' || dim <= LARGEST_UINT);
}

function isCodable(attribute: Attribute): boolean {
  switch (attribute.type) {
    case 'int':
      return isSmall(attribute.value);
    case 'ints':
      return attribute.value.length <= MOST_ITEMS && attribute.value.every(isSmall);
    case 'string':
      return isText(attribute.value);
    case 'strings':
      return attribute.value.length <= MOST_ITEMS && attribute.value.every(isText);
    case 'floats':
      return attribute.value.length <= MOST_ITEMS;
    case 'tensor':
      return attribute.value.shape.length <= MOST_AXES && elementCount(attribute.value.shape) <= MOST_ITEMS;
    default:
      return true;
  }
}
