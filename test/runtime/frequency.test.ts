/**
 * Layers in the frequency domain against the same file with dense weights in onnxruntime: small nets whose weights have few
 * channel frequencies, in every arrangement that the plan treats of its own.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { openFqz } from '../../formats/fqz/read.ts';
import { writeFqz } from '../../formats/fqz/write.ts';
import { referenceMachine } from '../../runtime/js/machine.ts';
import { createEngine, type LinearEngine } from '../../runtime/linear-engine.ts';
import { type Machine, wasmMachine } from '../../runtime/machine.ts';
import type { Archive, StoredWeight } from '../../src/codec/archive.ts';
import { dctNetwork } from '../../src/codec/network.ts';
import { nearestStepCode, stepOf } from '../../src/codec/step.ts';
import { type Attribute, emptyGraph, modelOf, type Node, node } from '../../src/graph/graph.ts';
import { float32Tensor, int64Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { unpack } from '../../src/unpack.ts';
import { normal } from '../support/random.ts';
import { runModel } from '../support/run-model.ts';

const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const float = (value: number): Attribute => ({ type: 'float', value });
const int = (value: number): Attribute => ({ type: 'int', value });
const conv = (x: string, w: string, y: string, pad = 1, bias?: string) =>
  node('Conv', [x, w, ...(bias ? [bias] : [])], [y], { pads: ints(pad, pad, pad, pad) });
const norm = (x: string, y: string, channels: number) =>
  node('InstanceNormalization', [x, `scale${channels}`, `bias${channels}`], [y]);
const relu = (x: string, y: string) => node('Relu', [x], [y]);
const pool = (x: string, y: string, attributes: Record<string, Attribute> = {}) =>
  node('MaxPool', [x], [y], { kernel_shape: ints(2, 2), strides: ints(2, 2), ...attributes });

/**
 * Weights by name: shape, and how many frequencies of each axis; axes with all of them are not transformed. `matrix` is the
 * shape of the initialiser where the network's is folded.
 */
type Weights = Record<string, { shape: number[]; kept: number[]; matrix?: [number, number] }>;

interface Net {
  readonly name: string;
  readonly nodes: Node[];
  readonly weights: Weights;
  readonly x?: readonly number[];
  /** Kernels that must have run, and that must not. */
  readonly fused?: number;
  /** How many matrix products must have run: one for each factor. */
  readonly products?: number;
  readonly tensors?: Record<string, Tensor>;
  readonly outputs?: string[];
}

const FIRST = { shape: [24, 3, 3, 3], kept: [4, 3, 3, 2] };
const INNER = { shape: [24, 24, 3, 3], kept: [3, 5, 2, 3] };
const HEAD = { shape: [2, 24, 1, 1], kept: [2, 6, 1, 1] };

