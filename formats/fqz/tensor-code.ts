/**
 * Code for tensors that must come back bit for bit (SPEC.md, "Exact tensors"): floating-point patterns, integers, and
 * bytes for everything else.
 */
import { byteLength, DTYPES, type DType } from '../../src/graph/dtype.ts';
import { elementCount, type Tensor } from '../../src/graph/tensor.ts';
import { INTEGER_ARRAYS } from '../../src/graph/typed-arrays.ts';
import type { BitCoder } from './bit-coder.ts';
import { floatPatternsCode, hasPatterns, type PatternDType, type PatternSymbols } from './float-patterns-code.ts';
import { LIMITS } from './format.ts';
import { countCode, flagCode, intCode, perKey, times, treeCode } from './symbols.ts';

export type IntegerDType = keyof typeof INTEGER_ARRAYS;

/** Integers as they are coded: themselves, or their differences. */
export interface IntegerSymbols {
  readonly areDifferences: boolean;
  readonly values: Int32Array;
}

/** What a file says of a tensor's elements. */
export interface TensorSymbols {
  /** Whether the elements are all equal; then the others stand for one. */
  readonly isFilled?: boolean;
  readonly patterns?: PatternSymbols;
  /** None where the elements are too large for that: then there are `bytes`. */
  readonly integers?: IntegerSymbols;
  readonly bytes?: Uint8Array;
  readonly strings?: readonly Uint8Array[];
}

/** Bytes of an element; one for 4-bit types. */
export function elementBytes(dtype: DType): number {
  return Math.max(1, DTYPES[dtype].bits / 8);
}

/**
 * Makes the code of whole tensors whose type and shape are known. A tensor of equal elements costs one element.
 */
export function tensorCode(
  coder: BitCoder,
  patterns = floatPatternsCode(coder),
): (dtype: DType, shape: readonly number[], given?: TensorSymbols) => Tensor {
  const filled = flagCode(coder);
  const wide = flagCode(coder);
  const integers = perKey(() => integersCode(coder));
  const bytes = perKey(() => bytesCode(coder));
  const textLength = countCode(coder, 'bytes of text', LIMITS.list);

  /** As many bytes of elements, through the code that fits the type. */
  const elements = (dtype: DType, size: number, given?: TensorSymbols): Uint8Array => {
    const width = elementBytes(dtype);
    const count = size / width;
    coder.expect(count);
    if (hasPatterns(dtype)) return patternBytes(dtype, patterns(dtype, count, given?.patterns));
    if (dtype in INTEGER_ARRAYS && !wide(given && !given.integers)) {
      return integerBytes(dtype as IntegerDType, integers(dtype)(count, given?.integers));
    }
    return bytes(dtype)(size, width, given?.bytes);
  };

  return (dtype, shape, given) => {
    const count = elementCount(shape);
    if (dtype === 'string') {
      coder.expect(count);
      const strings = times(count, (at) => {
        const own = given?.strings?.[at];
        return bytes(dtype)(textLength(own?.length), 1, own);
      });
      return { dtype, shape, strings };
    }
    const size = byteLength(dtype, count);
    const isFilled = filled(given?.isFilled);
    const data = elements(dtype, isFilled ? elementBytes(dtype) : size, given);
    return { dtype, shape, data: isFilled ? repeat(data, size) : data };
  };
}

function repeat(element: Uint8Array, size: number): Uint8Array {
  const data = new Uint8Array(size);
  if (element.every((byte) => byte === 0)) return data;
  for (let at = 0; at < size; at += element.length) data.set(element, at);
  return data;
}

function patternBytes(dtype: PatternDType, words: Uint32Array): Uint8Array {
  const array = dtype === 'float32' ? words : new Uint16Array(words);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function integerBytes(dtype: IntegerDType, values: Int32Array): Uint8Array {
  if (dtype !== 'int64' && dtype !== 'uint64') return new Uint8Array(INTEGER_ARRAYS[dtype].from(values).buffer);
  const halves = new Int32Array(2 * values.length);
  values.forEach((value, at) => {
    halves[2 * at] = value;
    halves[2 * at + 1] = value >> 31;
  });
  return new Uint8Array(halves.buffer);
}

/** Bits of the magnitude of an integer. */
export function bitLength(value: number): number {
  return 32 - Math.clz32(Math.abs(value));
}

/** Makes the code of integers: the numbers themselves or their differences, each in the context of the one coded before. */
function integersCode(coder: BitCoder) {
  const differences = flagCode(coder);
  const after = perKey(() => intCode(coder));
  return (count: number, given?: IntegerSymbols): Int32Array => {
    const values = new Int32Array(count);
    const areDifferences = differences(given?.areDifferences);
    for (let at = 0, context = 0; at < count; at++) {
      const coded = after(context)(given?.values[at]);
      context = Math.min(bitLength(coded), 8);
      values[at] = areDifferences && at > 0 ? values[at - 1]! + coded : coded;
    }
    return values;
  };
}

/** Makes the code of bytes, each in the context of its position within the element. */
function bytesCode(coder: BitCoder) {
  const at = perKey(() => treeCode(coder, 8));
  return (size: number, width: number, given?: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(size);
    for (let place = 0; place < size; place++) bytes[place] = at(place % width)(given?.[place]);
    return bytes;
  };
}
