/**
 * Writes the IR as an ONNX model (onnx.proto), the mirror of read.ts. In each message, what was kept unmodelled comes first:
 * of two values for one field protobuf takes the later one, and that must be the IR's.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { DTYPES } from '../../src/graph/dtype.ts';
import type { Attribute, FunctionDefinition, Graph, Model, Node, Value, ValueType } from '../../src/graph/graph.ts';
import type { SparseTensor, Tensor } from '../../src/graph/tensor.ts';
import {
  ATTRIBUTE,
  ATTRIBUTE_TYPES,
  DIMENSION,
  ELEMENT_TYPE,
  ENTRY,
  FUNCTION,
  GRAPH,
  MAP_TYPE,
  MODEL,
  NODE,
  OPSET,
  SHAPE,
  SPARSE_TENSOR,
  TENSOR,
  TENSOR_TYPE,
  TYPE,
  VALUE,
} from './fields.ts';
import {
  newWriter,
  type Writer,
  writeBytes,
  writeEncoded,
  writeFloat,
  writeFloats,
  writeInteger,
  writeIntegers,
  writeMessage,
  writeOptionalText,
  writeText,
  writeTexts,
} from './wire-write.ts';

/** Protobuf's own limit for a message. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * Writes a model with all tensors inside it, as raw data. Throws `UnsupportedError` where that would take more than the
 * 2 GB that a protobuf message may have.
 */
export function writeOnnx(model: Model): Uint8Array {
  const writer = newWriter();
  writeModel(writer, model);
  if (writer.len > MAX_BYTES) {
    throw new UnsupportedError(
      `ONNX: the model would take ${writer.len} bytes, but an ONNX file holds at most ${MAX_BYTES}`,
    );
  }
  return writer.finish();
}

function writeModel(writer: Writer, model: Model): void {
  // First all the same, because programs know an ONNX file by its first byte.
  writeInteger(writer, MODEL.irVersion, model.irVersion);
  writeEncoded(writer, model.unmodelled);
  writeOptionalText(writer, MODEL.producerName, model.producerName);
  writeOptionalText(writer, MODEL.producerVersion, model.producerVersion);
  writeOptionalText(writer, MODEL.domain, model.domain);
  if (model.modelVersion !== 0) writeInteger(writer, MODEL.modelVersion, model.modelVersion);
  writeOptionalText(writer, MODEL.doc, model.doc);
  writeOpsets(writer, MODEL.opsetImport, model.opsets);
  writeMessage(writer, MODEL.graph, () => writeGraph(writer, model.graph));
  for (const [key, value] of model.metadata) {
    writeMessage(writer, MODEL.metadata, () => {
      writeText(writer, ENTRY.key, key);
      writeText(writer, ENTRY.value, value);
    });
  }
  for (const definition of model.functions) {
    writeMessage(writer, MODEL.functions, () => writeFunction(writer, definition));
  }
}

function writeOpsets(writer: Writer, field: number, opsets: ReadonlyMap<string, number>): void {
  for (const [domain, version] of opsets) {
    writeMessage(writer, field, () => {
      writeText(writer, OPSET.domain, domain);
      writeInteger(writer, OPSET.version, version);
    });
  }
}

function writeGraph(writer: Writer, graph: Graph): void {
  writeEncoded(writer, graph.unmodelled);
  for (const node of graph.nodes) writeMessage(writer, GRAPH.node, () => writeNode(writer, node));
  writeOptionalText(writer, GRAPH.name, graph.name);
  for (const [name, tensor] of graph.initializers) {
    writeMessage(writer, GRAPH.initializer, () => writeTensor(writer, tensor, name));
  }
  writeOptionalText(writer, GRAPH.doc, graph.doc);
  for (const value of graph.inputs) writeMessage(writer, GRAPH.input, () => writeValue(writer, value));
  for (const value of graph.outputs) writeMessage(writer, GRAPH.output, () => writeValue(writer, value));
  for (const value of graph.values.values()) writeMessage(writer, GRAPH.valueInfo, () => writeValue(writer, value));
  for (const [name, tensor] of graph.sparseInitializers) {
    writeMessage(writer, GRAPH.sparseInitializer, () => writeSparseTensor(writer, tensor, name));
  }
}

function writeFunction(writer: Writer, definition: FunctionDefinition): void {
  writeEncoded(writer, definition.unmodelled);
  writeText(writer, FUNCTION.name, definition.name);
  writeTexts(writer, FUNCTION.input, definition.inputs);
  writeTexts(writer, FUNCTION.output, definition.outputs);
  writeTexts(writer, FUNCTION.attribute, definition.attributes);
  for (const node of definition.nodes) writeMessage(writer, FUNCTION.node, () => writeNode(writer, node));
  writeOptionalText(writer, FUNCTION.doc, definition.doc);
  writeOpsets(writer, FUNCTION.opsetImport, definition.opsets);
  writeOptionalText(writer, FUNCTION.domain, definition.domain);
}

function writeNode(writer: Writer, node: Node): void {
  writeEncoded(writer, node.unmodelled);
  writeTexts(writer, NODE.input, node.inputs);
  writeTexts(writer, NODE.output, node.outputs);
  writeOptionalText(writer, NODE.name, node.name);
  writeText(writer, NODE.op, node.op);
  for (const [name, attribute] of node.attributes) {
    writeMessage(writer, NODE.attribute, () => {
      writeText(writer, ATTRIBUTE.name, name);
      writeAttribute(writer, attribute);
    });
  }
  writeOptionalText(writer, NODE.doc, node.doc);
  writeOptionalText(writer, NODE.domain, node.domain);
}

