/// <reference types="vite/client" />
/**
 * The built modules of the page builds on the GPU, where the bundler has shortened names and shaders: they compute what onnxruntime does.
 */
import { describe, expect, it } from 'vitest';
import type { Load } from '../../runtime/load.ts';
import { createSession } from '../../runtime/ort/index.ts';
import { convert } from '../../src/convert.ts';
import { type Attribute, emptyGraph, type Model, modelOf, type Node, node } from '../../src/graph/graph.ts';
import { float32Tensor, int64Tensor } from '../../src/graph/tensor.ts';
import { relativeError } from '../support/relative-error.ts';
import { noise } from '../support/small-model.ts';

const BUILDS = import.meta.glob<{ load: Load }>('../../dist/fqz-runtime-{auto,webgpu,full}.js');
const FILES = import.meta.glob<string>('../../fixtures/v1/{digits-cnn,smooth-unet}.quality.fqz', {
  eager: true,
  query: '?url',
  import: 'default',
});
const SHAPES = { 'digits-cnn': [2, 1, 28, 28], 'smooth-unet': [1, 1, 32, 32] };

const int = (value: number): Attribute => ({ type: 'int', value });
const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const text = (value: string): Attribute => ({ type: 'string', value });
const float = (value: number): Attribute => ({ type: 'float', value });
const PAIR = { kernel_shape: ints(2, 2), strides: ints(2, 2) };

/** Nodes from `x` (1, 4, 8, 12) to an output each, by the kernels that they come to. */
const NODES: readonly Node[] = [
  node('Conv', ['x', 'filters', 'bias'], ['conv'], { pads: ints(1, 1, 1, 1), strides: ints(2, 1) }),
  node('Conv', ['x', 'depthwiseFilters'], ['depthwise'], { group: int(4), pads: ints(1, 1, 1, 1) }),
  node('ConvTranspose', ['x', 'filters'], ['convTranspose'], { strides: ints(2, 2) }),
  node('MatMul', ['x', 'matrix'], ['matmul']),
  node('InstanceNormalization', ['x', 'bias', 'bias'], ['normalize']),
  node('Softmax', ['x'], ['softmax'], { axis: int(1) }),
  node('LogSoftmax', ['x'], ['logSoftmax']),
  node('MaxPool', ['x'], ['pool'], PAIR),
  node('AveragePool', ['x'], ['averagePool'], { ...PAIR, pads: ints(1, 1, 1, 1) }),
  node('ReduceMean', ['x', 'axes'], ['reduce']),
  node('ReduceMax', ['x', 'axes'], ['reduceMax']),
  node('ArgMax', ['x'], ['argMax'], { axis: int(3) }),
  node('TopK', ['x', 'k'], ['largest', 'indices']),
  node('Gather', ['x', 'places'], ['gather'], { axis: int(2) }),
  node('Resize', ['x', '', 'scales'], ['interpolate'], { mode: text('linear') }),
  node('Transpose', ['x'], ['copy'], { perm: ints(0, 3, 1, 2) }),
  node('Gelu', ['x'], ['gelu']),
  node('Mish', ['x'], ['mish']),
  node('Pow', ['softmax', 'row'], ['power']),
  node('Sin', ['x'], ['sine']),
  node('Floor', ['x'], ['floor']),
  node('Clip', ['x', 'low'], ['clip']),
  node('LeakyRelu', ['x'], ['leaky'], { alpha: float(0.2) }),
  // Instructions that page builds leave to the host.
  node('Atan', ['x'], ['arctangent']),
];

function manyKernels(): Model {
  const graph = emptyGraph('kernels');
  const port = (name: string) => ({ name, type: { kind: 'tensor', dtype: 'float32' } as const });
  graph.inputs.push({ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: [1, 4, 8, 12] } });
  graph.outputs.push(
    ...NODES.flatMap(({ outputs }) => outputs).map((name) =>
      ['argMax', 'indices'].includes(name) ? { name, type: { kind: 'tensor', dtype: 'int64' } as const } : port(name),
    ),
  );
  for (const [name, shape] of Object.entries({
    filters: [4, 4, 3, 3],
    depthwiseFilters: [4, 1, 3, 3],
    matrix: [12, 12],
    bias: [4],
    row: [12],
  })) {
    graph.initializers.set(name, float32Tensor(shape, noise(shape).data));
  }
  graph.initializers.set('scales', float32Tensor([4], Float32Array.of(1, 1, 2, 1.5)));
  graph.initializers.set('low', float32Tensor([], Float32Array.of(-0.5)));
  graph.initializers.set('axes', int64Tensor([3]));
  graph.initializers.set('places', int64Tensor([4, 0, -1]));
  graph.initializers.set('k', int64Tensor([3]));
  graph.nodes.push(...NODES);
  return modelOf(graph, 21);
}

describe.skipIf(Object.keys(BUILDS).length === 0)(
  'built page modules on the GPU (skipped before npm run build)',
  () => {
    const expectSame = async (load: Load, bytes: Uint8Array, input: string, dims: number[]) => {
      const { data } = noise(dims);
      const reference = await createSession(bytes);
      const expected = await reference.run({ [input]: { data, dims } });
      await reference.release();
      const session = await load(bytes, { backend: 'webgpu' });
      expect(session.info.backend).toBe('webgpu');
      const outputs = await session.run({ [input]: { data, shape: dims } });
      session.dispose();
      expect(Object.keys(outputs)).toEqual(Object.keys(expected));
      for (const [name, { data: values }] of Object.entries(expected)) {
        const numbers = (all: unknown) => Float64Array.from(all as ArrayLike<number | bigint>, Number);
        expect(relativeError(numbers(outputs[name]!.data), numbers(values)), name).toBeLessThan(1e-4);
      }
    };

    it.each(Object.keys(BUILDS))('%s runs every kind of kernel', async (path) => {
      const { load } = await BUILDS[path]!();
      await expectSame(load, (await convert(manyKernels(), { precision: 'lossless' })).bytes, 'x', [1, 4, 8, 12]);
    });

    it.each(Object.keys(BUILDS))('%s runs networks of few frequencies', async (path) => {
      const { load } = await BUILDS[path]!();
      for (const [name, url] of Object.entries(FILES)) {
        const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
        const shape = SHAPES[/([\w-]+)\.quality/.exec(name)![1] as keyof typeof SHAPES];
        const [input] = (await load(bytes)).inputs.map((port) => port.name);
        await expectSame(load, bytes, input!, shape);
      }
    });
  },
);
