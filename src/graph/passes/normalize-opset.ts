/**
 * Brings models of older opsets to `TARGET_OPSET`, node by node, with the rewrites of opset-changes.ts and
 * legacy-operators.ts. Either the whole model is brought there or nothing is changed.
 */
import { defaultOpset, type Graph, type Model, type Node, subgraphs } from '../graph.ts';
import { NEWEST_OPSET, opSpec, TARGET_OPSET } from '../op-table.ts';
import { addConstant, type Inference, inferNode, startInference } from '../shape-inference.ts';
import { consumersOf, nameMaker, outputNames } from '../uses.ts';
import { LEGACY_OPERATORS } from './legacy-operators.ts';
import { CannotUpgrade, OPSET_CHANGES, type UpgradeContext } from './opset-changes.ts';

/** Whether the model is now of an opset that the operator table describes, and if not, why. */
export type Normalization = { readonly normalized: true } | { readonly normalized: false; readonly why: string };

/** The lowest IR version that may name opset 21 (onnx/onnx docs/Versioning.md). */
const TARGET_IR_VERSION = 10;

/** What keeps a model at its own opset whatever its nodes are. */
function obstacle(model: Model): string | undefined {
  const { graph, functions, opsets } = model;
  if (functions.length > 0) return 'it has functions of its own';
  const foreign = graph.nodes.find(({ domain }) => domain !== '' && domain !== 'ai.onnx');
  if (foreign) return `operator ${foreign.op} is of the domain ${foreign.domain}`;
  const nested = graph.nodes.find((node) => subgraphs(node).length > 0);
  if (nested) return `operator ${nested.op} has a subgraph`;
  if (opsets.has('') && opsets.has('ai.onnx') && opsets.get('') !== opsets.get('ai.onnx')) return 'it names two opsets';
  const opset = defaultOpset(model);
  if (opset > NEWEST_OPSET) return `opset ${opset} is newer than ${NEWEST_OPSET}`;
  return undefined;
}

/** The nodes that `node` of opset `from` becomes. */
function upgraded(node: Node, from: number, context: UpgradeContext): Node[] {
  if (Object.hasOwn(LEGACY_OPERATORS, node.op)) return LEGACY_OPERATORS[node.op]!(node, context);
  if (!opSpec(node.op)) throw new CannotUpgrade(node, 'is not known');
  let nodes = [node];
  for (const { since, rewrite } of Object.hasOwn(OPSET_CHANGES, node.op) ? OPSET_CHANGES[node.op]! : []) {
    if (from < since && nodes.length === 1) nodes = rewrite(nodes[0]!, context);
  }
  return nodes;
}

/**
 * Rewrites the model to `TARGET_OPSET`; models of that opset or newer ones that the operator table describes stay as
 * they are. A model that cannot be brought there for certain (functions, subgraphs, other domains, operators or
 * attribute values without an equal) is left untouched at its own opset. Expects constants to be initialisers.
 */
export function normalizeOpset(model: Model): Normalization {
  const why = obstacle(model);
  if (why) return { normalized: false, why };
  const opset = defaultOpset(model);
  if (opset >= TARGET_OPSET) return { normalized: true };

  const graph: Graph = { ...model.graph, initializers: new Map(model.graph.initializers), nodes: [] };
  const inference: Inference = startInference({ ...model, graph });
  const fresh = nameMaker(model.graph);
  const outputs = outputNames(model.graph);
  const consumers = consumersOf(model.graph);
  const context: UpgradeContext = {
    type: (name) => inference.types.get(name),
    constant: (name) => inference.constants.get(name),
    isUsed: (name) => outputs.has(name) || consumers.has(name),
    fresh,
    addConstant(stem, tensor) {
      const name = fresh(stem);
      graph.initializers.set(name, tensor);
      addConstant(inference, name, tensor);
      return name;
    },
  };
  try {
    for (const original of model.graph.nodes) {
      const node: Node = {
        ...original,
        domain: '',
        inputs: [...original.inputs],
        outputs: [...original.outputs],
        attributes: new Map(original.attributes),
      };
      for (const result of upgraded(node, opset, context)) {
        graph.nodes.push(result);
        inferNode(inference, result);
      }
    }
  } catch (error) {
    if (error instanceof CannotUpgrade) return { normalized: false, why: error.message };
    throw error;
  }
  Object.assign(model.graph, graph);
  model.opsets.delete('ai.onnx');
  model.opsets.set('', TARGET_OPSET);
  model.irVersion = Math.max(model.irVersion, TARGET_IR_VERSION);
  return { normalized: true };
}
