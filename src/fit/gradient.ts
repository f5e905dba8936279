/**
 * Reverse-mode differentiation from ONNX graph to ONNX graph: nodes that compute the gradients are appended to the graph
 * that computes the value, one rule per operator (rules/).
 */
import { isFloat } from '../graph/dtype.ts';
import { defaultOpset, type Graph, type Model, type Node } from '../graph/graph.ts';
import { TARGET_OPSET } from '../graph/op-table.ts';
import { isStandard, usedNames } from '../graph/uses.ts';
import { type Emitter, emitterOf } from './emit.ts';
import { GRADIENT_RULES } from './rules/all.ts';
import { zerosLike } from './rules/like.ts';
import { type Application, type Inputs, unsupported } from './rules/rule.ts';

export interface GradientOptions {
  /**
   * Outputs of nodes, such as Round, that are differentiated as if the node handed its first input on as it is: the
   * straight-through estimator (Bengio et al. 2013).
   */
  readonly straightThrough?: readonly string[];
}

/**
 * Appends nodes to `model.graph` that compute vector-Jacobian products, of standard operators of opset 21.
 *
 * A value counts as constant where it depends on `of` only through integers or booleans. Where a function has a kink, one of its
 * one-sided derivatives or something between them is taken.
 *
 * @param seeds for each value to start from, the value that holds its cotangent, of the same shape
 * @param of inputs, initialisers or outputs of nodes
 * @returns for each name in `of` the name of the value that holds Σ ⟨cotangent, ∂seed/∂value⟩, summed over the seeds; zeros
 *   where no seed depends on it
 * @throws `UnsupportedError` for a node in between that has no rule, `RangeError` for a name that the graph does not have or a
 *   model of an older opset
 */
export function appendGradients(
  model: Model,
  seeds: ReadonlyMap<string, string>,
  of: readonly string[],
  { straightThrough = [] }: GradientOptions = {},
): Map<string, string> {
  if (defaultOpset(model) < TARGET_OPSET) {
    throw new RangeError(`gradients need a model of opset ${TARGET_OPSET} or newer, got ${defaultOpset(model)}`);
  }
  const { graph } = model;
  const existing = namesOf(graph);
  for (const name of [...seeds.keys(), ...seeds.values(), ...of, ...straightThrough]) {
    if (!existing.has(name)) throw new RangeError(`the graph has no value ${JSON.stringify(name)}`);
  }
  const nodes = [...graph.nodes];
  const emit = emitterOf(model);
  const active = dependents(nodes, of, emit);
  const estimated = new Set(straightThrough);
  /** What is to be summed to the cotangent of each value. */
  const parts = new Map([...seeds].map(([value, cotangent]) => [value, [cotangent]]));

  const cotangentOf = (value: string): string | undefined => {
    const terms = parts.get(value);
    if (!terms) return undefined;
    if (terms.length > 1) terms.splice(0, terms.length, terms.length === 2 ? emit.Add(...terms) : emit.Sum(...terms));
    return terms[0];
  };

  for (const node of nodes.reverse()) {
    if (!node.outputs.some((name) => active.has(name) && parts.has(name))) continue;
    if (!usedNames(node).some((name) => active.has(name))) continue;
    const cotangents = node.outputs.map(cotangentOf);
    const isEstimated = node.outputs.some((name) => estimated.has(name));
    const gradients = isEstimated ? cotangents.slice(0, 1) : differentiate(node, cotangents, active, emit);
    node.inputs.forEach((input, index) => {
      if (!active.has(input)) return;
      const gradient = gradients[index];
      if (!gradient) throw unsupported(node, `there is no gradient by its input ${index}, ${JSON.stringify(input)}`);
      const terms = parts.get(input);
      if (terms) terms.push(gradient);
      else parts.set(input, [gradient]);
    });
  }
  const gradients = new Map(of.map((name) => [name, cotangentOf(name) ?? zerosLike(emit, name)]));
  removeUnneeded(graph, existing, new Set(gradients.values()));
  return gradients;
}

/** What the rule of `node` emits. */
function differentiate(
  node: Node,
  cotangents: readonly (string | undefined)[],
  active: ReadonlySet<string>,
  emit: Emitter,
): readonly (string | undefined)[] {
  const rule =
    isStandard(node, node.op) && Object.hasOwn(GRADIENT_RULES, node.op) ? GRADIENT_RULES[node.op] : undefined;
  if (!rule) throw unsupported(node, 'there is no rule for the gradient of this operator');
  const inputs = [...node.inputs];
  while (inputs.length < 5) inputs.push('');
  const [y = ''] = node.outputs;
  const at: Application = {
    node,
    inputs: inputs as unknown as Inputs,
    x: inputs[0]!,
    y,
    // Rules of operators with several outputs ask for the cotangents one by one.
    dy: cotangents[0] ?? zerosLike(emit, y),
    cotangents,
    wants: (index) => active.has(node.inputs[index] ?? ''),
  };
  return rule(emit, at);
}

/** The values that depend on `of` by way of real numbers, and `of` itself. */
function dependents(nodes: readonly Node[], of: readonly string[], emit: Emitter): Set<string> {
  const found = new Set(of);
  for (const node of nodes) {
    if (!usedNames(node).some((name) => found.has(name))) continue;
    for (const name of node.outputs) if (isFloat(emit.typeOf(name)?.dtype ?? 'float32')) found.add(name);
  }
  return found;
}

/** The values of a graph, without those of its subgraphs. */
function namesOf({ inputs, initializers, nodes }: Graph): Set<string> {
  return new Set([
    ...inputs.map(({ name }) => name),
    ...initializers.keys(),
    ...nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== '')),
  ]);
}

/** Removes what rules have emitted besides what is needed for `results`; the values in `existing` stay. */
function removeUnneeded(graph: Graph, existing: ReadonlySet<string>, results: ReadonlySet<string>): void {
  const needed = new Set([...existing, ...results]);
  graph.nodes = graph.nodes
    .reduceRight<Node[]>((kept, node) => {
      if (!node.outputs.some((name) => needed.has(name))) return kept;
      for (const name of node.inputs) needed.add(name);
      kept.push(node);
      return kept;
    }, [])
    .reverse();
  for (const name of graph.initializers.keys()) if (!needed.has(name)) graph.initializers.delete(name);
}
