import { describe, expect, it } from 'vitest';
import { readTensor } from '../formats/onnx/read-tensor.ts';
import { messageOf } from '../formats/onnx/wire-read.ts';
import { writeOnnx } from '../formats/onnx/write.ts';
import { UnsupportedError } from '../src/errors.ts';
import { onnxruntimeEvaluate } from '../src/evaluate-constants.ts';
import type { DType } from '../src/graph/dtype.ts';
import { type Dim, emptyGraph, modelOf, node } from '../src/graph/graph.ts';
import { float32Tensor, int64Tensor, numericTensor, type Tensor } from '../src/graph/tensor.ts';
import { OnnxruntimeError, openOnnx } from '../src/onnxruntime.ts';
import { hasShared, sharedPath } from './support/shared-data.ts';
import { readTarGz } from './support/tar.ts';

const ENGINES = ['node', 'web'] as const;

/** A model that gives its input back. */
function identityModel(dtype: DType, shape: Dim[]): Uint8Array {
  const graph = emptyGraph('identity');
  graph.inputs.push({ name: 'x', type: { kind: 'tensor', dtype, shape } });
  graph.outputs.push({ name: 'y', type: { kind: 'tensor', dtype, shape } });
  graph.nodes.push(node('Identity', ['x'], ['y']));
  return writeOnnx(modelOf(graph, 13));
}

