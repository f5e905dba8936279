/**
 * Numbers as the symbols of a file (SPEC.md, "Coefficients").
 */
import type { Layer, StoredWeight } from '../../src/codec/archive.ts';
import { indexOf, nextState, quantizerOf } from '../../src/codec/dependent.ts';
import { halfFromFloat } from '../../src/codec/half.ts';
import { byteLength } from '../../src/graph/dtype.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { INTEGER_ARRAYS } from '../../src/graph/typed-arrays.ts';
import { type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import { FLOAT_LAYOUTS, hasPatterns, MODELLED_BITS, type PatternDType } from './float-patterns-code.ts';
import { levelsBefore } from './refinement-symbols.ts';
import { LARGEST_UINT } from './symbols.ts';
import { bitLength, type IntegerDType } from './tensor-code.ts';
import type { WeightHeader } from './weight-header.ts';
import { folded, type Symbols } from './written-symbols.ts';

/** The symbols of a weight's numbers, in front of all `layers` behind the first. */
export function* weightSymbols(weight: StoredWeight, header: WeightHeader, layers: readonly Layer[]): Symbols {
  if ('tensor' in weight) {
    yield tensorSymbols(weight.tensor);
    return;
  }
  for (const [at, operand] of weight.network.operands.entries()) {
    if (operand.kind === 'cosine') continue;
    const { layout } = header.network!.operands[at]!;
    if (operand.kind === 'quantized') {
      const { chainAxis, ...plain } = layout!;
      const isRefined = layers.some((layer) => layer.has(operand));
      if (isRefined) yield inCodedOrder(levelsBefore(operand, layers, 0), plain);
      else if (chainAxis === undefined) yield inCodedOrder(operand.levels, plain);
      else yield indicesOf(inCodedOrder(operand.levels, layout!), layout!);
      continue;
    }
    const { values, precision } = operand;
    const words = inCodedOrder(new Uint32Array(values.buffer, values.byteOffset, values.length), layout!);
    yield patternSymbols(precision, precision === 'float16' ? words.map(halfFromFloat) : words);
  }
}

/** The numbers that the file holds. */
function inCodedOrder<T extends Int32Array | Uint32Array>(numbers: T, layout: CoreLayout): T {
  const coded = numbers.slice(0, codedCount(layout)) as T;
  let count = 0;
  forEachCoded(layout, (offset) => {
    coded[count++] = numbers[offset]!;
  });
  return coded;
}

/** The indices of multiples in coded order. Throws `TypeError` where a multiple is none that its quantiser has. */
function indicesOf(multiples: Int32Array, layout: CoreLayout): Int32Array {
  const length = multiples.length / layout.shape[layout.chainAxis!]!;
  let state = 0;
  return multiples.map((multiple, at) => {
    if (at % length === 0) state = 0;
    const index = indexOf(quantizerOf(state), multiple);
    state = nextState(state, index);
    return index;
  });
}

/** The symbols of a tensor's elements. */
export function* tensorSymbols(tensor: Tensor): Symbols {
  if (tensor.dtype === 'string') {
    for (const own of tensor.strings) {
      yield own.length;
      yield own;
    }
    return;
  }
  const { dtype, data } = tensor;
  const width = byteLength(dtype, 1);
  const isFilled = data.length > width && data.every((byte, at) => at < width || byte === data[at - width]);
  const bytes = isFilled ? data.subarray(0, width) : data;
  yield Number(isFilled);
  if (hasPatterns(dtype)) yield patternSymbols(dtype, readPatterns(dtype, bytes));
  else if (dtype in INTEGER_ARRAYS) yield integerSymbols(dtype as IntegerDType, bytes);
  else yield bytes;
}

/** Bit patterns, one to a word: a view of the tensor's own bytes where that can be. */
function readPatterns(dtype: PatternDType, data: Uint8Array): Uint32Array {
  const { buffer, byteOffset, byteLength: size } = data.byteOffset % 4 === 0 ? data : data.slice();
  if (dtype === 'float32') return new Uint32Array(buffer, byteOffset, size / 4);
  return new Uint32Array(new Uint16Array(buffer, byteOffset, size / 2));
}

/** The symbols of bit patterns; their mantissas leave out as many low bits as are 0 in all of them. */
export function* patternSymbols(dtype: PatternDType, patterns: Uint32Array): Symbols {
  const [exponentBits, mantissaBits] = FLOAT_LAYOUTS[dtype];
  const topPlace = mantissaBits - MODELLED_BITS;
  let union = 0;
  for (const pattern of patterns) union |= pattern;
  const lowest = union & ((1 << topPlace) - 1);
  const zeroBits = lowest === 0 ? topPlace : 31 - Math.clz32(lowest & -lowest);
  yield zeroBits;
  for (const pattern of patterns) {
    const exponent = (pattern >>> mantissaBits) & ((1 << exponentBits) - 1);
    const mantissa = pattern & ((1 << mantissaBits) - 1);
    const sign = pattern >>> (exponentBits + mantissaBits);
    yield exponent;
    if (exponent === 0) yield Number(mantissa === 0);
    yield sign;
    if (exponent === 0 && mantissa === 0) continue;
    yield mantissa >>> topPlace;
    if (zeroBits < topPlace) yield (mantissa & ((1 << topPlace) - 1)) >>> zeroBits;
  }
}

/** So that differences of two such numbers can be coded as well. */
const LARGEST_INTEGER = LARGEST_UINT >> 2;

/** The elements or their differences, whichever are shorter; bytes where one is too large for that. */
function* integerSymbols(dtype: IntegerDType, data: Uint8Array): Symbols {
  const array = new INTEGER_ARRAYS[dtype](data.slice().buffer as ArrayBuffer);
  const isWide = array.some((value: number | bigint) => value > LARGEST_INTEGER || value < -LARGEST_INTEGER);
  yield Number(isWide);
  if (isWide) {
    yield data;
    return;
  }
  const values = Int32Array.from(array as ArrayLike<number | bigint>, Number);
  const differences = values.map((value, at) => value - (values[at - 1] ?? 0));
  const bits = (numbers: Int32Array) => numbers.reduce((sum, value) => sum + bitLength(value), 0);
  const areDifferences = bits(differences) < bits(values);
  yield Number(areDifferences);
  for (const value of areDifferences ? differences : values) yield folded(value);
}
