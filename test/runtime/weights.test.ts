import { beforeAll, describe, expect, it } from 'vitest';
import { referenceKernels } from '../../runtime/js/kernels.ts';
import type { Memory } from '../../runtime/js/memory.ts';
import { TILE_COLUMNS, TILE_ROWS } from '../../runtime/kernels/opcodes.ts';
import { panelSink } from '../../runtime/panel-sink.ts';
import type { PackedLayout, WeightLayout } from '../../runtime/plan/buffer.ts';
import { layoutWords } from '../../runtime/plan/weight-layout.ts';
import { SCRATCH_BYTES, type Workshop } from '../../runtime/sink.ts';
import { hasRelaxedSimd, wasmKernels } from '../../runtime/wasm/instantiate.ts';
import { placeWeight, writeWeight } from '../../runtime/weights.ts';
import type { StoredWeight } from '../../src/codec/archive.ts';
import { expandNetwork } from '../../src/codec/expand.ts';
import {
  type CodedOperand,
  dctNetwork,
  type Operand,
  plainNetwork,
  type TensorNetwork,
} from '../../src/codec/network.ts';
import { UnsupportedError } from '../../src/errors.ts';
import { fromFloats } from '../../src/graph/numbers.ts';
import { elementCount, float32Tensor, int64Tensor, type NumericTensor, numericTensor } from '../../src/graph/tensor.ts';
import { normal, random } from '../support/random.ts';

/** What stands before and behind a weight in memory, to see that nothing else is written. */
const GUARD = 0x5eed;

type Backend = 'js' | 'simd' | 'relaxed-simd';
const BACKENDS: Backend[] = ['js', 'simd', ...(hasRelaxedSimd() ? (['relaxed-simd'] as const) : [])];

/** A memory of the scratch and room for the largest weight here. */
async function workshopOf(backend: Backend): Promise<Workshop> {
  const buffer = new WebAssembly.Memory({ initial: 64 });
  const memory: Memory = { words: new Int32Array(buffer.buffer), floats: new Float32Array(buffer.buffer) };
  if (backend === 'js') return { memory, kernels: referenceKernels(memory), scratch: 16 };
  const { kernels, heapBase } = await wasmKernels(buffer, { relaxed: backend === 'relaxed-simd' });
  return { memory, kernels, scratch: heapBase };
}

/** The words that `placeWeight` writes. */
function place(workshop: Workshop, weight: StoredWeight, layout: WeightLayout): Int32Array {
  const elements = elementCount('network' in weight ? weight.shape : weight.tensor.shape);
  const words = layoutWords(layout, elements);
  const all = workshop.memory.words;
  const guarded = (workshop.scratch + SCRATCH_BYTES) / 4;
  const start = guarded + 64;
  all.fill(GUARD);
  placeWeight(workshop, 4 * start, weight, layout);
  expect(all.subarray(guarded, start).every((word) => word === GUARD)).toBe(true);
  expect(all.subarray(start + words).every((word) => word === GUARD)).toBe(true);
  const placed = all.slice(start, start + words);
  if (layout.side !== 'plain') {
    // Those that are too large to be packed as a whole go to their panels directly.
    all.fill(GUARD);
    writeWeight(workshop, weight, panelSink(workshop, 4 * start, layout, elements));
    expect(all.subarray(guarded, start).every((word) => word === GUARD)).toBe(true);
    expect(all.subarray(start + words).every((word) => word === GUARD)).toBe(true);
    expectClose(floatsOf(all.slice(start, start + words)), floatsOf(placed));
  }
  return placed;
}

const floatsOf = (words: Int32Array) => new Float32Array(words.buffer, words.byteOffset, words.length);

/** Panels as runtime/kernels/kernels.ts describes them, element by element. */
function packed(values: ArrayLike<number>, layout: PackedLayout): number[] {
  const { side, batches, batchStride, rowStride, columnStride, rows, columns } = layout;
  const [lanes, depth, tile] = side === 'rows' ? [rows, columns, TILE_ROWS] : [columns, rows, TILE_COLUMNS];
  const result: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    for (let panel = 0; panel < Math.ceil(lanes / tile); panel++) {
      for (let k = 0; k < depth; k++) {
        for (let lane = panel * tile; lane < (panel + 1) * tile; lane++) {
          const [row, column] = side === 'rows' ? [lane, k] : [k, lane];
          result.push(lane < lanes ? values[batch * batchStride + row * rowStride + column * columnStride]! : 0);
        }
      }
    }
  }
  return result;
}

function quantized(shape: readonly number[], seed: number): CodedOperand {
  const uniform = random(seed);
  const levels = Int32Array.from({ length: elementCount(shape) }, () => Math.round(uniform() * 40 - 20));
  return { kind: 'quantized', shape, levels, step: 2 ** -7 * 1.25 };
}

