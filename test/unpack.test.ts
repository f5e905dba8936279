import { describe, expect, it } from 'vitest';
import type { Archive } from '../src/codec/archive.ts';
import { dctNetwork, type QuantizedOperand } from '../src/codec/network.ts';
import { stepOf } from '../src/codec/step.ts';
import { FormatError } from '../src/errors.ts';
import { type Attribute, type Model, node } from '../src/graph/graph.ts';
import { fromFloats, toFloat32 } from '../src/graph/numbers.ts';
import type { Tensor } from '../src/graph/tensor.ts';
import { type Form, unpack } from '../src/unpack.ts';
import { einsumByDefinition } from './support/einsum.ts';
import { normal } from './support/random.ts';
import { buildModel, largestDifference, runModel, seededFeeds } from './support/run-model.ts';

const next = normal(21);
const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const int = (value: number): Attribute => ({ type: 'int', value });

interface Layer {
  op: string;
  /** Shape of the layer's input. */
  input: number[];
  /** Shape of the weight, and the rows of its core; an axis with fewer rows than the weight has gets a cosine. */
  weight: number[];
  rows: number[];
  /** Shape of the network where it is not the weight's. */
  folded?: number[];
  bias?: number;
  attributes?: Record<string, Attribute>;
  /** Links of the chain. */
  links: number;
}

/** An archive of one layer whose weight is a DCT network. */
function archiveOf({ op, input, weight, rows, folded = weight, bias, attributes = {} }: Layer): Archive {
  const core: QuantizedOperand = {
    kind: 'quantized',
    shape: rows,
    levels: Int32Array.from({ length: count(rows) }, () => Math.round(30 * next())),
    step: stepOf(-40),
  };
  const axes = folded.flatMap((size, axis) => (rows[axis]! < size ? [axis] : []));
  const network = dctNetwork(core, folded, axes);
  const inputs = bias ? ['x', 'w', 'b'] : ['x', 'w'];
  const model: Model = buildModel(21, { x: input }, [node(op, inputs, ['y'], attributes)], ['y']);
  const biases = bias
    ? [{ name: 'b', tensor: fromFloats('float32', [bias], Float64Array.from({ length: bias }, next)) }]
    : [];
  return {
    graph: { kind: 'compact', model },
    weights: [
      { name: 'w', dtype: 'float32', shape: weight, network },
      ...(biases as { name: string; tensor: Tensor }[]),
    ],
  };
}

const conv = { op: 'Conv', input: [2, 12, 11, 9], weight: [10, 12, 3, 3], rows: [4, 3, 3, 2], bias: 10, links: 3 };
const transposed = {
  op: 'ConvTranspose',
  input: [2, 12, 5, 6],
  weight: [12, 10, 3, 2],
  rows: [4, 3, 3, 2],
  bias: 10,
  links: 3,
};
const gemm = { op: 'Gemm', input: [3, 24], weight: [24, 10], rows: [5, 4], bias: 10, links: 3 };

const LAYERS: Record<string, Layer> = {
  Conv: conv,
  'Conv without bias': { ...conv, bias: 0 },
  'Conv with strides and pads': { ...conv, attributes: { strides: ints(2, 3), pads: ints(1, 0, 2, 1) } },
  'Conv with dilations': { ...conv, attributes: { dilations: ints(2, 1), kernel_shape: ints(3, 3) } },
  'Conv with auto_pad SAME_UPPER': {
    ...conv,
    attributes: { auto_pad: { type: 'string', value: 'SAME_UPPER' }, strides: ints(2, 2) },
  },
  'Conv with auto_pad SAME_LOWER': { ...conv, attributes: { auto_pad: { type: 'string', value: 'SAME_LOWER' } } },
  'Conv with few outputs only': { ...conv, rows: [4, 12, 3, 3], links: 2 },
  'Conv with few inputs only': { ...conv, rows: [10, 3, 3, 3], links: 2 },
  'Conv of one axis': { ...conv, input: [2, 12, 20], weight: [10, 12, 5], rows: [4, 3, 3] },
  'Conv of three axes': { ...conv, input: [1, 12, 5, 4, 6], weight: [10, 12, 2, 3, 2], rows: [4, 3, 2, 2, 1] },
  ConvTranspose: transposed,
  'ConvTranspose with strides, pads and output_padding': {
    ...transposed,
    attributes: { strides: ints(2, 3), pads: ints(1, 0, 0, 1), output_padding: ints(1, 2) },
  },
  'ConvTranspose with output_shape': { ...transposed, attributes: { strides: ints(2, 2), output_shape: ints(10, 12) } },
  'ConvTranspose with dilations': { ...transposed, bias: 0, attributes: { dilations: ints(2, 2) } },
  Gemm: gemm,
  'Gemm with transB': { ...gemm, weight: [10, 24], rows: [4, 5], attributes: { transB: int(1) } },
  'Gemm with alpha and beta': {
    ...gemm,
    attributes: { alpha: { type: 'float', value: 0.5 }, beta: { type: 'float', value: -2 } },
  },
  'Gemm without bias': { ...gemm, bias: 0 },
  'Gemm of a folded weight': { ...gemm, folded: [4, 3, 2, 10], rows: [3, 2, 2, 4], links: 2 },
  'Gemm of a folded weight with transB': {
    ...gemm,
    weight: [10, 24],
    folded: [10, 4, 3, 2],
    rows: [4, 3, 2, 2],
    attributes: { transB: int(1) },
    links: 2,
  },
  MatMul: { ...gemm, op: 'MatMul', bias: 0 },
  'MatMul of a batch': { ...gemm, op: 'MatMul', input: [2, 3, 24], bias: 0 },
  'MatMul of a vector': { ...gemm, op: 'MatMul', input: [24], bias: 0 },
};

