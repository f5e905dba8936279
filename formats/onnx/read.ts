/**
 * Reads an ONNX model (onnx.proto, ONNX 1.18; operator sets 7 to 23) into the IR. Each message is a table of what to do
 * with the fields that the IR has a place for; `readMessage` keeps all others.
 */
import { FormatError, UnsupportedError } from '../../src/errors.ts';
import type { FunctionDefinition, Graph, Model, Node, Value } from '../../src/graph/graph.ts';
import { emptyGraph } from '../../src/graph/graph.ts';
import { type ExternalLoader, type ExternalReader, externalReader } from './external.ts';
import { FUNCTION, GRAPH, MODEL, NODE, OPSET, VALUE } from './fields.ts';
import { quote } from './quote.ts';
import { readAttribute } from './read-attribute.ts';
import { readEntry, readSparseTensor, readTensor } from './read-tensor.ts';
import { readType } from './read-type.ts';
import { recognise } from './recognise.ts';
import {
  type Field,
  KEEP,
  type Message,
  messageIn,
  messageOf,
  readMessage,
  safeInteger,
  text,
  textIfValid,
} from './wire-read.ts';

/** The versions of the default operator set that this project knows. */
export const OPSET_RANGE = { oldest: 7, newest: 23 } as const;

/** From this IR version on a model must say which operator sets it uses. */
const FIRST_IR_WITH_OPSETS = 3;

export interface ReadOnnxOptions {
  /**
   * Gives the bytes of a whole external data file by its location, a relative path with `/` between its parts that has
   * been checked not to leave the model's folder. It is asked once for each file.
   */
  externalData?: ExternalLoader;
}

/**
 * Reads a model. Tensors are views of `bytes` and of the external files wherever those hold raw data, so neither may be
 * changed afterwards.
 *
 * Throws `FormatError` for anything that is not a well-formed model, and `UnsupportedError` for a default operator set
 * outside `OPSET_RANGE`.
 */
export function readOnnx(bytes: Uint8Array, options: ReadOnnxOptions = {}): Model {
  if (bytes.length === 0) throw new FormatError('ONNX', 'the file is empty');
  try {
    return readModel(messageOf(bytes), externalReader(options.externalData));
  } catch (cause) {
    const found = recognise(bytes);
    if (!found || !(cause instanceof FormatError)) throw cause;
    throw new FormatError('ONNX', `this is ${found}, not an ONNX model`, undefined, { cause });
  }
}

function readModel(message: Message, external: ExternalReader): Model {
  const model: Omit<Model, 'graph'> & { graph?: Graph } = {
    irVersion: 0,
    opsets: new Map(),
    producerName: '',
    producerVersion: '',
    domain: '',
    modelVersion: 0,
    metadata: new Map(),
    functions: [],
  };
  const rest = readMessage(message, {
    [MODEL.irVersion]: (field) => {
      model.irVersion = safeInteger(field, 'the IR version');
    },
    [MODEL.producerName]: (field) => {
      model.producerName = text(field);
    },
    [MODEL.producerVersion]: (field) => {
      model.producerVersion = text(field);
    },
    [MODEL.domain]: (field) => {
      model.domain = text(field);
    },
    [MODEL.modelVersion]: (field) => {
      model.modelVersion = safeInteger(field, 'the model version');
    },
    [MODEL.doc]: docOf(model),
    [MODEL.graph]: (field) => {
      model.graph = readGraph(messageIn(field), external);
    },
    [MODEL.opsetImport]: (field) => readOpset(messageIn(field), model.opsets),
    [MODEL.metadata]: (field) => model.metadata.set(...readEntry(messageIn(field))),
    [MODEL.functions]: (field) => model.functions.push(readFunction(messageIn(field), external)),
  });
  const { graph } = model;
  if (!graph) throw new FormatError('ONNX', 'the model has no graph');
  if (model.opsets.size === 0) {
    if (model.irVersion >= FIRST_IR_WITH_OPSETS) throw new FormatError('ONNX', 'the model names no operator set');
    checkOpset('', 1);
  }
  return { ...model, graph, ...rest };
}

