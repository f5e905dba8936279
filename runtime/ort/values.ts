/**
 * Typed arrays with dimensions, as users of onnxruntime hold them, to and from the project's tensors.
 */
import { UnsupportedError } from '../../src/errors.ts';
import type { DType } from '../../src/graph/dtype.ts';
import { fromFloats, toFloat32 } from '../../src/graph/numbers.ts';
import { elementCount, type NumericTensor, numericTensor, type Tensor } from '../../src/graph/tensor.ts';
import { TYPED_ARRAYS } from '../../src/graph/typed-arrays.ts';
import type { TensorInfo } from '../../src/onnxruntime.ts';

/** Elements of a tensor, row-major. float16 travels as `Float32Array`, bool as `Uint8Array` of 0 and 1. */
export type Elements =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | readonly string[];

/**
 * A value for an input: elements with their dimensions (an `ort.Tensor` will do), or elements alone where the input's
 * own shape leaves at most one size open.
 */
export type InputValue = Elements | { readonly data: Elements; readonly dims: readonly number[] };

/** A value of an output. */
export interface OutputValue {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: Elements;
}

const ARRAYS = { ...TYPED_ARRAYS, float16: Float32Array } as const;
type ArrayDType = keyof typeof ARRAYS;

function arrayOf(dtype: DType, name: string) {
  const Elements = ARRAYS[dtype as ArrayDType] as (typeof ARRAYS)[ArrayDType] | undefined;
  if (!Elements) throw new UnsupportedError(`"${name}" is of type ${dtype}, which has no typed array`);
  return Elements;
}

/**
 * The tensor that `value` stands for. Throws `TypeError` where it is of another type than the input, `RangeError` where
 * its dimensions do not fit its length, and `UnsupportedError` where no typed array can hold the input's type.
 */
export function inputTensor(value: InputValue, { name, dtype, shape }: TensorInfo): Tensor {
  const isBare = Array.isArray(value) || ArrayBuffer.isView(value);
  const data = isBare ? (value as Elements) : (value as Exclude<InputValue, Elements>)?.data;
  if (data === undefined) throw new TypeError(`input "${name}" needs elements, or { data, dims }`);
  const dims = isBare ? fittedShape(name, shape, data.length) : [...(value as Exclude<InputValue, Elements>).dims];
  if (elementCount(dims) !== data.length) {
    throw new RangeError(`input "${name}" has ${data.length} elements, but dimensions [${dims}]`);
  }
  if (dtype === 'string') {
    if (!Array.isArray(data)) throw new TypeError(`input "${name}" takes an array of strings`);
    const encoder = new TextEncoder();
    return { dtype, shape: dims, strings: data.map((text) => encoder.encode(text)) };
  }
  const Elements = arrayOf(dtype, name);
  if (data instanceof Elements) {
    if (dtype === 'float16') return fromFloats(dtype, dims, data as Float32Array);
    const { buffer, byteOffset, byteLength } = data as ArrayBufferView;
    return numericTensor(dtype, dims, new Uint8Array(buffer, byteOffset, byteLength));
  }
  throw new TypeError(`input "${name}" is ${dtype} and takes ${Elements.name}, not ${data.constructor.name}`);
}

/** The input's shape with its one open size as `length` elements ask for; without open sizes, the shape itself. */
function fittedShape(name: string, shape: TensorInfo['shape'], length: number): number[] {
  const open = shape.filter((size) => typeof size !== 'number').length;
  if (open > 1 || (shape.length === 0 && length !== 1)) {
    throw new TypeError(`input "${name}" does not fix its shape: give { data, dims }`);
  }
  const fixed = elementCount(shape.filter((size) => typeof size === 'number'));
  return shape.map((size) => (typeof size === 'number' ? size : Math.floor(length / Math.max(fixed, 1))));
}

/** The value of an output. Throws `UnsupportedError` for types that no typed array can hold. */
export function outputValue(tensor: Tensor, name: string): OutputValue {
  const { dtype, shape: dims } = tensor;
  if (dtype === 'string') {
    const decoder = new TextDecoder();
    return { dtype, dims, data: tensor.strings.map((bytes) => decoder.decode(bytes)) };
  }
  return { dtype, dims, data: elementsOf(tensor, name) };
}

function elementsOf(tensor: NumericTensor, name: string): Elements {
  const { dtype } = tensor;
  if (dtype === 'float16') return toFloat32(tensor);
  const Elements = arrayOf(dtype, name);
  const width = Elements.BYTES_PER_ELEMENT;
  const { buffer, byteOffset, byteLength } = tensor.data.byteOffset % width === 0 ? tensor.data : tensor.data.slice();
  return new Elements(buffer as ArrayBuffer, byteOffset, byteLength / width);
}
