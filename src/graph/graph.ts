/**
 * The intermediate representation: ONNX's own model structure (onnx.proto, IR version 13) in plain objects and maps.
 *
 * Passes edit a `Model` in place. Whatever the reader meets and this structure does not name is kept as encoded
 * protobuf fields in `unmodelled`, so that writing the model again loses nothing.
 */
import type { DType } from './dtype.ts';
import type { SparseTensor, Tensor } from './tensor.ts';
import type { Unmodelled } from './unmodelled.ts';

/** One dimension: a size, the name of a symbolic size, or `null` where nothing is known. */
export type Dim = number | string | null;

/**
 * Type of a value; `shape` is absent where not even the rank is known. `denotations` are the standard names of what the
 * dimensions mean, such as `DATA_CHANNEL`, empty where not given. `opaque` is an encoded TypeProto of any other kind.
 */
export type ValueType = (
  | { kind: 'tensor' | 'sparse-tensor'; dtype: DType; shape?: Dim[]; denotations?: string[] }
  | { kind: 'sequence' | 'optional'; element: ValueType }
  | { kind: 'map'; key: DType; value: ValueType }
  | { kind: 'opaque'; encoded: Uint8Array }
) &
  Unmodelled;

/** A named input, output or intermediate value (ValueInfoProto). */
export interface Value extends Unmodelled {
  name: string;
  type?: ValueType;
  doc?: string;
}

/**
 * A node attribute (AttributeProto). Integers outside the safe range are bigints; strings that are not UTF-8 are bytes.
 * `reference` stands in a function body for the attribute `name` of the call.
 */
export type Attribute = (
  | { type: 'float'; value: number }
  | { type: 'int'; value: number | bigint }
  | { type: 'string'; value: string | Uint8Array }
  | { type: 'tensor'; value: Tensor }
  | { type: 'sparse-tensor'; value: SparseTensor }
  | { type: 'graph'; value: Graph }
  | { type: 'type'; value: ValueType }
  | { type: 'floats'; value: number[] }
  | { type: 'ints'; value: (number | bigint)[] }
  | { type: 'strings'; value: (string | Uint8Array)[] }
  | { type: 'tensors'; value: Tensor[] }
  | { type: 'sparse-tensors'; value: SparseTensor[] }
  | { type: 'graphs'; value: Graph[] }
  | { type: 'types'; value: ValueType[] }
  | { type: 'reference'; name: string; of: AttributeType }
) &
  Unmodelled;

/** The attribute types that carry a value. */
export type AttributeType = Exclude<Attribute['type'], 'reference'>;

/** One operator application. An omitted optional input or output is the empty string. */
export interface Node extends Unmodelled {
  /** Operator name as ONNX spells it, such as `Conv`. */
  op: string;
  /** Operator set; the empty string is ONNX's default domain `ai.onnx`. */
  domain: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Attribute>;
  doc?: string;
}

/** A graph or subgraph. In a subgraph, inputs of nodes may name values of the enclosing graphs. */
export interface Graph extends Unmodelled {
  name: string;
  /** Before IR version 4 every initialiser also stands here; the reader leaves such inputs in place. */
  inputs: Value[];
  outputs: Value[];
  initializers: Map<string, Tensor>;
  sparseInitializers: Map<string, SparseTensor>;
  /** In topological order. */
  nodes: Node[];
  /** Types of intermediate values (value_info), by name. */
  values: Map<string, Value>;
  doc?: string;
}

/** A model-local function (FunctionProto). */
export interface FunctionDefinition extends Unmodelled {
  domain: string;
  name: string;
  inputs: string[];
  outputs: string[];
  /** Names of attributes that a call must give. */
  attributes: string[];
  nodes: Node[];
  opsets: Map<string, number>;
  doc?: string;
}

export interface Model extends Unmodelled {
  irVersion: number;
  /** Operator set versions by domain. */
  opsets: Map<string, number>;
  producerName: string;
  producerVersion: string;
  domain: string;
  modelVersion: number;
  doc?: string;
  metadata: Map<string, string>;
  functions: FunctionDefinition[];
  graph: Graph;
}

/** Version of the default operator set. */
export function defaultOpset(model: Model): number {
  return model.opsets.get('') ?? model.opsets.get('ai.onnx') ?? 1;
}

/** The graphs that hang on a node's attributes (bodies of If, Loop, Scan, …). */
export function subgraphs(node: Node): Graph[] {
  const found: Graph[] = [];
  for (const attribute of node.attributes.values()) {
    if (attribute.type === 'graph') found.push(attribute.value);
    else if (attribute.type === 'graphs') found.push(...attribute.value);
  }
  return found;
}

/** An empty graph, for building one by hand. */
export function emptyGraph(name = ''): Graph {
  return {
    name,
    inputs: [],
    outputs: [],
    initializers: new Map(),
    sparseInitializers: new Map(),
    nodes: [],
    values: new Map(),
  };
}

/** A model around `graph`. */
export function modelOf(graph: Graph, opset: number, irVersion = 8): Model {
  return {
    irVersion,
    opsets: new Map([['', opset]]),
    producerName: 'fqz',
    producerVersion: '',
    domain: '',
    modelVersion: 0,
    metadata: new Map(),
    functions: [],
    graph,
  };
}

/** A node of the default domain. */
export function node(
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, Attribute> = {},
  name = '',
): Node {
  return { op, domain: '', name, inputs, outputs, attributes: new Map(Object.entries(attributes)) };
}

/** An integer attribute as a number (saturated to the safe integers), or `fallback` where the node does not set it. */
export function intAttribute(node: Node, name: string, fallback: number): number;
export function intAttribute(node: Node, name: string): number | undefined;
export function intAttribute(node: Node, name: string, fallback?: number): number | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'int' ? safeInteger(attribute.value) : fallback;
}

/** An integer-list attribute as numbers (saturated to the safe integers), or `undefined` where the node does not set it. */
export function intsAttribute(node: Node, name: string): number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'ints' ? attribute.value.map(safeInteger) : undefined;
}

/** A float attribute, or `fallback` where the node does not set it. */
export function floatAttribute(node: Node, name: string, fallback: number): number;
export function floatAttribute(node: Node, name: string): number | undefined;
export function floatAttribute(node: Node, name: string, fallback?: number): number | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'float' ? attribute.value : fallback;
}

/** A string attribute, or `undefined` where the node does not set it. */
export function stringAttribute(node: Node, name: string): string | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'string' && typeof attribute.value === 'string' ? attribute.value : undefined;
}

function safeInteger(value: number | bigint): number {
  if (typeof value === 'number') return value;
  return value > 0n ? Number.MAX_SAFE_INTEGER : -Number.MAX_SAFE_INTEGER;
}
