/**
 * Reads tensors (TensorProto and SparseTensorProto).
 */
import { FormatError, UnsupportedError } from '../../src/errors.ts';
import { byteLength, dtypeFromCode } from '../../src/graph/dtype.ts';
import type { SparseTensor, Tensor } from '../../src/graph/tensor.ts';
import type { ExternalReader } from './external.ts';
import { ENTRY, SPARSE_TENSOR, TENSOR } from './fields.ts';
import { quote } from './quote.ts';
import { elementBytes } from './tensor-elements.ts';
import {
  bytesOf,
  type Field,
  integers,
  KEEP,
  type Message,
  messageIn,
  readMessage,
  safeInteger,
  text,
} from './wire-read.ts';

/** A tensor and its name, which is empty where the file gives none. */
export interface Named<T> {
  readonly name: string;
  readonly tensor: T;
}

/** An initialiser's name is its key in the IR; elsewhere a tensor's name means nothing and stays in `unmodelled`. */
export type TensorPlace = 'initializer' | 'attribute';

/** TensorProto.DataLocation. */
const EXTERNAL = 1;

/** Reads a TensorProto. Throws `FormatError`, or `UnsupportedError` for a tensor that is cut into segments. */
export function readTensor(message: Message, external: ExternalReader, place: TensorPlace): Named<Tensor> {
  let name = '';
  let code = 0;
  let location = 0;
  const shape: number[] = [];
  const entries = new Map<string, string>();
  const stored = new Map<number, Field[]>();
  const store = (field: Field) => {
    const list = stored.get(field.number);
    if (list) list.push(field);
    else stored.set(field.number, [field]);
  };
  const rest = readMessage(message, {
    [TENSOR.name]: (field) => {
      name = text(field);
      return place === 'initializer' ? undefined : KEEP;
    },
    [TENSOR.dataType]: (field) => {
      code = safeInteger(field, 'an element type');
    },
    [TENSOR.dims]: (field) => readDimensions(field, shape),
    [TENSOR.segment]: () => {
      throw new UnsupportedError('ONNX: a tensor is cut into segments, which onnxruntime cannot read either');
    },
    [TENSOR.dataLocation]: (field) => {
      location = safeInteger(field, 'a data location');
    },
    [TENSOR.externalData]: (field) => {
      const [key, value] = readEntry(messageIn(field));
      entries.set(key, value);
    },
    [TENSOR.rawData]: (field) => stored.set(field.number, [field]),
    [TENSOR.floatData]: store,
    [TENSOR.int32Data]: store,
    [TENSOR.stringData]: store,
    [TENSOR.int64Data]: store,
    [TENSOR.doubleData]: store,
    [TENSOR.uint64Data]: store,
  });

  const fail = (problem: string): never => {
    throw new FormatError('ONNX', `tensor ${quote(name)} ${problem}`, message.start);
  };
  const dtype = dtypeFromCode(code) ?? fail(`has the unknown element type ${code}`);
  const count = shape.reduce((product, dim) => product * dim, 1);
  if (!Number.isSafeInteger(count)) fail(`of shape [${shape}] is too large`);

  if (dtype === 'string') {
    const strings = (stored.get(TENSOR.stringData) ?? []).map(bytesOf);
    if (strings.length !== count) fail(`of shape [${shape}] has ${strings.length} strings instead of ${count}`);
    return { name, tensor: { dtype, shape, strings, ...rest } };
  }
  const length = byteLength(dtype, count);
  if (location === EXTERNAL) {
    return { name, tensor: { dtype, shape, data: external(entries, length, name), ...rest } };
  }
  const data = elementBytes(dtype, length, [...stored.values()]);
  if (!(data instanceof Uint8Array)) return fail(`of type ${dtype} and shape [${shape}] ${data.problem}`);
  return { name, tensor: { dtype, shape, data, ...rest } };
}

/** Reads a SparseTensorProto; its name is that of its values. Throws `FormatError`. */
export function readSparseTensor(message: Message, external: ExternalReader, place: TensorPlace): Named<SparseTensor> {
  let values: Named<Tensor> | undefined;
  let indices: Tensor | undefined;
  const shape: number[] = [];
  const rest = readMessage(message, {
    [SPARSE_TENSOR.values]: (field) => {
      values = readTensor(messageIn(field), external, place);
    },
    [SPARSE_TENSOR.indices]: (field) => {
      indices = readTensor(messageIn(field), external, 'attribute').tensor;
    },
    [SPARSE_TENSOR.dims]: (field) => readDimensions(field, shape),
  });
  if (!values || indices?.dtype !== 'int64') {
    throw new FormatError('ONNX', 'a sparse tensor needs values and int64 indices', message.start);
  }
  return { name: values.name, tensor: { shape, values: values.tensor, indices, ...rest } };
}

/** Reads a StringStringEntryProto. Throws `FormatError`. */
export function readEntry(message: Message): [key: string, value: string] {
  const entry: [string, string] = ['', ''];
  readMessage(message, {
    [ENTRY.key]: (field) => {
      entry[0] = text(field);
    },
    [ENTRY.value]: (field) => {
      entry[1] = text(field);
    },
  });
  return entry;
}

/** No operator takes more dimensions than a handful, and whatever the file says must fit an error message. */
const MAX_RANK = 64;

function readDimensions(field: Field, shape: number[]): void {
  for (const dim of integers(field)) {
    if (typeof dim === 'bigint' || dim < 0) {
      throw new FormatError('ONNX', `a tensor has the invalid dimension ${dim}`, field.tagStart);
    }
    if (shape.push(dim) > MAX_RANK) {
      throw new FormatError('ONNX', `a tensor has more than ${MAX_RANK} dimensions`, field.tagStart);
    }
  }
}