describe.each(ENGINES)('onnxruntime-%s', (engine) => {
  it('passes every element type through bit by bit, also from unaligned memory', async () => {
    const widths = {
      bool: 1,
      uint8: 1,
      int8: 1,
      uint16: 2,
      int16: 2,
      float16: 2,
      uint32: 4,
      int32: 4,
      float32: 4,
      uint64: 8,
      int64: 8,
      float64: 8,
    } as const;
    for (const [dtype, width] of Object.entries(widths) as [keyof typeof widths, number][]) {
      const session = await openOnnx(identityModel(dtype, [2, 1]), { engine });
      const bytes = Uint8Array.from({ length: 2 * width + 1 }, (_, index) =>
        dtype === 'bool' ? index % 2 : 17 * index + 1,
      );
      const input = numericTensor(dtype, [2, 1], bytes.subarray(1));
      expect((await session.run(new Map([['x', input]]))).get('y'), dtype).toEqual({ ...input, data: bytes.slice(1) });
      await session.release();
    }
  });

  it('passes strings through', async () => {
    const session = await openOnnx(identityModel('string', [2]), { engine });
    const strings = ['', 'µ and 漢'].map((text) => new TextEncoder().encode(text));
    const outputs = await session.run(new Map([['x', { dtype: 'string', shape: [2], strings }]]));
    const result = outputs.get('y');
    expect(result?.dtype === 'string' && result.strings.map((bytes) => [...bytes])).toEqual(strings.map((s) => [...s]));
    await session.release();
  });

  it('tells types and shapes, with symbolic dimensions by name', async () => {
    const session = await openOnnx(identityModel('float16', ['N', 3, null]), { engine });
    const info = { dtype: 'float16', shape: ['N', 3, null] };
    expect(session.engine).toBe(engine);
    expect(session.inputs).toEqual([{ name: 'x', ...info }]);
    expect(session.outputs).toEqual([{ name: 'y', ...info }]);
    await session.release();
  });

  it('answers runs that are asked for at once, each with its own result', async () => {
    const session = await openOnnx(identityModel('int64', ['N']), { engine });
    const inputs = [1, 2, 3, 4].map((value) => int64Tensor([value]));
    const outputs = await Promise.all(inputs.map((input) => session.run(new Map([['x', input]]))));
    expect(outputs.map((output) => output.get('y'))).toEqual(inputs);
    await session.release();
  });

  it('fails in one line, as what the failure is', async () => {
    await expect(openOnnx(new Uint8Array([1, 2, 3]), { engine })).rejects.toThrow(OnnxruntimeError);
    const session = await openOnnx(identityModel('float32', [1, 2]), { engine });
    const run = (feeds: [string, Tensor][]) => session.run(new Map(feeds));
    await expect(run([])).rejects.toThrow(new TypeError('input x is missing'));
    await expect(run([['z', float32Tensor([1], new Float32Array(1))]])).rejects.toThrow(TypeError);
    await expect(run([['x', numericTensor('bfloat16', [1, 2], new Uint8Array(4))]])).rejects.toThrow(UnsupportedError);
    const wrongShape = run([['x', float32Tensor([1, 3], new Float32Array(3))]]);
    await expect(wrongShape).rejects.toThrow(/^onnxruntime: Got invalid dimensions for input: x[^\n]*$/);
    await session.release();
    await expect(run([['x', float32Tensor([1, 2], new Float32Array(2))]])).rejects.toThrow(OnnxruntimeError);
  });

  it('stops at an aborted signal', async () => {
    const controller = new AbortController();
    const session = await openOnnx(identityModel('float32', [1]), { engine, signal: controller.signal });
    controller.abort();
    const feeds = new Map([['x', float32Tensor([1], new Float32Array(1))]]);
    await expect(session.run(feeds)).rejects.toThrow('abort');
    await expect(openOnnx(identityModel('float32', [1]), { engine, signal: controller.signal })).rejects.toThrow(
      'abort',
    );
    await session.release();
  });

  const ARCHIVE = 'conformance/onnx-node-tests-1.18.tar.gz';
  it.skipIf(!hasShared(ARCHIVE))(
    'gives the outputs of ONNX node tests (skipped without the shared archive)',
    async () => {
      const files = readTarGz(sharedPath(ARCHIVE));
      const tests = [
        'add',
        'and2d',
        'cast_FLOAT_to_FLOAT16',
        'bitshift_left_uint64',
        'string_concat_utf8',
        'argmax_default_axis_example',
      ];
      const external = () => {
        throw new Error('these tests have no external data');
      };
      for (const test of tests) {
        const folder = [...files.keys()]
          .find((path) => path.endsWith(`/test_${test}/model.onnx`))!
          .slice(0, -'/model.onnx'.length);
        const load = (kind: 'input' | 'output', index: number): Tensor | undefined => {
          const bytes = files.get(`${folder}/test_data_set_0/${kind}_${index}.pb`);
          return bytes && plain(readTensor(messageOf(bytes), external, 'attribute').tensor);
        };
        const session = await openOnnx(files.get(`${folder}/model.onnx`)!, { engine });
        const feeds = new Map(session.inputs.map(({ name }, index) => [name, load('input', index)!]));
        const outputs = await session.run(feeds);
        for (const [index, { name }] of session.outputs.entries()) {
          expect(plain(outputs.get(name)!), test).toEqual(load('output', index));
        }
        await session.release();
      }
    },
  );
});

/** The tensor without what a file says beside it, and its bytes as plain arrays. */
function plain(tensor: Tensor): Tensor {
  const { dtype, shape } = tensor;
  return dtype === 'string'
    ? { dtype, shape, strings: tensor.strings.map((bytes) => new Uint8Array(bytes)) }
    : { dtype, shape, data: new Uint8Array(tensor.data) };
}

describe('onnxruntimeEvaluate', () => {
  it('computes inner values of a model without inputs', async () => {
    const graph = emptyGraph('constants');
    graph.initializers.set('shape', int64Tensor([2, 3]));
    graph.nodes.push(node('ReduceProd', ['shape'], ['count'], { keepdims: { type: 'int', value: 0 } }));
    graph.nodes.push(node('Add', ['count', 'shape'], ['sum']));
    const values = await onnxruntimeEvaluate(modelOf(graph, 13), ['sum', 'count']);
    expect(values).toEqual(
      new Map([
        ['sum', int64Tensor([8, 9])],
        ['count', int64Tensor([6], [])],
      ]),
    );
  });
});
