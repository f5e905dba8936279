/**
 * Tensors that must come back bit for bit (SPEC.md, "Exact tensors"): floating-point patterns, integers, and bytes for
 * everything else.
 */
import { byteLength, type DType } from '../../src/graph/dtype.ts';
import { elementCount, type Tensor } from '../../src/graph/tensor.ts';
import { INTEGER_ARRAYS } from '../../src/graph/typed-arrays.ts';
import type { BitCoder } from './bit-coder.ts';
import { hasPatterns, type PatternsCode } from './float-patterns-code.ts';
import { branch, contextsOf, count, flag, int, times } from './symbols.ts';

export type IntegerDType = keyof typeof INTEGER_ARRAYS;

/** A tensor of known type and shape; the statistics are those of `where` it stands. */
export function exactTensor(
  coder: BitCoder,
  patterns: PatternsCode,
  where: string,
  dtype: DType,
  shape: readonly number[],
): Tensor {
  const elements = elementCount(shape);
  if (dtype === 'string') {
    coder.expect(elements);
    const strings = times(elements, () => bytes(coder, `${where} string`, count(coder, `bytes of ${where} string`), 1));
    return { dtype, shape, strings };
  }
  const width = byteLength(dtype, 1);
  const size = byteLength(dtype, elements);
  if (!flag(coder, `${where} is of equal elements`)) {
    return { dtype, shape, data: elementsOf(coder, patterns, where, dtype, size) };
  }
  const element = elementsOf(coder, patterns, where, dtype, width);
  const data = new Uint8Array(size);
  if (element.some((byte) => byte !== 0)) for (let at = 0; at < size; at += width) data.set(element, at);
  return { dtype, shape, data };
}

/** As many bytes of elements, in the way that fits the type. */
function elementsOf(coder: BitCoder, patterns: PatternsCode, where: string, dtype: DType, size: number): Uint8Array {
  const width = byteLength(dtype, 1);
  const name = `${where} ${dtype}`;
  coder.expect(size / width);
  if (hasPatterns(dtype)) {
    const words = patterns(where, dtype, size / width);
    return new Uint8Array((dtype === 'float32' ? words : new Uint16Array(words)).buffer);
  }
  if (dtype in INTEGER_ARRAYS && !flag(coder, `${where} is wide`)) {
    return integerBytes(dtype as IntegerDType, integers(coder, name, size / width));
  }
  return bytes(coder, name, size, width);
}

/** Bits of the magnitude of an integer. */
export function bitLength(value: number): number {
  return 32 - Math.clz32(Math.abs(value));
}

/** The numbers themselves or their differences, each in the context of the one coded before. */
function integers(coder: BitCoder, name: string, size: number): Int32Array {
  const values = new Int32Array(size);
  const areDifferences = flag(coder, `${name} differences`);
  for (let at = 0, situation = 0; at < size; at++) {
    const coded = int(coder, `${name} integer`, situation, 9);
    situation = Math.min(bitLength(coded), 8);
    values[at] = areDifferences && at > 0 ? values[at - 1]! + coded : coded;
  }
  return values;
}

function integerBytes(dtype: IntegerDType, values: Int32Array): Uint8Array {
  const isLong = dtype === 'int64' || dtype === 'uint64';
  const array = isLong ? BigInt64Array.from(values, BigInt) : INTEGER_ARRAYS[dtype].from(values);
  return new Uint8Array(array.buffer);
}

/** Bytes, each in the context of its position within the element. */
function bytes(coder: BitCoder, name: string, size: number, width: number): Uint8Array {
  const read = new Uint8Array(size);
  const contexts = contextsOf(coder, name, width << 8);
  for (let at = 0; at < size; at++) read[at] = branch(coder, contexts, (at % width) << 8, 8);
  return read;
}