/** Reads a graph or subgraph. */
function readGraph(message: Message, external: ExternalReader): Graph {
  const graph = emptyGraph();
  const rest = readMessage(message, {
    [GRAPH.name]: (field) => {
      graph.name = text(field);
    },
    [GRAPH.doc]: docOf(graph),
    [GRAPH.input]: (field) => graph.inputs.push(readValue(messageIn(field))),
    [GRAPH.output]: (field) => graph.outputs.push(readValue(messageIn(field))),
    [GRAPH.valueInfo]: (field) => {
      const value = readValue(messageIn(field));
      graph.values.set(value.name, value);
    },
    [GRAPH.initializer]: (field) => {
      const { name, tensor } = readTensor(messageIn(field), external, 'initializer');
      graph.initializers.set(name, tensor);
    },
    [GRAPH.sparseInitializer]: (field) => {
      const { name, tensor } = readSparseTensor(messageIn(field), external, 'initializer');
      graph.sparseInitializers.set(name, tensor);
    },
    [GRAPH.node]: (field) => graph.nodes.push(readNode(messageIn(field), external)),
  });
  return { ...graph, ...rest };
}

function readFunction(message: Message, external: ExternalReader): FunctionDefinition {
  const definition: FunctionDefinition = {
    domain: '',
    name: '',
    inputs: [],
    outputs: [],
    attributes: [],
    nodes: [],
    opsets: new Map(),
  };
  const rest = readMessage(message, {
    [FUNCTION.name]: (field) => {
      definition.name = text(field);
    },
    [FUNCTION.domain]: (field) => {
      definition.domain = domainIn(field);
    },
    [FUNCTION.doc]: docOf(definition),
    [FUNCTION.input]: (field) => definition.inputs.push(text(field)),
    [FUNCTION.output]: (field) => definition.outputs.push(text(field)),
    [FUNCTION.attribute]: (field) => definition.attributes.push(text(field)),
    [FUNCTION.node]: (field) => definition.nodes.push(readNode(messageIn(field), external)),
    [FUNCTION.opsetImport]: (field) => readOpset(messageIn(field), definition.opsets),
  });
  return { ...definition, ...rest };
}

function readNode(message: Message, external: ExternalReader): Node {
  const node: Node = { op: '', domain: '', name: '', inputs: [], outputs: [], attributes: new Map() };
  const rest = readMessage(message, {
    [NODE.op]: (field) => {
      node.op = text(field);
    },
    [NODE.domain]: (field) => {
      node.domain = domainIn(field);
    },
    [NODE.name]: (field) => {
      node.name = text(field);
    },
    [NODE.doc]: docOf(node),
    [NODE.input]: (field) => node.inputs.push(text(field)),
    [NODE.output]: (field) => node.outputs.push(text(field)),
    [NODE.attribute]: (field) => {
      const { name, attribute } = readAttribute(messageIn(field), external, readGraph);
      node.attributes.set(name, attribute);
    },
  });
  if (!node.op) throw new FormatError('ONNX', `node ${quote(node.name)} names no operator`, message.start);
  return { ...node, ...rest };
}

function readValue(message: Message): Value {
  const value: Value = { name: '' };
  const rest = readMessage(message, {
    [VALUE.name]: (field) => {
      value.name = text(field);
    },
    [VALUE.type]: (field) => {
      value.type = readType(messageIn(field));
    },
    [VALUE.doc]: docOf(value),
  });
  return { ...value, ...rest };
}

function readOpset(message: Message, opsets: Map<string, number>): void {
  let domain = '';
  let version = 0;
  readMessage(message, {
    [OPSET.domain]: (field) => {
      domain = domainIn(field);
    },
    [OPSET.version]: (field) => {
      version = safeInteger(field, 'an operator set version');
    },
  });
  checkOpset(domain, version);
  opsets.set(domain, version);
}

function checkOpset(domain: string, version: number): void {
  const { oldest, newest } = OPSET_RANGE;
  if (domain !== '' || (version >= oldest && version <= newest)) return;
  throw new UnsupportedError(
    `ONNX: the model uses operator set ${version}; versions ${oldest} to ${newest} are supported ` +
      '(the onnx package for Python converts between versions)',
  );
}

/** An operator set's domain; ONNX writes its default domain in two ways, the IR in one. */
function domainIn(field: Field): string {
  const domain = text(field);
  return domain === 'ai.onnx' ? '' : domain;
}

/** A handler that sets the documentation of an IR object. What is not UTF-8 says nothing to us and is kept as it is. */
function docOf(target: { doc?: string }): (field: Field) => unknown {
  return (field) => {
    const doc = textIfValid(field);
    if (doc === undefined) return KEEP;
    if (doc) target.doc = doc;
    return undefined;
  };
}