const NETS: Net[] = [
  {
    name: 'norm, activation and pool between convolutions',
    nodes: [
      conv('x', 'first', 'a'),
      norm('a', 'b', 24),
      relu('b', 'c'),
      pool('c', 'd'),
      conv('d', 'inner', 'e'),
      norm('e', 'f', 24),
      relu('f', 'g'),
      conv('g', 'head', 'y', 0, 'headBias'),
    ],
    weights: { first: FIRST, inner: INNER, head: HEAD },
    fused: 2,
  },
  {
    name: 'biases, and ranges other than those of Relu',
    nodes: [
      conv('x', 'first', 'a', 1, 'bias'),
      node('Clip', ['a', 'low', 'high'], ['b']),
      conv('b', 'inner', 'c', 1, 'bias'),
      node('Clip', ['c', '', 'high'], ['d']),
      pool('d', 'e'),
      conv('e', 'inner', 'y'),
    ],
    weights: { first: FIRST, inner: INNER },
    fused: 2,
  },
  {
    name: 'more than four maps and outputs, with odd sizes and one pixel left over',
    nodes: [conv('x', 'first', 'a'), relu('a', 'b'), pool('b', 'c'), conv('c', 'inner', 'd'), relu('d', 'y')],
    weights: {
      first: { shape: [70, 3, 3, 3], kept: [7, 3, 3, 3] },
      inner: { shape: [9, 70, 3, 3], kept: [9, 6, 3, 3] },
    },
    x: [2, 3, 11, 7],
    fused: 1,
  },
  {
    name: 'an expanded value that others read as it is',
    nodes: [
      conv('x', 'first', 'a'),
      norm('a', 'b', 24),
      relu('b', 'c'),
      conv('c', 'inner', 'd'),
      node('Sigmoid', ['c'], ['e']),
      node('Add', ['d', 'e'], ['f']),
      conv('f', 'head', 'y', 0),
    ],
    weights: { first: FIRST, inner: INNER, head: HEAD },
    fused: 2,
  },
  {
    name: 'a U: transposed convolution, padding and concatenation',
    nodes: [
      conv('x', 'first', 'a'),
      norm('a', 'b', 24),
      relu('b', 'c'),
      pool('c', 'd'),
      conv('d', 'inner', 'e'),
      relu('e', 'f'),
      node('ConvTranspose', ['f', 'up', 'upBias'], ['g'], { strides: ints(2, 2) }),
      node('Pad', ['g', 'pads'], ['h']),
      node('Concat', ['c', 'h'], ['i'], { axis: int(1) }),
      conv('i', 'join', 'j'),
      norm('j', 'k', 24),
      relu('k', 'l'),
      conv('l', 'head', 'y', 0),
    ],
    weights: {
      first: FIRST,
      inner: INNER,
      head: HEAD,
      up: { shape: [24, 16, 2, 2], kept: [4, 5, 2, 2] },
      join: { shape: [24, 40, 3, 3], kept: [4, 4, 3, 3] },
    },
    x: [2, 3, 13, 9],
    tensors: { pads: int64Tensor([0, 0, 0, 0, 0, 0, 1, 1]) },
    fused: 4,
  },
  {
    name: 'padding before everything else that covers the result',
    nodes: [
      conv('x', 'first', 'a'),
      node('Pad', ['a', 'pads'], ['b']),
      node('Pad', ['a', 'pads'], ['c']),
      node('Concat', ['b', 'c'], ['d'], { axis: int(1) }),
      conv('d', 'join', 'y'),
    ],
    weights: { first: FIRST, join: { shape: [5, 48, 3, 3], kept: [5, 4, 3, 3] } },
    tensors: { pads: int64Tensor([0, 0, 2, 0, 0, 0, 1, 3]) },
    fused: 2,
  },
  {
    name: 'concatenation with channels that are in memory',
    nodes: [
      conv('x', 'first', 'a'),
      relu('a', 'b'),
      node('Sigmoid', ['x'], ['s']),
      node('Concat', ['s', 'b', 'x'], ['c'], { axis: int(1) }),
      conv('c', 'join', 'd'),
      node('Concat', ['d', 's'], ['y'], { axis: int(1) }),
    ],
    weights: { first: FIRST, join: { shape: [24, 30, 3, 3], kept: [3, 3, 3, 3] } },
    fused: 2,
  },
  {
    name: 'what the fused layer does not know is done on the channels',
    nodes: [
      conv('x', 'first', 'a'),
      pool('a', 'b', { strides: ints(1, 1) }),
      conv('b', 'inner', 'c'),
      norm('c', 'd', 24),
      node('LeakyRelu', ['d'], ['e']),
      pool('e', 'f', { pads: ints(1, 0, 0, 1) }),
      conv('f', 'inner', 'g'),
      node('Pad', ['g', 'pads'], ['h']),
      relu('h', 'i'),
      conv('i', 'head', 'y', 0),
    ],
    weights: { first: FIRST, inner: INNER, head: HEAD },
    tensors: { pads: int64Tensor([0, 0, 1, 1, 0, 0, 0, 0]) },
  },
  {
    name: 'strides, dilations and cosines over one channel axis only',
    nodes: [
      node('Conv', ['x', 'first'], ['a'], { strides: ints(2, 1), pads: ints(0, 1, 2, 0) }),
      relu('a', 'b'),
      node('Conv', ['b', 'narrow'], ['c'], { dilations: ints(1, 2) }),
      relu('c', 'd'),
      node('Conv', ['d', 'wide'], ['y'], { pads: ints(1, 1, 1, 1) }),
    ],
    weights: {
      first: FIRST,
      narrow: { shape: [24, 24, 3, 3], kept: [24, 4, 3, 3] },
      wide: { shape: [24, 24, 3, 3], kept: [4, 24, 3, 3] },
    },
    x: [1, 3, 16, 15],
  },
  {
    name: 'matrices behind Flatten, with folded axes, factors of alpha and beta, and a bias',
    nodes: [
      node('Flatten', ['x'], ['a']),
      node('Gemm', ['a', 'folded', 'bias'], ['b'], { transB: int(1) }),
      relu('b', 'c'),
      node('Gemm', ['c', 'both', 'bias'], ['d'], { transB: int(1), alpha: float(0.5), beta: float(2) }),
      node('Gemm', ['d', 'columns'], ['e']),
      node('Gemm', ['e', 'rows'], ['y'], { transB: int(1) }),
    ],
    weights: {
      folded: { shape: [24, 3, 12, 10], kept: [3, 2, 4, 3], matrix: [24, 360] },
      both: { shape: [24, 24], kept: [3, 4] },
      columns: { shape: [24, 32], kept: [24, 2] },
      rows: { shape: [16, 32], kept: [16, 5] },
    },
    products: 8,
  },
  {
    name: 'matrices on batches of rows',
    nodes: [
      node('MatMul', ['x', 'both'], ['a']),
      node('Add', ['a', 'bias'], ['b']),
      relu('b', 'c'),
      node('MatMul', ['c', 'columns'], ['d']),
      node('MatMul', ['d', 'rows'], ['y']),
    ],
    weights: {
      both: { shape: [30, 24], kept: [4, 5] },
      columns: { shape: [24, 32], kept: [24, 2] },
      rows: { shape: [32, 16], kept: [5, 16] },
    },
    x: [2, 3, 7, 30],
    products: 6,
  },
  {
    name: 'a matrix that costs less as it is',
    nodes: [node('MatMul', ['x', 'dense'], ['y'])],
    weights: { dense: { shape: [30, 24], kept: [20, 15] } },
    x: [2, 3, 7, 30],
    products: 1,
  },
];

