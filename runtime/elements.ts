/**
 * Elements of tensors as typed arrays, to and from the 32-bit words of a machine's memory.
 */
import { floatFromHalf } from '../src/codec/half.ts';
import type { DType } from '../src/graph/dtype.ts';
import type { NumericTensor } from '../src/graph/tensor.ts';
import { nearestBrain, nearestHalf } from './half.ts';
import { isIntegral } from './plan/value.ts';

/** The elements of a tensor. float16 and bfloat16 are bit patterns in a `Uint16Array`; bool is 0 or 1. */
export type Elements =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** The typed array of each element type that sessions take and give. */
export const ELEMENT_ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
} as const satisfies Partial<Record<DType, unknown>>;

export type ElementType = keyof typeof ELEMENT_ARRAYS;

/** Whether a session can take, give and compute elements of this type. */
export function isElementType(dtype: DType): dtype is ElementType {
  return dtype in ELEMENT_ARRAYS;
}

/** The elements of a stored tensor, as an array over its own bytes where they are aligned. */
export function elementsOf({ dtype, data }: NumericTensor): Elements {
  const array = ELEMENT_ARRAYS[dtype as ElementType];
  const { buffer, byteOffset, byteLength } =
    data.byteOffset % array.BYTES_PER_ELEMENT === 0 ? data : new Uint8Array(data);
  return new array(buffer as ArrayBuffer, byteOffset, byteLength / array.BYTES_PER_ELEMENT);
}

const LARGEST = 2 ** 31 - 1;
const saturate = (value: number) => Math.max(-LARGEST - 1, Math.min(LARGEST, value));

const pattern = new DataView(new ArrayBuffer(4));

function floatOfBits(bits: number): number {
  pattern.setUint32(0, bits);
  return pattern.getFloat32(0);
}

/** Writes elements into `words` or `floats` (one memory, two views), from index `at` on. Integers saturate to int32. */
export function storeElements(
  dtype: ElementType,
  elements: Elements,
  { words, floats }: { words: Int32Array; floats: Float32Array },
  at: number,
): void {
  if (elements instanceof BigInt64Array || elements instanceof BigUint64Array) {
    elements.forEach((value, index) => {
      words[at + index] = saturate(Number(value));
    });
  } else if (dtype === 'float16') {
    elements.forEach((bits, index) => {
      words[at + index] = floatFromHalf(bits);
    });
  } else if (dtype === 'bfloat16') {
    elements.forEach((bits, index) => {
      words[at + index] = bits << 16;
    });
  } else if (dtype === 'uint32') {
    elements.forEach((value, index) => {
      words[at + index] = saturate(value);
    });
  } else if (dtype === 'bool') {
    elements.forEach((value, index) => {
      words[at + index] = value ? 1 : 0;
    });
  } else {
    (isIntegral(dtype) ? words : floats).set(elements, at);
  }
}

/** A new typed array of the `count` elements from index `at` on. */
export function loadElements(
  dtype: ElementType,
  count: number,
  { words, floats }: { words: Int32Array; floats: Float32Array },
  at: number,
): Elements {
  const [integers, numbers] = [words.subarray(at, at + count), floats.subarray(at, at + count)];
  switch (dtype) {
    case 'float32':
      return numbers.slice();
    case 'float64':
      return Float64Array.from(numbers);
    case 'float16':
      return Uint16Array.from(integers, nearestHalf);
    case 'bfloat16':
      return Uint16Array.from(integers, nearestBrain);
    case 'int64':
      return BigInt64Array.from(integers, BigInt);
    case 'uint64':
      return BigUint64Array.from(integers, (value) => BigInt(Math.max(0, value)));
    default:
      return new ELEMENT_ARRAYS[dtype](integers);
  }
}

/** The elements as numbers, as a plan keeps what shapes depend on. */
export function numbersOf(dtype: ElementType, elements: Elements): number[] {
  if (dtype === 'float16') return Array.from(elements as Uint16Array, (bits) => floatOfBits(floatFromHalf(bits)));
  if (dtype === 'bfloat16') return Array.from(elements as Uint16Array, (bits) => floatOfBits(bits << 16));
  const numbers = Array.from(elements as ArrayLike<number | bigint>, Number);
  return isIntegral(dtype) ? numbers.map(saturate) : numbers;
}
