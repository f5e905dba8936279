/**
 * Tensor elements as JavaScript numbers and back, for every type that holds plain numbers.
 */
import { Float16Array } from '@petamoriken/float16';
import { UnsupportedError } from '../errors.ts';
import { type DType, type FloatDType, isFloat } from './dtype.ts';
import { elementCount, type NumericTensor, numericTensor, type Tensor } from './tensor.ts';

export { FLOAT_DTYPES, type FloatDType, isFloat } from './dtype.ts';

/** `data` itself, or a copy at an offset that typed arrays of `width` bytes accept. */
function aligned(data: Uint8Array, width: number): { buffer: ArrayBufferLike; offset: number } {
  const at = data.byteOffset % width === 0 ? data : data.slice();
  return { buffer: at.buffer, offset: at.byteOffset };
}

/**
 * Typed array over a float32 tensor's own memory (a copy only where it is not aligned), or the converted elements of
 * a float16, bfloat16 or float64 tensor. Throws `TypeError` for other types.
 */
export function toFloat32(tensor: Tensor): Float32Array {
  if (tensor.dtype === 'string' || !isFloat(tensor.dtype)) throw new TypeError(`${tensor.dtype} is not a float type`);
  const count = elementCount(tensor.shape);
  const { data } = tensor;
  switch (tensor.dtype) {
    case 'float32': {
      const { buffer, offset } = aligned(data, 4);
      return new Float32Array(buffer as ArrayBuffer, offset, count);
    }
    case 'float64': {
      const { buffer, offset } = aligned(data, 8);
      return Float32Array.from(new Float64Array(buffer as ArrayBuffer, offset, count));
    }
    case 'float16': {
      const { buffer, offset } = aligned(data, 2);
      return Float32Array.from(new Float16Array(buffer as ArrayBuffer, offset, count));
    }
    case 'bfloat16': {
      const { buffer, offset } = aligned(data, 2);
      const halves = new Uint16Array(buffer as ArrayBuffer, offset, count);
      return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
    }
    default:
      throw new TypeError(`${tensor.dtype} is not a float type`);
  }
}

/**
 * Elements as numbers, for shape arithmetic and inspection: any integer, bool or float type. int64 and uint64 values
 * outside the safe integers saturate to ±Number.MAX_SAFE_INTEGER (ONNX writes INT64_MAX for "to the end").
 */
export function toNumbers(tensor: Tensor): number[] {
  if (tensor.dtype === 'string') throw new TypeError('a string tensor holds no numbers');
  if (isFloat(tensor.dtype) && tensor.dtype !== 'float64') return Array.from(toFloat32(tensor));
  const count = elementCount(tensor.shape);
  const view = new DataView(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  const read = ELEMENT_READERS[tensor.dtype];
  if (!read) throw new UnsupportedError(`elements of type ${tensor.dtype} cannot be read as numbers`);
  return Array.from({ length: count }, (_, index) => read(view, index));
}

const saturate = (value: bigint): number => {
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(value > limit ? limit : value < -limit ? -limit : value);
};

const nibble = (view: DataView, index: number): number => (view.getUint8(index >> 1) >> (4 * (index & 1))) & 15;

const ELEMENT_READERS: Partial<Record<DType, (view: DataView, index: number) => number>> = {
  float64: (view, index) => view.getFloat64(8 * index, true),
  uint8: (view, index) => view.getUint8(index),
  bool: (view, index) => view.getUint8(index),
  int8: (view, index) => view.getInt8(index),
  uint16: (view, index) => view.getUint16(2 * index, true),
  int16: (view, index) => view.getInt16(2 * index, true),
  uint32: (view, index) => view.getUint32(4 * index, true),
  int32: (view, index) => view.getInt32(4 * index, true),
  uint64: (view, index) => saturate(view.getBigUint64(8 * index, true)),
  int64: (view, index) => saturate(view.getBigInt64(8 * index, true)),
  uint4: nibble,
  int4: (view, index) => (nibble(view, index) << 28) >> 28,
};

/** A float tensor of type `dtype` with these elements, rounded to nearest even where the type is narrower. */
export function fromFloats(dtype: FloatDType, shape: readonly number[], values: ArrayLike<number>): NumericTensor {
  const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  switch (dtype) {
    case 'float32':
      return numericTensor(dtype, shape, bytes(values instanceof Float32Array ? values : Float32Array.from(values)));
    case 'float64':
      return numericTensor(dtype, shape, bytes(Float64Array.from(values)));
    case 'float16':
      return numericTensor(dtype, shape, bytes(Float16Array.from(values)));
    case 'bfloat16': {
      const words = new Uint32Array(Float32Array.from(values).buffer);
      const round = (word: number) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
      return numericTensor(dtype, shape, bytes(Uint16Array.from(words, round)));
    }
  }
}
