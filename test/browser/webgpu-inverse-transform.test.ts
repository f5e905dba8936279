/** The inverse DCT of weights as a shader, against its definition in double precision. */
import { describe, expect, it } from 'vitest';
import type { Buffer } from '../../runtime/plan/buffer.ts';
import { inverseTransform, type TransformedAxis } from '../../runtime/webgpu/kernels/inverse-transform.ts';
import { pipelinesOf } from '../../runtime/webgpu/pipelines.ts';
import { testDevice } from '../runtime/webgpu/gpu-bench.ts';
import { random } from '../support/random.ts';

const adapter = await testDevice();

/** Σₖ c(k, n) · x[o, k, i] with the orthonormal DCT-II: c(k, n) = √(2/N) · cos(π(2n + 1)k / 2N), and √(1/N) for k = 0. */
function expectedOf(x: Float32Array, { outer, count, size, inner }: TransformedAxis): number[] {
  const cosine = (k: number, n: number) =>
    Math.sqrt((k === 0 ? 1 : 2) / size) * Math.cos((Math.PI * (2 * n + 1) * k) / (2 * size));
  return Array.from({ length: outer * size * inner }, (_, at) => {
    const [o, n, i] = [Math.floor(at / inner / size), Math.floor(at / inner) % size, at % inner];
    let sum = 0;
    for (let k = 0; k < count; k++) sum += x[(o * count + k) * inner + i]! * cosine(k, n);
    return sum;
  });
}

async function transform(device: GPUDevice, x: Float32Array<ArrayBuffer>, axis: TransformedAxis) {
  const { outer, size, inner } = axis;
  const table = Float32Array.from({ length: 4 * size }, (_, m) => Math.cos((Math.PI * m) / (2 * size)));
  const contents = [x, table, new Float32Array(outer * size * inner)];
  const symbols = contents.map(({ length }): Buffer => ({ kind: 'temporary', words: length }));
  const buffers = contents.map((values) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: Math.ceil(values.length / 4) * 16, usage });
    device.queue.writeBuffer(buffer, 0, values);
    return buffer;
  });
  const [from, phases, to] = symbols as [Buffer, Buffer, Buffer];
  const encoder = device.createCommandEncoder();
  for (const dispatch of inverseTransform(adapter!.facts, from, phases, to, axis)) {
    const pipeline = await pipelinesOf(device).get(dispatch);
    const entries = dispatch.bindings.map(({ buffer }, binding) => {
      return { binding, resource: { buffer: buffers[symbols.indexOf(buffer)]! } };
    });
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(...dispatch.groups);
    pass.end();
  }
  const result = buffers[2]!;
  const copy = device.createBuffer({ size: result.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  encoder.copyBufferToBuffer(result, 0, copy, 0, result.size);
  device.queue.submit([encoder.finish()]);
  await copy.mapAsync(GPUMapMode.READ);
  const values = [...new Float32Array(copy.getMappedRange()).subarray(0, outer * size * inner)];
  for (const buffer of [...buffers, copy]) buffer.destroy();
  return values;
}

describe.skipIf(!adapter)('inverseTransform', () => {
  it.each<TransformedAxis>([
    { outer: 3, count: 4, size: 9, inner: 5 },
    { outer: 1, count: 1, size: 7, inner: 1 },
    { outer: 2, count: 70, size: 1000, inner: 3 },
    { outer: 1, count: 700, size: 1500, inner: 1 },
  ])('$outer × $count to $size × $inner', async (axis) => {
    const next = random(axis.size);
    const x = Float32Array.from({ length: axis.outer * axis.count * axis.inner }, () => 2 * next() - 1);
    const actual = await transform(adapter!.device, x, axis);
    const expected = expectedOf(x, axis);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const difference = actual.reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at]!)), 0);
    expect(difference / largest).toBeLessThan(2e-6);
  });
});