function floating(shape: readonly number[], seed: number): CodedOperand {
  const values = Float32Array.from({ length: elementCount(shape) }, normal(seed));
  return { kind: 'float', shape, values, precision: 'float32' };
}

const cosine = (count: number, size: number): Operand => ({ kind: 'cosine', count, size });
const stored = (network: TensorNetwork, shape = network.shape): StoredWeight => ({
  name: 'w',
  dtype: 'float32',
  shape,
  network,
});

const LAYOUTS: [string, number[], WeightLayout][] = [
  ['row-major', [10, 7, 3, 3], { side: 'plain' }],
  [
    'rows of a Conv',
    [10, 7, 3, 3],
    { side: 'rows', batches: 1, batchStride: 0, rowStride: 63, columnStride: 1, rows: 10, columns: 63 },
  ],
  [
    'rows of a grouped Conv',
    [12, 5, 3, 3],
    { side: 'rows', batches: 2, batchStride: 270, rowStride: 45, columnStride: 1, rows: 6, columns: 45 },
  ],
  [
    'transposed rows of a ConvTranspose',
    [8, 9, 2, 2],
    { side: 'rows', batches: 1, batchStride: 0, rowStride: 1, columnStride: 36, rows: 36, columns: 8 },
  ],
  [
    'transposed rows of a grouped ConvTranspose',
    [8, 5, 3, 3],
    { side: 'rows', batches: 2, batchStride: 180, rowStride: 1, columnStride: 45, rows: 45, columns: 4 },
  ],
  [
    'columns of a MatMul',
    [19, 21],
    { side: 'columns', batches: 1, batchStride: 0, rowStride: 21, columnStride: 1, rows: 19, columns: 21 },
  ],
  [
    'columns of a batched MatMul',
    [2, 3, 6, 8],
    { side: 'columns', batches: 6, batchStride: 48, rowStride: 8, columnStride: 1, rows: 6, columns: 8 },
  ],
  [
    'columns of a Gemm with transB',
    [21, 19],
    { side: 'columns', batches: 1, batchStride: 0, rowStride: 1, columnStride: 19, rows: 19, columns: 21 },
  ],
  [
    'columns of many elements',
    [300, 301],
    { side: 'columns', batches: 1, batchStride: 0, rowStride: 301, columnStride: 1, rows: 300, columns: 301 },
  ],
];

/** Expected and found agree to float32's precision, relative to the largest. */
function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found.length).toBe(expected.length);
  let [largest, difference] = [0, 0];
  for (let at = 0; at < expected.length; at++) {
    largest = Math.max(largest, Math.abs(expected[at]!));
    difference = Math.max(difference, Math.abs(found[at]! - expected[at]!));
  }
  expect(difference / largest).toBeLessThan(1e-6);
}

describe.each(BACKENDS.flatMap((backend) => LAYOUTS.map((layout) => [backend, ...layout] as const)))(
  'placeWeight on %s, %s',
  (backend, _, shape, layout) => {
    let workshop: Workshop;
    beforeAll(async () => {
      workshop = await workshopOf(backend);
    });

    const axes = shape.map((_, axis) => axis);
    const low = shape.map((size) => Math.ceil(size / 3));
    const spatial = axes.filter((axis) => axis >= shape.length - 2);
    const networks: [string, TensorNetwork][] = [
      ['quantised numbers', plainNetwork(quantized(shape, 1))],
      ['float numbers', plainNetwork(floating(shape, 2))],
      ['low frequencies of all axes', dctNetwork(quantized(low, 3), shape, axes)],
      ['all frequencies of all axes', dctNetwork(quantized(shape, 4), shape, axes)],
      ['all frequencies of the last two axes', dctNetwork(quantized(shape, 5), shape, spatial)],
      [
        'frequencies of the first axis alone',
        dctNetwork(floating(low.with(1, shape[1]!).slice(0, 2).concat(shape.slice(2)), 6), shape, [0]),
      ],
    ];

    it.each(networks)('puts %s where they belong', (_, network) => {
      const expected = expandNetwork(network);
      const found = floatsOf(place(workshop, stored(network), layout));
      expectClose(found, layout.side === 'plain' ? expected : packed(expected, layout));
    });

    it('keeps exact tensors bit for bit', () => {
      const values = Float32Array.from({ length: elementCount(shape) }, normal(7));
      const found = floatsOf(place(workshop, { name: 'w', tensor: float32Tensor(shape, values) }, layout));
      expect(Array.from(found)).toEqual(layout.side === 'plain' ? Array.from(values) : packed(values, layout));
    });
  },
);

