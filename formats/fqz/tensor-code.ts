/**
 * Code for tensors that must come back bit for bit (SPEC.md, "Exact tensors"): floating-point patterns, integers, and
 * bytes for everything else.
 */
import { byteLength, DTYPES, type DType } from '../../src/graph/dtype.ts';
import { elementCount, type Tensor } from '../../src/graph/tensor.ts';
import { INTEGER_ARRAYS } from '../../src/graph/typed-arrays.ts';
import type { BitCoder } from './bit-coder.ts';
import { floatPatternsCode, hasPatterns, type PatternDType } from './float-patterns-code.ts';
import { LIMITS } from './format.ts';
import { countCode, flagCode, intCode, LARGEST_UINT, perKey, treeCode } from './symbols.ts';

/**
 * Makes the code of whole tensors whose type and shape are known. A tensor of equal elements costs one element.
 */
export function tensorCode(coder: BitCoder, patterns = floatPatternsCode(coder)) {
  const filled = flagCode(coder);
  const wide = flagCode(coder);
  const integers = perKey(() => integersCode(coder));
  const bytes = perKey(() => bytesCode(coder));
  const textLength = countCode(coder, 'bytes of text', LIMITS.list);

  /** `data`, or as many new bytes, through the code that fits the type. */
  const elements = (dtype: DType, size: number, data: Uint8Array | undefined): Uint8Array => {
    const width = Math.max(1, DTYPES[dtype].bits / 8);
    coder.expect(size / width);
    if (hasPatterns(dtype)) {
      return writePatterns(dtype, patterns(dtype, size / width, data && readPatterns(dtype, data)));
    }
    if (dtype in INTEGER_ARRAYS) {
      const small = data && readIntegers(dtype as IntegerDType, data);
      const isWide = wide(!coder.reading && small === undefined);
      if (!isWide) return writeIntegers(dtype as IntegerDType, integers(dtype)(size / width, small));
    }
    return bytes(dtype)(data?.slice() ?? new Uint8Array(size), width);
  };

  return (dtype: DType, shape: readonly number[], tensor: Tensor | undefined): Tensor => {
    const count = elementCount(shape);
    if (dtype === 'string') {
      const source = tensor?.dtype === 'string' ? tensor.strings : [];
      coder.expect(count);
      const strings = Array.from({ length: count }, (_, at) => {
        const size = textLength(source[at]?.length ?? 0);
        return bytes(dtype)(source[at]?.slice() ?? new Uint8Array(size), 1);
      });
      return { dtype, shape, strings };
    }
    const data = tensor && 'data' in tensor ? tensor.data : undefined;
    const size = byteLength(dtype, count);
    const width = Math.max(1, DTYPES[dtype].bits / 8);
    const isFilled = filled(data !== undefined && size > width && allEqual(data, width));
    if (!isFilled) return { dtype, shape, data: elements(dtype, size, data) };
    return { dtype, shape, data: repeat(elements(dtype, width, data?.subarray(0, width)), size) };
  };
}

function allEqual(data: Uint8Array, width: number): boolean {
  for (let at = width; at < data.length; at++) if (data[at] !== data[at - width]) return false;
  return true;
}

function repeat(element: Uint8Array, size: number): Uint8Array {
  const data = new Uint8Array(size);
  if (element.every((byte) => byte === 0)) return data;
  for (let at = 0; at < size; at += element.length) data.set(element, at);
  return data;
}

/** Bit patterns, one to a word: a view of the tensor's own bytes where that can be. */
function readPatterns(dtype: PatternDType, data: Uint8Array): Uint32Array {
  const { buffer, byteOffset, byteLength: size } = data.byteOffset % 4 === 0 ? data : data.slice();
  if (dtype === 'float32') return new Uint32Array(buffer, byteOffset, size / 4);
  return new Uint32Array(new Uint16Array(buffer, byteOffset, size / 2));
}

function writePatterns(dtype: PatternDType, words: Uint32Array): Uint8Array {
  const array = dtype === 'float32' ? words : new Uint16Array(words);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

type IntegerDType = keyof typeof INTEGER_ARRAYS;
/** So that differences of two such numbers can be coded as well. */
const LARGEST_INTEGER = LARGEST_UINT >> 2;

/** The elements, or `undefined` where one is too large for `integersCode`. */
function readIntegers(dtype: IntegerDType, data: Uint8Array): Int32Array | undefined {
  const { buffer } = data.slice();
  const array = new INTEGER_ARRAYS[dtype](buffer as ArrayBuffer);
  for (const value of array) if (value > LARGEST_INTEGER || value < -LARGEST_INTEGER) return undefined;
  return Int32Array.from(array as ArrayLike<number | bigint>, Number);
}

function writeIntegers(dtype: IntegerDType, values: Int32Array): Uint8Array {
  if (dtype !== 'int64' && dtype !== 'uint64') return new Uint8Array(INTEGER_ARRAYS[dtype].from(values).buffer);
  const halves = new Int32Array(2 * values.length);
  for (let at = 0; at < values.length; at++) {
    halves[2 * at] = values[at]!;
    halves[2 * at + 1] = values[at]! >> 31;
  }
  return new Uint8Array(halves.buffer);
}

/**
 * Makes the code of integers: the numbers themselves or their differences, whichever are shorter, each in the context of
 * the length of the one before.
 */
function integersCode(coder: BitCoder) {
  const differences = flagCode(coder);
  const after = perKey(() => intCode(coder));
  const bitLength = (value: number) => 32 - Math.clz32(Math.abs(value));
  return (count: number, source: Int32Array | undefined): Int32Array => {
    const values = source ?? new Int32Array(count);
    const before = (at: number) => (at === 0 ? 0 : values[at - 1]!);
    const lengths = (base: (at: number) => number) =>
      values.reduce((sum, value, at) => sum + bitLength(value - base(at)), 0);
    const byDifference = differences(!coder.reading && lengths(before) < lengths(() => 0));
    for (let at = 0, context = 0; at < count; at++) {
      const base = byDifference ? before(at) : 0;
      const coded = after(context)(values[at]! - base);
      context = Math.min(bitLength(coded), 8);
      values[at] = base + coded;
    }
    return values;
  };
}

/** Makes the code of bytes, in place, each in the context of its position within the element. */
function bytesCode(coder: BitCoder) {
  const at = perKey(() => treeCode(coder, 8));
  return (bytes: Uint8Array, width: number): Uint8Array => {
    for (let place = 0; place < bytes.length; place++) bytes[place] = at(place % width)(bytes[place]!);
    return bytes;
  };
}
