/**
 * Types and shapes of a graph's values, from its inputs and initialisers through one rule per operator (shapes/), with
 * symbolic sizes carried along. What cannot be told stays unknown; what is told is certain as long as the model's own
 * declarations of its inputs hold.
 */
import { constantValue } from './constant-node.ts';
import { type Dim, defaultOpset, type Graph, type Model, type Node } from './graph.ts';
import { toNumbers } from './numbers.ts';
import { opSpec } from './op-table.ts';
import { type TensorType, unknownDims } from './shapes/dims.ts';
import { ELEMENTWISE_RULES } from './shapes/elementwise.ts';
import { INTEGER_RULES, MOST_INTEGERS } from './shapes/integers.ts';
import { LAYOUT_RULES } from './shapes/layout.ts';
import { MATRIX_RULES } from './shapes/matrix.ts';
import type { Application, Rules } from './shapes/rule.ts';
import { WINDOW_RULES } from './shapes/window.ts';
import { elementCount, type Tensor } from './tensor.ts';

export type { TensorType } from './shapes/dims.ts';

const RULES: Rules = { ...ELEMENTWISE_RULES, ...WINDOW_RULES, ...LAYOUT_RULES, ...MATRIX_RULES };

/** Operators of the default domain that have a shape rule. */
export const INFERRED_OPERATORS: ReadonlySet<string> = new Set(Object.keys(RULES));

/** What is known so far of a graph's values; `inferNode` adds to it. */
export interface Inference {
  readonly graph: Graph;
  readonly opset: number;
  readonly types: Map<string, TensorType>;
  /** Initialisers and the values of Constant nodes. */
  readonly constants: Map<string, Tensor>;
  /** Elements of small integer values in order, where they are known at least as symbols. */
  readonly integers: Map<string, readonly Dim[]>;
}

/** Starts with the graph's inputs and initialisers. Nothing is inferred yet. */
export function startInference(model: Model): Inference {
  const { graph } = model;
  const inference: Inference = {
    graph,
    opset: defaultOpset(model),
    types: new Map(),
    constants: new Map(),
    integers: new Map(),
  };
  for (const { name, type } of graph.inputs) {
    if (type?.kind !== 'tensor') continue;
    const { dtype, shape } = type;
    inference.types.set(name, shape ? { dtype, shape: shape.map(plausible) } : { dtype });
  }
  for (const [name, tensor] of graph.initializers) addConstant(inference, name, tensor);
  return inference;
}

/** A size, or `null` for what cannot be one: -1 in a declaration, or what a rule made of shapes that do not fit. */
function plausible(dim: Dim | undefined): Dim {
  if (typeof dim === 'string') return dim;
  return Number.isSafeInteger(dim) && dim! >= 0 ? dim! : null;
}

function plausibleType(type: TensorType | undefined): TensorType | undefined {
  return type?.shape ? { dtype: type.dtype, shape: Array.from(type.shape, plausible) } : type;
}

/** Makes a constant known. */
export function addConstant({ types, constants, integers }: Inference, name: string, tensor: Tensor): void {
  constants.set(name, tensor);
  types.set(name, { dtype: tensor.dtype, shape: tensor.shape });
  const integral = tensor.dtype === 'int64' || tensor.dtype === 'int32' || tensor.dtype === 'bool';
  if (integral && elementCount(tensor.shape) <= MOST_INTEGERS) integers.set(name, toNumbers(tensor));
}

/** Infers the outputs of `node`, whose inputs must have been inferred before. Never throws. */
export function inferNode(inference: Inference, node: Node): void {
  const value = constantValue(node);
  if (value) {
    addConstant(inference, node.outputs[0] ?? '', value);
    return;
  }
  const { types, constants, integers, graph } = inference;
  const application: Application = {
    node,
    opset: inference.opset,
    inputs: node.inputs.map((name) => types.get(name)),
    integers: (index) => integers.get(node.inputs[index] ?? ''),
    constant: (index) => constants.get(node.inputs[index] ?? ''),
  };
  const standard = isCurrentForm(node);
  const inferred = standard && Object.hasOwn(RULES, node.op) ? RULES[node.op]!(application) : [];
  node.outputs.forEach((name, index) => {
    const type = plausibleType(inferred[index]) ?? declaredType(graph, name);
    if (name !== '' && type) types.set(name, type);
  });
  const [output = ''] = node.outputs;
  const type = types.get(output);
  if (!standard || !type?.shape || type.shape.length > 1 || !Object.hasOwn(INTEGER_RULES, node.op)) return;
  if (type.dtype !== 'int64' && type.dtype !== 'int32' && type.dtype !== 'bool') return;
  const elements = INTEGER_RULES[node.op]!(application);
  if (!elements || elements.length > MOST_INTEGERS) return;
  integers.set(output, elements);
  // How many elements there are may be known only now, as after a Slice of a shape.
  if (type.shape[0] === null) types.set(output, { dtype: type.dtype, shape: [elements.length] });
}

/**
 * Whether the node reads as the operator table says. Older opsets gave in attributes what is an input now (the axes of
 * a reduction), so an attribute that the table does not know means that the rules do not hold.
 */
function isCurrentForm({ op, domain, attributes }: Node): boolean {
  const known = domain === '' || domain === 'ai.onnx' ? opSpec(op)?.attributes : undefined;
  return known !== undefined && [...attributes.keys()].every((name) => known.some((spec) => spec.name === name));
}

/**
 * What the model itself declares of a value that no rule tells of: the element type and the rank. Declared sizes are
 * not taken: models keep them when somebody changes the size of an input.
 */
function declaredType({ values, outputs }: Graph, name: string): TensorType | undefined {
  const type = values.get(name)?.type ?? outputs.find((output) => output.name === name)?.type;
  if (type?.kind !== 'tensor') return undefined;
  return type.shape ? { dtype: type.dtype, shape: unknownDims(type.shape.length) } : { dtype: type.dtype };
}

/**
 * Infers the main graph of `model` (subgraphs and functions are not entered). Values of which not even the element
 * type is known are absent. Never throws on a model that is well-formed as a structure, however wrong its shapes.
 */
export function inferShapes(model: Model): Map<string, TensorType> {
  const inference = startInference(model);
  for (const node of model.graph.nodes) inferNode(inference, node);
  return inference.types;
}
