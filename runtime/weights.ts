/**
 * From a decoded weight to the words that kernels read: the numbers of a tensor network or of an exact tensor, written to
 * linear memory in the layout of the kernel, a chunk at a time, so that no second copy of a large weight comes into being.
 */
import type { StoredWeight } from '../src/codec/archive.ts';
import { type Labelled, parseExpression, stridesOf } from '../src/codec/einsum.ts';
import { contractNetwork, cosineAxes, type TensorNetwork } from '../src/codec/network.ts';
import { UnsupportedError } from '../src/errors.ts';
import { elementCount, type Tensor } from '../src/graph/tensor.ts';
import { type CoreAxis, joinAxes } from './core-axes.ts';
import { ELEMENT_ARRAYS, type Elements, isElementType, storeElements } from './elements.ts';
import type { Pointer } from './kernels/kernels.ts';
import { panelSink } from './panel-sink.ts';
import type { WeightLayout } from './plan/buffer.ts';
import { panelAxes } from './plan/weight-layout.ts';
import { type Core, rebuild } from './rebuild.ts';
import { rowMajorSink, SCRATCH_BYTES, type Sink, SLAB_WORDS, slabOf, type Workshop } from './sink.ts';

/** Elements that are converted together. */
const CHUNK = 1 << 14;
/** More along an axis would take hours. */
const MOST_FREQUENCIES = 1 << 16;

/**
 * Writes a weight to `pointer` in this layout: float types as float32, integers and bool as int32 (saturated). The memory
 * must reach as far as `layoutWords` says. Throws `UnsupportedError` for element types that kernels do not know, and
 * `RangeError` for a layout that does not fit the weight.
 */
export function placeWeight(workshop: Workshop, pointer: Pointer, weight: StoredWeight, layout: WeightLayout): void {
  const { shape } = 'network' in weight ? weight : weight.tensor;
  place(workshop, pointer, layout, shape, (sink) => writeWeight(workshop, weight, sink));
}

/** Gives the elements of a weight to a sink. */
export function writeWeight(workshop: Workshop, weight: StoredWeight, sink: Sink): void {
  if ('network' in weight) expandInto(workshop, weight.network, sink);
  else writeTensor(weight.name, weight.tensor, sink);
}

/** The same for a weight that is a network. */
export function placeNetwork(workshop: Workshop, pointer: Pointer, network: TensorNetwork, layout: WeightLayout): void {
  place(workshop, pointer, layout, network.shape, (sink) => expandInto(workshop, network, sink));
}

/** Has `write` give the elements to a sink that lays them down at `pointer` in this layout. */
function place(
  workshop: Workshop,
  pointer: Pointer,
  layout: WeightLayout,
  shape: readonly number[],
  write: (sink: Sink) => void,
): void {
  const elements = elementCount(shape);
  if (layout.side === 'plain') write(rowMajorSink(workshop, pointer));
  else if (elements > SLAB_WORDS) write(panelSink(workshop, pointer, layout, elements));
  else {
    // Small ones are packed by the kernel, as a whole; it would not notice what does not fit.
    panelAxes(layout, elements);
    const { side, batches, batchStride, rowStride, columnStride, rows, columns } = layout;
    const slab = slabOf(workshop);
    write(rowMajorSink(workshop, slab));
    const pack = workshop.kernels[side === 'rows' ? 'packRows' : 'packColumns'];
    pack(slab, batches, batchStride, rowStride, columnStride, rows, columns, pointer);
  }
}

/** The elements of a small weight that is a network. The memory must reach so many words behind the scratch. */
export function networkNumbers(workshop: Workshop, network: TensorNetwork): number[] {
  const pointer = workshop.scratch + SCRATCH_BYTES;
  expandInto(workshop, network, rowMajorSink(workshop, pointer));
  return Array.from(workshop.memory.floats.subarray(pointer / 4, pointer / 4 + elementCount(network.shape)));
}

function writeTensor(name: string, tensor: Tensor, sink: Sink): void {
  const { dtype } = tensor;
  if (!isElementType(dtype) || !('data' in tensor)) throw new UnsupportedError(`weight "${name}" of type ${dtype}`);
  const { data } = tensor;
  const { BYTES_PER_ELEMENT: width } = ELEMENT_ARRAYS[dtype];
  const { buffer, byteOffset } = data.byteOffset % width === 0 ? data : data.slice();
  const elements = data.byteLength / width;
  const words = new Int32Array(Math.min(CHUNK, elements));
  const chunk = { words, floats: new Float32Array(words.buffer) };
  for (let first = 0; first < elements; first += CHUNK) {
    const count = Math.min(CHUNK, elements - first);
    const part: Elements = new ELEMENT_ARRAYS[dtype](buffer as ArrayBuffer, byteOffset + first * width, count);
    storeElements(dtype, part, chunk, 0);
    sink.run(words.subarray(0, count), first);
  }
}

function expandInto(workshop: Workshop, network: TensorNetwork, sink: Sink): void {
  const { core, letters, shape } = coreOf(network);
  const strides = stridesOf(shape);
  const frequencies = new Map([...cosineAxes(network).cosines].map(([from, { to, size }]) => [to, { from, size }]));
  const axes = [...parseExpression(network.expression).result].map((letter): CoreAxis => {
    const cosine = frequencies.get(letter);
    const axis = letters.indexOf(cosine?.from ?? letter);
    const [count, stride] = [shape[axis]!, strides[axis]!];
    if (!cosine) return { count, size: count, stride, cosines: [] };
    return { count, size: cosine.size, stride, cosines: [{ count, size: cosine.size }] };
  });
  if (rebuild(workshop, core, joinAxes(axes, sink.boundary), sink)) return;
  // Longer lines than the scratch can hold: rare enough for the plain way, through a dense array.
  const longest = Math.max(...axes.map(({ count, cosines }) => cosines.length * count));
  if (longest > MOST_FREQUENCIES) throw new UnsupportedError(`a weight with ${longest} frequencies along an axis`);
  const dense = Float32Array.from(contractNetwork(network, parseExpression(network.expression).result).values);
  sink.run(new Int32Array(dense.buffer), 0);
}

/** The product of the operands with numbers, before any cosine. */
export function coreOf(network: TensorNetwork): Omit<Labelled, 'values'> & { core: Core } {
  const { letters, cosines } = cosineAxes(network);
  const [first] = network.operands;
  if (first!.kind !== 'cosine' && network.operands.slice(1).every(({ kind }) => kind === 'cosine')) {
    const core =
      first!.kind === 'float' ? { values: first!.values, scale: 1 } : { values: first!.levels, scale: first!.step };
    return { core, letters: letters[0]!, shape: first!.shape };
  }
  const open = new Map([...cosines].map(([from, { to }]) => [to, from]));
  const result = [...parseExpression(network.expression).result].map((letter) => open.get(letter) ?? letter);
  const { values, ...labelled } = contractNetwork(network, result.join(''));
  return { core: { values, scale: 1 }, ...labelled };
}