describe('the factored form', () => {
  it.each(Object.entries(LAYERS))('of %s computes what the dense form does', async (_, layer) => {
    const archive = archiveOf(layer);
    const [dense, factored] = (['dense', 'factored'] as Form[]).map((form) => unpack(archive, { form }));
    expect(dense!.graph.nodes).toHaveLength(1);
    expect(factored!.graph.nodes).toHaveLength(layer.links);
    expect(factored!.graph.initializers.has('w')).toBe(false);
    const feeds = seededFeeds(dense!);
    const expected = await runModel(dense!, feeds);
    expect(largestDifference(expected, await runModel(factored!, feeds))).toBeLessThan(1e-4);
  });

  it.each<[string, Layer]>([
    ['a Conv in groups', { ...conv, input: [2, 24, 11, 9], attributes: { group: int(2) } }],
    ['a transposed input', { ...gemm, input: [24, 3], attributes: { transA: int(1) } }],
    ['a window DCT alone', { ...conv, rows: [10, 12, 2, 2] }],
  ])('leaves %s dense', async (_, layer) => {
    const factored = unpack(archiveOf(layer), { form: 'factored' });
    expect(factored.graph.nodes).toHaveLength(1);
    expect(factored.graph.initializers.get('w')!.shape).toEqual(layer.weight);
  });

  it('is taken by `auto` only where it saves multiplications', () => {
    expect(unpack(archiveOf(conv), { form: 'auto' }).graph.nodes).toHaveLength(3);
    const nearlyFull = archiveOf({ ...conv, rows: [9, 11, 3, 3] });
    expect(unpack(nearlyFull, { form: 'auto' }).graph.nodes).toHaveLength(1);
    expect(unpack(nearlyFull, { form: 'factored' }).graph.nodes).toHaveLength(3);
  });

  it('shares nothing with names that are there', async () => {
    const archive = archiveOf(conv);
    if (archive.graph.kind !== 'compact') return expect.unreachable();
    const { graph } = archive.graph.model;
    graph.nodes.push(node('Relu', ['y'], ['y/0']), node('Neg', ['y/0'], ['w/0.1']));
    graph.outputs.push({ name: 'w/0.1' });
    const [dense, factored] = (['dense', 'factored'] as Form[]).map((form) => unpack(archive, { form }));
    const feeds = seededFeeds(dense!);
    expect(largestDifference(await runModel(dense!, feeds), await runModel(factored!, feeds))).toBeLessThan(1e-4);
  });

  it('keeps a dense weight that something else uses, too', () => {
    const archive = archiveOf(conv);
    if (archive.graph.kind !== 'compact') return expect.unreachable();
    archive.graph.model.graph.nodes.push(node('Shape', ['w'], ['s']));
    const { initializers, nodes } = unpack(archive, { form: 'factored' }).graph;
    expect(initializers.has('w')).toBe(true);
    expect(nodes).toHaveLength(4);
  });
});

describe('the dense form', () => {
  it('is the einsum, rounded to the element type', () => {
    const archive = archiveOf(conv);
    const [weight] = archive.weights;
    if (!weight || !('network' in weight)) return expect.unreachable();
    const expected = einsumByDefinition(weight.network);
    for (const [dtype, precision] of [
      ['float32', 2 ** -24],
      ['float16', 2 ** -11],
      ['bfloat16', 2 ** -8],
    ] as const) {
      const tensor = unpack({ ...archive, weights: [{ ...weight, dtype }] }).graph.initializers.get('w')!;
      expect(tensor.dtype).toBe(dtype);
      toFloat32(tensor).forEach((value, at) => {
        expect(Math.abs(value - expected[at]!)).toBeLessThanOrEqual(1.01 * precision * Math.abs(expected[at]!) + 1e-7);
      });
    }
  });

  it('leaves the archive as it was', () => {
    const archive = archiveOf(gemm);
    const before = structuredClone(archive);
    unpack(archive, { form: 'factored' });
    unpack(archive);
    expect(archive).toEqual(before);
  });

  it('refuses a stored ONNX graph that is none', () => {
    for (const deflated of [
      new Uint8Array(0),
      Uint8Array.of(7, 7, 7),
      Uint8Array.of(3, 0),
      Uint8Array.of(75, 76, 74, 6, 0),
    ]) {
      expect(() => unpack({ graph: { kind: 'onnx', deflated }, weights: [] })).toThrow(FormatError);
    }
  });
});
