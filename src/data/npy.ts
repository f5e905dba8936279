/**
 * NumPy's .npy arrays (NEP 1, "A Simple File Format for NumPy Arrays", versions 1 to 3): magic, a header that is a
 * Python dictionary literal, the elements.
 */
import { FormatError, UnsupportedError } from '../errors.ts';
import { byteLength, DTYPES } from '../graph/dtype.ts';
import { toFloat32 } from '../graph/numbers.ts';
import { elementCount, float32Tensor, type NumericTensor, numericTensor, type Tensor } from '../graph/tensor.ts';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

const TYPES: Readonly<Record<string, NumericTensor['dtype']>> = {
  b1: 'bool',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
};

/** Whether `bytes` begin as an .npy array does. */
export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/**
 * The array in `bytes`, in row-major order whatever the file's. Throws `FormatError` for a bad file and
 * `UnsupportedError` for elements that are not plain numbers; `name` only serves the messages.
 */
export function readNpy(bytes: Uint8Array, name: string): NumericTensor {
  const fail = (problem: string, offset?: number) => new FormatError('npy', `${name} ${problem}`, offset);
  if (bytes.length < 10 || !isNpy(bytes)) throw fail('is not an npy array', 0);
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw fail(`has version ${version}, expected 1 to 3`, 6);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerStart = version === 1 ? 10 : 12;
  if (bytes.length < headerStart) throw fail('ends inside its header', bytes.length);
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataStart = headerStart + headerLength;
  if (dataStart > bytes.length) throw fail('ends inside its header', bytes.length);

  const header = new TextDecoder().decode(bytes.subarray(headerStart, dataStart));
  const type = /'descr':\s*'([<>|=])(\w+)'/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header);
  const dims = /'shape':\s*\(([\d,\s]*)\)/.exec(header);
  if (!order || !dims || !/'descr':/.test(header))
    throw fail('has a header without descr, fortran_order and shape', 10);
  const dtype = type ? TYPES[type[2]!] : undefined;
  if (!type || !dtype) throw new UnsupportedError(`npy: ${name} holds elements that are not plain numbers`);
  const shape = (dims[1]!.match(/\d+/g) ?? []).map(Number);
  const expected = byteLength(dtype, safeCount(shape, fail));
  if (bytes.length - dataStart !== expected) {
    throw fail(`holds ${bytes.length - dataStart} bytes, [${shape}] of ${dtype} takes ${expected}`, dataStart);
  }
  let data = bytes.slice(dataStart);
  const width = DTYPES[dtype].bits / 8;
  if (type[1] === '>') swapBytes(data, width);
  if (order[1] === 'True') data = rowMajor(data, shape, width);
  return numericTensor(dtype, shape, data);
}

function safeCount(shape: number[], fail: (problem: string) => FormatError): number {
  try {
    return elementCount(shape);
  } catch {
    throw fail(`has the impossible shape [${shape}]`);
  }
}

function swapBytes(data: Uint8Array, width: number): void {
  for (let start = 0; start < data.length; start += width) data.subarray(start, start + width).reverse();
}

/** Elements stored with the first axis fastest, put in order with the last axis fastest. */
function rowMajor(data: Uint8Array, shape: number[], width: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(data.length);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, dim) => product * dim, width));
  const index = shape.map(() => 0);
  let source = 0;
  for (let target = 0; target < data.length; target += width) {
    result.set(data.subarray(source, source + width), target);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      source += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      source -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}

/** The header ends at a multiple of this. */
const HEADER_ALIGNMENT = 64;

/**
 * The .npy array (version 1) of a tensor; bfloat16 becomes float32, which NumPy knows. Throws `UnsupportedError` for
 * elements that are not plain numbers.
 */
export function writeNpy(tensor: Tensor): Uint8Array {
  if (tensor.dtype === 'bfloat16') return writeNpy(float32Tensor(tensor.shape, toFloat32(tensor)));
  const type = Object.keys(TYPES).find((key) => TYPES[key] === tensor.dtype);
  if (!type || tensor.dtype === 'string') throw new UnsupportedError(`npy: there are no arrays of ${tensor.dtype}`);
  const { shape, data } = tensor;
  const order = type.endsWith('1') ? '|' : '<';
  const dims = shape.map((size) => `${size},`).join(' ');
  const header = `{'descr': '${order}${type}', 'fortran_order': False, 'shape': (${dims}), }`;
  const start = Math.ceil((10 + header.length + 1) / HEADER_ALIGNMENT) * HEADER_ALIGNMENT;
  const bytes = new Uint8Array(start + data.length);
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, start - 10, true);
  bytes.set(new TextEncoder().encode(`${header.padEnd(start - 11)}\n`), 10);
  bytes.set(data, start);
  return bytes;
}
