/**
 * From a decoded weight to the words that kernels read: the numbers of a tensor network or of an exact tensor, written to
 * linear memory in the layout of the kernel, a chunk at a time, so that no second copy of a large weight comes into being.
 */
import type { StoredWeight } from '../src/codec/archive.ts';
import { type CodedOperand, expandNetwork, type TensorNetwork } from '../src/codec/network.ts';
import { UnsupportedError } from '../src/errors.ts';
import { elementCount, type Tensor } from '../src/graph/tensor.ts';
import { ELEMENT_ARRAYS, type Elements, isElementType, storeElements } from './elements.ts';
import type { Machine } from './machine.ts';
import type { WeightLayout } from './plan/buffer.ts';
import { panelsOf, scatter, scatterAxes } from './plan/weight-layout.ts';

/** Elements that are converted together. */
const CHUNK = 1 << 14;

/** Writes elements `first` to `first + count` of a weight in row-major order to the beginning of a chunk, as 32-bit words. */
type ElementSource = (first: number, count: number, chunk: Chunk) => void;

interface Chunk {
  readonly words: Int32Array;
  readonly floats: Float32Array;
}

/**
 * Writes a weight to `pointer` in this layout: float types as float32, integers and bool as int32 (saturated). The memory
 * must reach as far as `layoutWords` says. Throws `UnsupportedError` for element types that kernels do not know, and
 * `RangeError` for a layout that does not fit the weight.
 */
export function placeWeight(
  { memory }: Pick<Machine, 'memory'>,
  pointer: number,
  weight: StoredWeight,
  layout: WeightLayout,
): void {
  const elements = elementCount('network' in weight ? weight.shape : weight.tensor.shape);
  const source = 'network' in weight ? networkSource(weight.network) : tensorSource(weight.name, weight.tensor);
  const words = new Int32Array(Math.min(CHUNK, elements));
  const chunk = { words, floats: new Float32Array(words.buffer) };
  const start = pointer / 4;
  if (layout.side === 'plain') {
    for (let first = 0; first < elements; first += CHUNK) {
      const count = Math.min(CHUNK, elements - first);
      source(first, count, chunk);
      memory.words.set(words.subarray(0, count), start + first);
    }
    return;
  }
  const axes = scatterAxes(layout, elements);
  const { batches, batchWords, lanes, tile } = panelsOf(layout);
  const target = memory.words.subarray(start, start + batches * batchWords);
  if (lanes % tile > 0) target.fill(0);
  for (let first = 0; first < elements; first += CHUNK) {
    const count = Math.min(CHUNK, elements - first);
    source(first, count, chunk);
    scatter(words.subarray(0, count), first, axes, target);
  }
}

function tensorSource(name: string, tensor: Tensor): ElementSource {
  const { dtype } = tensor;
  if (!isElementType(dtype) || !('data' in tensor)) throw new UnsupportedError(`weight "${name}" of type ${dtype}`);
  const { data } = tensor;
  const { BYTES_PER_ELEMENT: width } = ELEMENT_ARRAYS[dtype];
  const { buffer, byteOffset } = data.byteOffset % width === 0 ? data : data.slice();
  return (first, count, chunk) => {
    const elements: Elements = new ELEMENT_ARRAYS[dtype](buffer as ArrayBuffer, byteOffset + first * width, count);
    storeElements(dtype, elements, chunk, 0);
  };
}

function networkSource(network: TensorNetwork): ElementSource {
  const [only] = network.operands;
  if (network.operands.length === 1 && isIdentity(network)) return operandSource(only as CodedOperand);
  const values = expandNetwork(network);
  return (first, count, { floats }) => {
    for (let at = 0; at < count; at++) floats[at] = values[first + at]!;
  };
}

/** Whether the axes of the only operand are those of the result, in the same order. */
function isIdentity({ expression }: TensorNetwork): boolean {
  const [from, to] = expression.split('->');
  return from === to;
}

function operandSource(operand: CodedOperand): ElementSource {
  if (operand.kind === 'float') {
    return (first, count, { floats }) => floats.set(operand.values.subarray(first, first + count));
  }
  const { levels, step } = operand;
  return (first, count, { floats }) => {
    for (let at = 0; at < count; at++) floats[at] = levels[first + at]! * step;
  };
}
