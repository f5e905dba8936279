/**
 * Reads types of values (TypeProto).
 */
import { dtypeFromCode } from '../../src/graph/dtype.ts';
import type { Dim, ValueType } from '../../src/graph/graph.ts';
import { DIMENSION, ELEMENT_TYPE, MAP_TYPE, SHAPE, TENSOR_TYPE, TYPE } from './fields.ts';
import { type Field, type Handlers, type Message, messageIn, readMessage, safeInteger, text } from './wire-read.ts';

/** Reads a TypeProto. One that the IR cannot express in full comes back as `opaque`. Throws `FormatError`. */
export function readType(message: Message): ValueType {
  let type: ValueType | undefined;
  const rest = readMessage(message, {
    [TYPE.tensor]: (field) => {
      type = readTensorType('tensor', field);
    },
    [TYPE.sparseTensor]: (field) => {
      type = readTensorType('sparse-tensor', field);
    },
    [TYPE.sequence]: (field) => {
      type = readElementType('sequence', field);
    },
    [TYPE.optional]: (field) => {
      type = readElementType('optional', field);
    },
    [TYPE.map]: (field) => {
      type = readMapType(field);
    },
  });
  if (!type) return { kind: 'opaque', encoded: message.bytes.subarray(message.start, message.end) };
  return { ...type, ...rest };
}

function readTensorType(kind: 'tensor' | 'sparse-tensor', field: Field): ValueType | undefined {
  let code = 0;
  let dimensions: Dimension[] | undefined;
  let isComplete = true;
  const isModelled = readInFull(field, {
    [TENSOR_TYPE.elementType]: (inner) => {
      code = safeInteger(inner, 'an element type');
    },
    [TENSOR_TYPE.shape]: (inner) => {
      const shape: Dimension[] = [];
      isComplete = readInFull(inner, { [SHAPE.dim]: (dim) => shape.push(readDimension(dim)) });
      dimensions = shape;
    },
  });
  const dtype = dtypeFromCode(code);
  if (!dtype || !isModelled || !isComplete || dimensions?.some((dimension) => !dimension.isComplete)) return undefined;
  if (!dimensions) return { kind, dtype };
  const shape = dimensions.map((dimension) => dimension.size);
  const denotations = dimensions.map((dimension) => dimension.denotation);
  return { kind, dtype, shape, ...(denotations.some(Boolean) && { denotations }) };
}

interface Dimension {
  size: Dim;
  denotation: string;
  /** Whether the IR has a place for all that was read. */
  isComplete: boolean;
}

function readDimension(field: Field): Dimension {
  const dimension: Dimension = { size: null, denotation: '', isComplete: true };
  dimension.isComplete = readInFull(field, {
    [DIMENSION.value]: (inner) => {
      const size = safeInteger(inner, 'a dimension');
      // Old exporters write −1 for a size that they do not know.
      dimension.size = size < 0 ? null : size;
    },
    [DIMENSION.parameter]: (inner) => {
      dimension.size = text(inner) || null;
    },
    [DIMENSION.denotation]: (inner) => {
      dimension.denotation = text(inner);
    },
  });
  return dimension;
}

function readElementType(kind: 'sequence' | 'optional', field: Field): ValueType | undefined {
  let element: ValueType | undefined;
  const isModelled = readInFull(field, {
    [ELEMENT_TYPE.element]: (inner) => {
      element = readType(messageIn(inner));
    },
  });
  return element && isModelled ? { kind, element } : undefined;
}

function readMapType(field: Field): ValueType | undefined {
  let code = 0;
  let value: ValueType | undefined;
  const isModelled = readInFull(field, {
    [MAP_TYPE.key]: (inner) => {
      code = safeInteger(inner, 'a key type');
    },
    [MAP_TYPE.value]: (inner) => {
      value = readType(messageIn(inner));
    },
  });
  const key = dtypeFromCode(code);
  return key && value && isModelled ? { kind: 'map', key, value } : undefined;
}

/** Reads a nested message and says whether every field had a handler. */
function readInFull(field: Field, handlers: Handlers): boolean {
  return readMessage(messageIn(field), handlers).unmodelled === undefined;
}
