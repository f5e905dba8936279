/**
 * Numbers as the file's codes take them: what a writer hands to `tensorCode` and `weightNumbersCode`.
 */
import type { StoredWeight } from '../../src/codec/archive.ts';
import { halfFromFloat } from '../../src/codec/half.ts';
import type { FloatOperand } from '../../src/codec/network.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { INTEGER_ARRAYS } from '../../src/graph/typed-arrays.ts';
import { type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import { hasPatterns, type PatternDType, type PatternSymbols, patternSymbols } from './float-patterns-code.ts';
import { LARGEST_UINT } from './symbols.ts';
import { bitLength, elementBytes, type IntegerDType, type IntegerSymbols, type TensorSymbols } from './tensor-code.ts';
import type { WeightHeader } from './weight-header.ts';
import type { WeightSymbols } from './weight-numbers.ts';

/** The symbols of a weight's numbers. */
export function weightSymbols(weight: StoredWeight, header: WeightHeader): WeightSymbols {
  if ('tensor' in weight) return { tensor: tensorSymbols(weight.tensor) };
  return {
    operands: weight.network.operands.map((operand, at) => {
      if (operand.kind === 'cosine') return undefined;
      return operand.kind === 'quantized'
        ? operand.levels
        : floatSymbols(operand, header.network!.operands[at]!.layout!);
    }),
  };
}

function floatSymbols({ values, precision }: FloatOperand, layout: CoreLayout): PatternSymbols {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const patterns = new Uint32Array(codedCount(layout));
  let count = 0;
  forEachCoded(layout, (offset) => {
    patterns[count++] = precision === 'float16' ? halfFromFloat(words[offset]!) : words[offset]!;
  });
  return patternSymbols(precision, patterns);
}

/** The symbols of a tensor's elements. */
export function tensorSymbols(tensor: Tensor): TensorSymbols {
  if (tensor.dtype === 'string') return { strings: tensor.strings };
  const { dtype, data } = tensor;
  const width = elementBytes(dtype);
  const isFilled = data.length > width && data.every((byte, at) => at < width || byte === data[at - width]);
  const bytes = isFilled ? data.subarray(0, width) : data;
  if (hasPatterns(dtype)) return { isFilled, patterns: patternSymbols(dtype, readPatterns(dtype, bytes)) };
  const integers = dtype in INTEGER_ARRAYS ? integerSymbols(dtype as IntegerDType, bytes) : undefined;
  return integers ? { isFilled, integers } : { isFilled, bytes };
}

/** Bit patterns, one to a word: a view of the tensor's own bytes where that can be. */
function readPatterns(dtype: PatternDType, data: Uint8Array): Uint32Array {
  const { buffer, byteOffset, byteLength: size } = data.byteOffset % 4 === 0 ? data : data.slice();
  if (dtype === 'float32') return new Uint32Array(buffer, byteOffset, size / 4);
  return new Uint32Array(new Uint16Array(buffer, byteOffset, size / 2));
}

/** So that differences of two such numbers can be coded as well. */
const LARGEST_INTEGER = LARGEST_UINT >> 2;

/** The elements or their differences, whichever are shorter; `undefined` where one is too large for that. */
function integerSymbols(dtype: IntegerDType, data: Uint8Array): IntegerSymbols | undefined {
  const array = new INTEGER_ARRAYS[dtype](data.slice().buffer as ArrayBuffer);
  for (const value of array) if (value > LARGEST_INTEGER || value < -LARGEST_INTEGER) return undefined;
  const values = Int32Array.from(array as ArrayLike<number | bigint>, Number);
  const differences = values.map((value, at) => value - (values[at - 1] ?? 0));
  const bits = (numbers: Int32Array) => numbers.reduce((sum, value) => sum + bitLength(value), 0);
  const areDifferences = bits(differences) < bits(values);
  return { areDifferences, values: areDifferences ? differences : values };
}