describe.each(BACKENDS)('placeWeight on %s', (backend) => {
  let workshop: Workshop;
  beforeAll(async () => {
    workshop = await workshopOf(backend);
  });

  const factors: [string, number[], Operand[]][] = [
    ['or,ri->oi', [30, 40], [floating([30, 3], 1), quantized([3, 40], 2)]],
    ['ir,ro->oi', [30, 40], [floating([40, 3], 1), quantized([3, 30], 2)]],
    ['oi->io', [40, 30], [quantized([30, 40], 1)]],
    ['abuv,oa,bi->oiuv', [20, 16, 3, 3], [quantized([4, 5, 3, 3], 1), floating([20, 4], 2), floating([5, 16], 3)]],
    ['or,ir,ur,vr->oiuv', [8, 6, 3, 3], [8, 6, 3, 3].map((size, at) => floating([size, 4], at))],
    ['ar,br,ao,bi->oi', [24, 36], [quantized([5, 4], 1), quantized([6, 4], 2), cosine(5, 24), cosine(6, 36)]],
    ['ab,bi,ao->io', [36, 24], [quantized([5, 6], 1), cosine(6, 36), cosine(5, 24)]],
    ['oa,ai->io', [70, 20], [quantized([20, 40], 1), cosine(40, 70)]],
    ['->', [], [quantized([], 1)]],
  ];

  it.each(factors)('rebuilds %s', (expression, shape, operands) => {
    const network: TensorNetwork = { expression, shape, operands };
    expectClose(floatsOf(place(workshop, stored(network), { side: 'plain' })), expandNetwork(network));
  });

  it('takes the elements of a folded network as those of the weight', () => {
    const network = dctNetwork(quantized([10, 3, 2, 2], 1), [10, 6, 4, 4], [1, 2, 3]);
    const layout: WeightLayout = {
      side: 'columns',
      batches: 1,
      batchStride: 0,
      rowStride: 1,
      columnStride: 96,
      rows: 96,
      columns: 10,
    };
    const found = floatsOf(place(workshop, stored(network, [10, 96]), layout));
    expectClose(found, packed(expandNetwork(network), layout));
  });

  const halves = [0, -1.5, 2 ** -24, 65504, Infinity];
  const wide = (array: ArrayBufferView<ArrayBuffer>) => new Uint8Array(array.buffer);
  const tensors: [NumericTensor, number[]][] = [
    [fromFloats('float16', [5], halves), halves],
    [fromFloats('bfloat16', [3], [0, -1.5, 2 ** -24]), [0, -1.5, 2 ** -24]],
    [numericTensor('float64', [2], wide(Float64Array.of(0.1, -1e300))), [Math.fround(0.1), -Infinity]],
    [int64Tensor([1, -2, 2 ** 40, -(2 ** 40)]), [1, -2, 2 ** 31 - 1, -(2 ** 31)]],
    [numericTensor('uint64', [2], wide(BigUint64Array.of(7n, 2n ** 63n))), [7, 2 ** 31 - 1]],
    [numericTensor('uint32', [2], wide(Uint32Array.of(5, 2 ** 32 - 1))), [5, 2 ** 31 - 1]],
    [numericTensor('int32', [2], wide(Int32Array.of(-5, 2 ** 31 - 1))), [-5, 2 ** 31 - 1]],
    [numericTensor('int16', [2], wide(Int16Array.of(-5, 300))), [-5, 300]],
    [numericTensor('uint16', [1], wide(Uint16Array.of(65535))), [65535]],
    [numericTensor('int8', [2], wide(Int8Array.of(-5, 100))), [-5, 100]],
    [numericTensor('uint8', [2], Uint8Array.of(5, 255)), [5, 255]],
    [numericTensor('bool', [3], Uint8Array.of(0, 1, 2)), [0, 1, 1]],
  ];

  it.each(tensors.map(([tensor, values]) => [tensor.dtype, tensor, values] as const))(
    'writes %s as the words that kernels read, from any place in a file',
    (dtype, tensor, values) => {
      const shifted = new Uint8Array(tensor.data.length + 1).subarray(1);
      shifted.set(tensor.data);
      const words = place(workshop, { name: 'w', tensor: { ...tensor, data: shifted } }, { side: 'plain' });
      expect(Array.from(dtype.includes('float') ? floatsOf(words) : words)).toEqual(values);
    },
  );

  it('refuses types that kernels do not know, and layouts that do not fit', () => {
    const complex = numericTensor('complex64', [1], new Uint8Array(8));
    const text = { dtype: 'string', shape: [1], strings: [new Uint8Array(1)] } as const;
    for (const tensor of [complex, text]) {
      expect(() => placeWeight(workshop, SCRATCH_BYTES + 4096, { name: 'odd', tensor }, { side: 'plain' })).toThrow(
        new UnsupportedError(`weight "odd" of type ${tensor.dtype}`),
      );
    }
    const layout = {
      side: 'rows',
      batches: 1,
      batchStride: 0,
      rowStride: 4,
      columnStride: 1,
      rows: 3,
      columns: 3,
    } as const;
    const weight: StoredWeight = { name: 'w', tensor: float32Tensor([9], new Float32Array(9)) };
    expect(() => placeWeight(workshop, SCRATCH_BYTES + 4096, weight, layout)).toThrow(RangeError);
  });
});