function writeAttribute(writer: Writer, attribute: Attribute): void {
  writeEncoded(writer, attribute.unmodelled);
  const { code, field } = ATTRIBUTE_TYPES[attribute.type === 'reference' ? attribute.of : attribute.type];
  writeInteger(writer, ATTRIBUTE.type, code);
  const each = <T>(values: readonly T[], write: (writer: Writer, value: T) => void) => {
    for (const value of values) writeMessage(writer, field, () => write(writer, value));
  };
  switch (attribute.type) {
    case 'reference':
      writeText(writer, ATTRIBUTE.referenceName, attribute.name);
      break;
    case 'float':
      writeFloat(writer, field, attribute.value);
      break;
    case 'int':
      writeInteger(writer, field, attribute.value);
      break;
    case 'string':
      writeString(writer, field, attribute.value);
      break;
    case 'tensor':
      each([attribute.value], writeTensor);
      break;
    case 'sparse-tensor':
      each([attribute.value], writeSparseTensor);
      break;
    case 'graph':
      each([attribute.value], writeGraph);
      break;
    case 'type':
      each([attribute.value], writeType);
      break;
    case 'floats':
      writeFloats(writer, field, attribute.value);
      break;
    case 'ints':
      writeIntegers(writer, field, attribute.value);
      break;
    case 'strings':
      for (const value of attribute.value) writeString(writer, field, value);
      break;
    case 'tensors':
      each(attribute.value, writeTensor);
      break;
    case 'sparse-tensors':
      each(attribute.value, writeSparseTensor);
      break;
    case 'graphs':
      each(attribute.value, writeGraph);
      break;
    case 'types':
      each(attribute.value, writeType);
      break;
  }
}

function writeString(writer: Writer, field: number, value: string | Uint8Array): void {
  if (typeof value === 'string') writeText(writer, field, value);
  else writeBytes(writer, field, value);
}

function writeTensor(writer: Writer, tensor: Tensor, name?: string): void {
  writeEncoded(writer, tensor.unmodelled);
  writeIntegers(writer, TENSOR.dims, tensor.shape);
  writeInteger(writer, TENSOR.dataType, DTYPES[tensor.dtype].code);
  if (tensor.dtype === 'string') {
    for (const value of tensor.strings) writeBytes(writer, TENSOR.stringData, value);
  } else {
    writeBytes(writer, TENSOR.rawData, tensor.data);
  }
  writeOptionalText(writer, TENSOR.name, name);
}

function writeSparseTensor(writer: Writer, tensor: SparseTensor, name?: string): void {
  writeEncoded(writer, tensor.unmodelled);
  writeMessage(writer, SPARSE_TENSOR.values, () => writeTensor(writer, tensor.values, name));
  writeMessage(writer, SPARSE_TENSOR.indices, () => writeTensor(writer, tensor.indices));
  writeIntegers(writer, SPARSE_TENSOR.dims, tensor.shape);
}

function writeValue(writer: Writer, value: Value): void {
  writeEncoded(writer, value.unmodelled);
  const { type } = value;
  writeText(writer, VALUE.name, value.name);
  if (type) writeMessage(writer, VALUE.type, () => writeType(writer, type));
  writeOptionalText(writer, VALUE.doc, value.doc);
}

function writeType(writer: Writer, type: ValueType): void {
  writeEncoded(writer, type.unmodelled);
  switch (type.kind) {
    case 'tensor':
      writeMessage(writer, TYPE.tensor, () => writeTensorType(writer, type));
      break;
    case 'sparse-tensor':
      writeMessage(writer, TYPE.sparseTensor, () => writeTensorType(writer, type));
      break;
    case 'sequence':
    case 'optional': {
      const field = type.kind === 'sequence' ? TYPE.sequence : TYPE.optional;
      writeMessage(writer, field, () => {
        writeMessage(writer, ELEMENT_TYPE.element, () => writeType(writer, type.element));
      });
      break;
    }
    case 'map':
      writeMessage(writer, TYPE.map, () => {
        writeInteger(writer, MAP_TYPE.key, DTYPES[type.key].code);
        writeMessage(writer, MAP_TYPE.value, () => writeType(writer, type.value));
      });
      break;
    case 'opaque':
      writeEncoded(writer, type.encoded);
      break;
  }
}

function writeTensorType(writer: Writer, type: Extract<ValueType, { kind: 'tensor' | 'sparse-tensor' }>): void {
  const { dtype, shape, denotations } = type;
  writeInteger(writer, TENSOR_TYPE.elementType, DTYPES[dtype].code);
  if (!shape) return;
  writeMessage(writer, TENSOR_TYPE.shape, () => {
    for (const [axis, size] of shape.entries()) {
      writeMessage(writer, SHAPE.dim, () => {
        if (typeof size === 'number') writeInteger(writer, DIMENSION.value, size);
        else if (size !== null) writeText(writer, DIMENSION.parameter, size);
        writeOptionalText(writer, DIMENSION.denotation, denotations?.[axis]);
      });
    }
  });
}
