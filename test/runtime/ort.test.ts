import { beforeAll, describe, expect, it } from 'vitest';
import { readFqz } from '../../formats/fqz/read.ts';
import { writeOnnx } from '../../formats/onnx/write.ts';
import { createSession, FormatError, OnnxruntimeError } from '../../runtime/ort/index.ts';
import { convert } from '../../src/convert.ts';
import type { DType } from '../../src/graph/dtype.ts';
import { type Dim, emptyGraph, modelOf, node } from '../../src/graph/graph.ts';
import { float32Tensor, numericTensor } from '../../src/graph/tensor.ts';
import { openOnnx } from '../../src/onnxruntime.ts';
import { noise, smallModel } from '../support/small-model.ts';

/** A `.fqz` whose model gives its inputs back, named x0 and on. */
async function identity(...inputs: { dtype: DType; shape: Dim[] }[]): Promise<Uint8Array> {
  const graph = emptyGraph('identity');
  inputs.forEach(({ dtype, shape }, at) => {
    graph.inputs.push({ name: `x${at}`, type: { kind: 'tensor', dtype, shape } });
    graph.outputs.push({ name: `y${at}`, type: { kind: 'tensor', dtype, shape } });
    // Unsqueeze and Squeeze survive where an Identity would be removed.
    graph.initializers.set('axes', numericTensor('int64', [1], new Uint8Array(8)));
    graph.nodes.push(
      node('Unsqueeze', [`x${at}`, 'axes'], [`u${at}`]),
      node('Squeeze', [`u${at}`, 'axes'], [`y${at}`]),
    );
  });
  return (await convert(modelOf(graph, 18))).bytes;
}

describe.each(['node', 'web'] as const)('fqz/ort on onnxruntime-%s', (engine) => {
  let bytes: Uint8Array;
  beforeAll(async () => {
    ({ bytes } = await convert(smallModel(), {
      precision: 'fp16',
      preparation: { scale: 255, mean: [0], std: [1], channels: 'rgb' },
      labels: ['a', 'b'],
    }));
  });

  it('computes what the original model does, in every form and from every kind of source', async () => {
    const image = noise([1, 3, 16, 16]);
    const original = await openOnnx(writeOnnx(smallModel()), { engine });
    const tensor = (await original.run(new Map([['image', float32Tensor(image.dims, image.data)]]))).get('logits')!;
    await original.release();
    const expected = new Float32Array(('data' in tensor ? tensor.data : new Uint8Array()).slice().buffer);
    const sources = [bytes, bytes.slice().buffer, readFqz(bytes)] as const;
    for (const [at, form] of (['dense', 'factored', 'auto'] as const).entries()) {
      const session = await createSession(sources[at]!, { form, engine });
      expect(session).toMatchObject({
        engine,
        inputs: [{ name: 'image', dtype: 'float32', shape: [1, 3, 'H', 'W'] }],
        outputs: [{ name: 'logits', dtype: 'float32', shape: [1, 2, 'H', 'W'] }],
        labels: ['a', 'b'],
        preparation: { scale: 255 },
      });
      const { logits } = await session.run({ image });
      expect(logits).toMatchObject({ dtype: 'float32', dims: [1, 2, 16, 16] });
      const largest = Math.max(...expected.map(Math.abs));
      const difference = Math.max(...expected.map((value, index) => Math.abs(value - Number(logits!.data[index]))));
      expect(difference / largest, form).toBeLessThan(5e-3);
      await session.release();
    }
  });

  it('takes and gives typed arrays of every type', async () => {
    const values = {
      float32: Float32Array.of(1.5, -2),
      float16: Float32Array.of(1.5, 0.0999755859375),
      float64: Float64Array.of(0.1, 2),
      bool: Uint8Array.of(1, 0),
      uint8: Uint8Array.of(0, 255),
      int8: Int8Array.of(-128, 127),
      int32: Int32Array.of(-(2 ** 31), 7),
      int64: BigInt64Array.of(-(2n ** 63n), 7n),
      string: ['µ', ''],
    } as const;
    const dtypes = Object.keys(values) as (keyof typeof values)[];
    const session = await createSession(await identity(...dtypes.map((dtype) => ({ dtype, shape: ['N'] }))), {
      engine,
    });
    const feeds = Object.fromEntries(dtypes.map((dtype, at) => [`x${at}`, values[dtype]]));
    const outputs = await session.run(feeds);
    dtypes.forEach((dtype, at) => {
      expect(outputs[`y${at}`], dtype).toEqual({ dtype, dims: [2], data: values[dtype] });
    });
    await session.release();
  });

  it('says what is wrong with an input', async () => {
    const session = await createSession(bytes, { engine });
    const { data } = noise([1, 3, 4, 4]);
    await expect(session.run({})).rejects.toThrow(new TypeError('input image is missing'));
    await expect(session.run({ picture: data })).rejects.toThrow(new TypeError('the model has no input "picture"'));
    await expect(session.run({ image: data })).rejects.toThrow(
      new TypeError('input "image" does not fix its shape: give { data, dims }'),
    );
    await expect(session.run({ image: { data, dims: [1, 3, 4, 5] } })).rejects.toThrow(
      new RangeError('input "image" has 48 elements, but dimensions [1,3,4,5]'),
    );
    await expect(session.run({ image: { data: Float64Array.from(data), dims: [1, 3, 4, 4] } })).rejects.toThrow(
      new TypeError('input "image" is float32 and takes Float32Array, not Float64Array'),
    );
    await expect(session.run({ image: { data, dims: [3, 4, 4] } })).rejects.toThrow(OnnxruntimeError);
    await session.release();
  });

  it('fits the one open size of a bare array to its length', async () => {
    const session = await createSession(await identity({ dtype: 'float32', shape: ['N', 3] }), { engine });
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect(await session.run({ x0: data })).toEqual({ y0: { dtype: 'float32', dims: [2, 3], data } });
    await expect(session.run({ x0: data.subarray(1) })).rejects.toThrow(RangeError);
    await session.release();
  });
});

it('runs a model whose graph is stored as ONNX', async () => {
  const graph = emptyGraph('If');
  const branch = (op: string) => {
    const inner = emptyGraph(op);
    inner.nodes.push(node(op, ['x'], ['inner']));
    inner.outputs.push({ name: 'inner', type: { kind: 'tensor', dtype: 'float32', shape: [2] } });
    return { type: 'graph', value: inner } as const;
  };
  graph.inputs.push({ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: [2] } });
  graph.inputs.push({ name: 'negate', type: { kind: 'tensor', dtype: 'bool', shape: [] } });
  graph.outputs.push({ name: 'y', type: { kind: 'tensor', dtype: 'float32', shape: [2] } });
  graph.nodes.push(node('If', ['negate'], ['y'], { then_branch: branch('Neg'), else_branch: branch('Abs') }));
  const { bytes, report } = await convert(modelOf(graph, 18));
  expect(report.storedAsOnnx).toBeDefined();
  const session = await createSession(bytes);
  const run = async (negate: number) =>
    (await session.run({ x: Float32Array.of(1, -2), negate: Uint8Array.of(negate) })).y!.data;
  expect(await run(1)).toEqual(Float32Array.of(-1, 2));
  expect(await run(0)).toEqual(Float32Array.of(1, 2));
  await session.release();
});

it('refuses what is no .fqz file', async () => {
  await expect(createSession(new TextEncoder().encode('text'))).rejects.toThrow(FormatError);
  await expect(createSession({} as never)).rejects.toThrow(TypeError);
});
