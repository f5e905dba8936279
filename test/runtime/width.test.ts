/**
 * Elastic width against onnxruntime on weights that are sampled here, term by term, from the cosines' own formula.
 */
import { describe, expect, it } from 'vitest';
import { openFqz } from '../../formats/fqz/read.ts';
import { writeFqz } from '../../formats/fqz/write.ts';
import { createEngine } from '../../runtime/linear-engine.ts';
import { wasmMachine } from '../../runtime/machine.ts';
import type { StoredWeight } from '../../src/codec/archive.ts';
import { dctNetwork } from '../../src/codec/network.ts';
import { UnsupportedError } from '../../src/errors.ts';
import { type Attribute, emptyGraph, modelOf, type Node, node } from '../../src/graph/graph.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { normal } from '../support/random.ts';
import { buildModel, runModel } from '../support/run-model.ts';

const pads: Record<string, Attribute> = { pads: { type: 'ints', value: [1, 1, 1, 1] } };
const NODES = [
  node('Conv', ['x', 'first', 'bias'], ['a'], pads),
  node('InstanceNormalization', ['a', 'scale', 'shift'], ['b']),
  node('Relu', ['b'], ['c']),
  node('Conv', ['c', 'inner'], ['d'], pads),
  node('Concat', ['c', 'd'], ['e'], { axis: { type: 'int', value: 1 } }),
  node('ConvTranspose', ['e', 'up'], ['f'], { strides: { type: 'ints', value: [2, 2] } }),
  node('Conv', ['f', 'head'], ['y']),
];

/** Weights: shape, frequencies along each axis, and which channel axes are narrowed: their sums or their results. */
const WEIGHTS: Record<string, { shape: number[]; kept: number[]; sums?: number; results?: number }> = {
  first: { shape: [16, 3, 3, 3], kept: [3, 3, 2, 2], results: 0 },
  inner: { shape: [16, 16, 3, 3], kept: [4, 3, 2, 2], sums: 1, results: 0 },
  up: { shape: [32, 16, 2, 2], kept: [5, 4, 2, 2], sums: 0, results: 1 },
  head: { shape: [2, 16, 1, 1], kept: [2, 4, 1, 1], sums: 1 },
};
const STEP = 2 ** -4;
const SHAPE = [1, 3, 8, 6];

function levelsOf(kept: readonly number[]): Int32Array {
  const next = normal(kept.reduce((seed, size) => 10 * seed + size, 1));
  return Int32Array.from({ length: kept.reduce((product, size) => product * size, 1) }, () => Math.round(12 * next()));
}

/** Row `frequency` of the DCT-II matrix of `size` points as a function of a place between 0 and 1. */
const cosine = (frequency: number, place: number, size: number) =>
  Math.sqrt((frequency === 0 ? 1 : 2) / size) * Math.cos(Math.PI * frequency * place);

/** The weight with its narrowed axes sampled at `width` times as many points. */
function sample(name: string, width: number): { shape: number[]; values: Float32Array } {
  const { shape, kept, sums, results } = WEIGHTS[name]!;
  const levels = levelsOf(kept);
  const sizes = shape.map((size, axis) => (axis === sums || axis === results ? size * width : size));
  const [o, i, u, v] = sizes as [number, number, number, number];
  const values = Float32Array.from({ length: o * i * u * v }, (_, at) => {
    const index = [Math.floor(at / (i * u * v)), Math.floor(at / (u * v)) % i, Math.floor(at / v) % u, at % v];
    let sum = 0;
    levels.forEach((level, entry) => {
      const frequencies = kept.map((_, axis) => {
        const below = kept.slice(axis + 1).reduce((product, size) => product * size, 1);
        return Math.floor(entry / below) % kept[axis]!;
      });
      const terms = frequencies.map((frequency, axis) =>
        cosine(frequency, (index[axis]! + 0.5) / sizes[axis]!, shape[axis]!),
      );
      sum += level * STEP * terms.reduce((product, term) => product * term, 1);
    });
    return sum * (sums === undefined ? 1 : 1 / width);
  });
  return { shape: sizes, values };
}

