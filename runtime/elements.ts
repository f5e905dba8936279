/**
 * Elements of tensors as typed arrays, to and from the 32-bit words of a machine's memory.
 */
import { floatFromHalf } from '../src/codec/half.ts';
import type { DType } from '../src/graph/dtype.ts';
import type { NumericTensor } from '../src/graph/tensor.ts';
import { TYPED_ARRAYS } from '../src/graph/typed-arrays.ts';
import { floatOf, nearestBrain, nearestHalf } from './half.ts';
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
export const ELEMENT_ARRAYS = { ...TYPED_ARRAYS, float16: Uint16Array, bfloat16: Uint16Array } as const;

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

/** The word that an element becomes, where that is not simply its number. */
const WORDS: Partial<Record<ElementType, (element: number | bigint) => number>> = {
  float16: (bits) => floatFromHalf(bits as number),
  bfloat16: (bits) => (bits as number) << 16,
  bool: (value) => (value ? 1 : 0),
  uint32: (value) => saturate(value as number),
  int64: (value) => saturate(Number(value)),
  uint64: (value) => saturate(Number(value)),
};

/** Writes elements into `words` or `floats` (one memory, two views), from index `at` on. Integers saturate to int32. */
export function storeElements(
  dtype: ElementType,
  elements: Elements,
  { words, floats }: { words: Int32Array; floats: Float32Array },
  at: number,
): void {
  const word = WORDS[dtype];
  if (word) for (let index = 0; index < elements.length; index++) words[at + index] = word(elements[index]!);
  else (isIntegral(dtype) ? words : floats).set(elements as Float32Array, at);
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
    case 'float16':
      return Uint16Array.from(integers, nearestHalf);
    case 'bfloat16':
      return Uint16Array.from(integers, nearestBrain);
    case 'int64':
      return BigInt64Array.from(integers, BigInt);
    case 'uint64':
      return BigUint64Array.from(integers, (value) => BigInt(Math.max(0, value)));
    default:
      return new ELEMENT_ARRAYS[dtype](isIntegral(dtype) ? integers : numbers);
  }
}

/** The elements as numbers, as a plan keeps what shapes depend on. */
export function numbersOf(dtype: ElementType, elements: Elements): number[] {
  const isHalf = dtype === 'float16' || dtype === 'bfloat16';
  return Array.from(elements as ArrayLike<number | bigint>, (element) => {
    const number = Number(element);
    if (isHalf) return floatOf(WORDS[dtype]!(number));
    return isIntegral(dtype) ? saturate(number) : number;
  });
}