/** An archive whose weights are DCTs with a few low frequencies. */
function archiveOf({ nodes, weights, x = [2, 3, 12, 10], tensors = {}, outputs = ['y'] }: Net): Archive {
  const graph = emptyGraph('net');
  const next = normal(11);
  graph.inputs.push({ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: [...x] } });
  for (const name of outputs) graph.outputs.push({ name, type: { kind: 'tensor', dtype: 'float32' } });
  graph.nodes.push(...nodes);
  const vector = (count: number, mean: number) =>
    float32Tensor(
      [count],
      Float32Array.from({ length: count }, () => mean + next() / 4),
    );
  const exact: Record<string, Tensor> = {
    scale24: vector(24, 1),
    bias24: vector(24, 0),
    bias: vector(24, 0),
    headBias: vector(2, 0),
    upBias: vector(16, 1),
    low: float32Tensor([], Float32Array.of(-0.4)),
    high: float32Tensor([], Float32Array.of(0.7)),
    ...tensors,
  };
  const stored: StoredWeight[] = [];
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  for (const [name, tensor] of Object.entries(exact)) if (used.has(name)) stored.push({ name, tensor });
  for (const [name, { shape, kept, matrix = shape }] of Object.entries(weights)) {
    const axes = shape.map((_, axis) => axis).filter((axis) => axis > 1 || kept[axis]! < shape[axis]!);
    const count = kept.reduce((product, size) => product * size, 1);
    const gain = Math.sqrt(shape[0]! / count);
    const levels = Int32Array.from({ length: count }, () => Math.round(60 * next()));
    const core = { kind: 'quantized', shape: kept, levels, step: stepOf(nearestStepCode(gain / 60)) } as const;
    stored.push({ name, dtype: 'float32', shape: matrix, network: dctNetwork(core, shape, axes) });
  }
  const order = [...used].filter((name) => stored.some((weight) => weight.name === name));
  return {
    graph: { kind: 'compact', model: modelOf(graph, 21) },
    weights: order.map((name) => stored.find((weight) => weight.name === name)!),
  };
}

function imageOf(shape: readonly number[]): Float32Array {
  const next = normal(5);
  return Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, next);
}

function outputsOf(
  engine: LinearEngine,
  shape: readonly number[],
): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const results = engine.run(new Map([['x', { dtype: 'float32', shape, data: imageOf(shape) }]]));
  return results as Map<string, { shape: readonly number[]; data: Float32Array }>;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let magnitude = 0;
  for (let at = 0; at < a.length; at++) {
    difference = Math.max(difference, Math.abs(a[at]! - b[at]!));
    magnitude = Math.max(magnitude, Math.abs(a[at]!));
  }
  return difference / magnitude;
}

describe.each(NETS)('in the frequency domain: $name', (net) => {
  const archive = archiveOf(net);
  const bytes = writeFqz(archive).bytes;
  const shape = net.x ?? [2, 3, 12, 10];
  let expected: Map<string, Tensor>;

  beforeAll(async () => {
    expected = await runModel(
      unpack(archive, { form: 'dense' }),
      new Map([['x', float32Tensor([...shape], imageOf(shape))]]),
    );
  });

  it.each(['js', 'wasm'] as const)('%s gives what onnxruntime gives with dense weights', async (backend) => {
    const machine: Machine = backend === 'js' ? referenceMachine() : await wasmMachine();
    const engine = createEngine(openFqz(bytes), machine);
    const outputs = outputsOf(engine, shape);
    for (const [name, tensor] of expected) {
      if (tensor.dtype === 'string') throw new Error('no text was asked for');
      const { buffer, byteOffset, byteLength } = tensor.data.slice();
      const dense = new Float32Array(buffer, byteOffset, byteLength / 4);
      expect(outputs.get(name)!.shape).toEqual(tensor.shape);
      expect(largestDifference(dense, outputs.get(name)!.data)).toBeLessThan(2e-5);
    }
    const calls = (name: string) => engine.plan!.steps.filter(({ kernel }) => kernel === name).length;
    if (net.fused !== undefined) expect(calls('expandProject')).toBeGreaterThanOrEqual(net.fused);
    if (net.products !== undefined) expect(calls('matmul')).toBe(net.products);
  });
});