function fileOf(nodes: Node[], change: (weights: StoredWeight[]) => StoredWeight[] = (weights) => weights): Uint8Array {
  const graph = emptyGraph('net');
  graph.inputs.push({ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: SHAPE } });
  graph.outputs.push({ name: 'y', type: { kind: 'tensor', dtype: 'float32', shape: [1, 2, null, null] } });
  graph.nodes.push(...nodes);
  const vector = (name: string, value: number): StoredWeight => ({
    name,
    tensor: float32Tensor([16], new Float32Array(16).fill(value)),
  });
  const networks = Object.entries(WEIGHTS).map(([name, { shape, kept }]): StoredWeight => {
    const core = { kind: 'quantized', shape: kept, levels: levelsOf(kept), step: STEP } as const;
    return { name, dtype: 'float32', shape, network: dctNetwork(core, shape, [0, 1, 2, 3]) };
  });
  const weights = change([...networks, vector('bias', 0.25), vector('scale', 1.5), vector('shift', -0.5)]);
  const order = [...new Set(nodes.flatMap(({ inputs }) => inputs))];
  const used = order.flatMap((name) => weights.filter((weight) => weight.name === name));
  return writeFqz({ graph: { kind: 'compact', model: modelOf(graph, 21) }, weights: used }).bytes;
}

const image = () => Float32Array.from({ length: SHAPE.reduce((product, size) => product * size, 1) }, normal(2));

async function run(bytes: Uint8Array, width: number) {
  const engine = createEngine(openFqz(bytes), await wasmMachine(), { width });
  return engine.run(new Map([['x', { dtype: 'float32', shape: SHAPE, data: image() }]])).get('y')!;
}

describe('elastic width', () => {
  it.each([1, 0.5, 0.3125])('%s: the cosines at fewer points, and sums over fewer channels rescaled', async (width) => {
    const vector = (value: number) => float32Tensor([16 * width], new Float32Array(16 * width).fill(value));
    const initializers = Object.fromEntries(
      Object.keys(WEIGHTS).map((name) => {
        const { shape, values } = sample(name, width);
        return [name, float32Tensor(shape, values)];
      }),
    );
    const vectors = { bias: vector(0.25), scale: vector(1.5), shift: vector(-0.5) };
    const model = buildModel(21, { x: SHAPE }, NODES, ['y'], { ...initializers, ...vectors });
    const expected = (await runModel(model, new Map([['x', float32Tensor(SHAPE, image())]]))).get('y')!;
    if (expected.dtype === 'string') throw new Error('no text was asked for');
    const { buffer, byteOffset, byteLength } = expected.data.slice();
    const numbers = new Float32Array(buffer, byteOffset, byteLength / 4);
    const actual = await run(fileOf(NODES), width);
    expect(actual.shape).toEqual(expected.shape);
    const scale = Math.max(...numbers.map(Math.abs));
    numbers.forEach((value, at) => {
      expect(Math.abs(Number(actual.data[at]) - value) / scale).toBeLessThan(1e-5);
    });
  });

  const plain = (weights: StoredWeight[]): StoredWeight[] =>
    weights.map((weight) => {
      if (weight.name !== 'inner') return weight;
      const { shape, values } = sample('inner', 1);
      return { name: 'inner', tensor: float32Tensor(shape, values) };
    });
  const uneven = (weights: StoredWeight[]): StoredWeight[] =>
    weights.map((weight) =>
      weight.name === 'scale'
        ? {
            ...weight,
            tensor: float32Tensor(
              [16],
              Float32Array.from({ length: 16 }, (_, at) => at),
            ),
          }
        : weight,
    );

  it.each([
    ['a fraction that gives no whole channels', fileOf(NODES), 0.3, /"Conv0.1" is no whole number/],
    ['fewer channels than frequencies', fileOf(NODES), 0.125, /3 frequencies, too many for 2 channels/],
    ['a weight that is not coded by cosines', fileOf(NODES, plain), 0.5, /weight "Conv1.1" has no cosine axis/],
    [
      'a vector that is not the same everywhere',
      fileOf(NODES, uneven),
      0.5,
      /vector "InstanceNormalization0.1" has no cosine axis/,
    ],
    [
      'a model with no channels between convolutions',
      fileOf([node('Conv', ['x', 'first'], ['a'], pads), node('Softmax', ['a'], ['y'], {})]),
      0.5,
      /no internal channels/,
    ],
  ] as const)('refuses %s', async (_, bytes, width, reason) => {
    const machine = await wasmMachine();
    const open = () => createEngine(openFqz(bytes), machine, { width });
    expect(open).toThrow(UnsupportedError);
    expect(open).toThrow(reason);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses the width %s', async (width) => {
    const machine = await wasmMachine();
    expect(() => createEngine(openFqz(fileOf(NODES)), machine, { width })).toThrow(RangeError);
  });
});
