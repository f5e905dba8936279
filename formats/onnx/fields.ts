/**
 * The field numbers of onnx.proto (ONNX 1.18, IR version 11 and later additions) that the reader and the writer model.
 * A field that is not in these tables is kept as it is: see `readMessage`.
 */
import type { AttributeType } from '../../src/graph/graph.ts';

export const MODEL = {
  irVersion: 1,
  producerName: 2,
  producerVersion: 3,
  domain: 4,
  modelVersion: 5,
  doc: 6,
  graph: 7,
  opsetImport: 8,
  metadata: 14,
  functions: 25,
} as const;

export const OPSET = { domain: 1, version: 2 } as const;

/** StringStringEntryProto. */
export const ENTRY = { key: 1, value: 2 } as const;

export const GRAPH = {
  node: 1,
  name: 2,
  initializer: 5,
  doc: 10,
  input: 11,
  output: 12,
  valueInfo: 13,
  sparseInitializer: 15,
} as const;

export const FUNCTION = {
  name: 1,
  input: 4,
  output: 5,
  attribute: 6,
  node: 7,
  doc: 8,
  opsetImport: 9,
  domain: 10,
} as const;

export const NODE = { input: 1, output: 2, name: 3, op: 4, attribute: 5, doc: 6, domain: 7 } as const;

export const VALUE = { name: 1, type: 2, doc: 3 } as const;

export const ATTRIBUTE = { name: 1, type: 20, referenceName: 21 } as const;

/** AttributeProto.AttributeType, and the field that holds the value of an attribute of each type. */
export const ATTRIBUTE_TYPES: Readonly<Record<AttributeType, { readonly code: number; readonly field: number }>> = {
  float: { code: 1, field: 2 },
  int: { code: 2, field: 3 },
  string: { code: 3, field: 4 },
  tensor: { code: 4, field: 5 },
  graph: { code: 5, field: 6 },
  floats: { code: 6, field: 7 },
  ints: { code: 7, field: 8 },
  strings: { code: 8, field: 9 },
  tensors: { code: 9, field: 10 },
  graphs: { code: 10, field: 11 },
  'sparse-tensor': { code: 11, field: 22 },
  'sparse-tensors': { code: 12, field: 23 },
  type: { code: 13, field: 14 },
  types: { code: 14, field: 15 },
};

export const TENSOR = {
  dims: 1,
  dataType: 2,
  segment: 3,
  floatData: 4,
  int32Data: 5,
  stringData: 6,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  uint64Data: 11,
  externalData: 13,
  dataLocation: 14,
} as const;

export const SPARSE_TENSOR = { values: 1, indices: 2, dims: 3 } as const;

/** TypeProto; all but the denotation are the members of its oneof. */
export const TYPE = { tensor: 1, sequence: 4, map: 5, sparseTensor: 8, optional: 9 } as const;

/** TypeProto.Tensor and TypeProto.SparseTensor. */
export const TENSOR_TYPE = { elementType: 1, shape: 2 } as const;

/** TypeProto.Sequence and TypeProto.Optional. */
export const ELEMENT_TYPE = { element: 1 } as const;

export const MAP_TYPE = { key: 1, value: 2 } as const;

export const SHAPE = { dim: 1 } as const;

export const DIMENSION = { value: 1, parameter: 2, denotation: 3 } as const;
