/**
 * Sessions on the GPU, in a page with a software adapter: results as on WebAssembly, buffers that stay on the GPU, what is freed,
 * and what goes wrong.
 */
import { afterEach, describe, expect, inject, it, vi } from 'vitest';
import { FormatError, type LoadOptions, load, type Session, Tensor, UnsupportedError } from '../../runtime/full.ts';
import { openGpu } from '../../runtime/webgpu/device.ts';
import { convert } from '../../src/convert.ts';
import { relativeError } from '../support/relative-error.ts';
import { noise, smallModel } from '../support/small-model.ts';

const reference = inject('reference');
const bytes = Uint8Array.from(reference.bytes);
const size = reference.imageSize;
const image = noise([1, 3, size, size]);
const feeds = { image: { data: image.data, shape: image.dims } };
/** Run with `VITE_FQZ_LOADS=1000` for more. */
const LOADS = Number(import.meta.env.VITE_FQZ_LOADS ?? 30);

const open = (options: LoadOptions = {}) => load(bytes, { backend: 'webgpu', ...options });

async function ownDevice(): Promise<GPUDevice> {
  return (await navigator.gpu.requestAdapter())!.requestDevice();
}

async function expectLogits(session: Session): Promise<void> {
  const { logits } = await session.run(feeds);
  expect(logits!.shape).toEqual([1, 2, size, size]);
  expect(relativeError(logits!.data as Float32Array, reference.logits)).toBeLessThan(1e-5);
}

afterEach(() => vi.restoreAllMocks());

describe('a session on the GPU', () => {
  it('computes what onnxruntime-node does', async () => {
    const session = await open();
    expect(session.info).toMatchObject({ backend: 'webgpu', variant: 'google swiftshader' });
    await expectLogits(session);
    session.dispose();
  });

  it('serves shapes in turn, in the memory of the largest', async () => {
    const session = await open();
    const onWasm = await load(bytes, { backend: 'wasm' });
    const totals: number[] = [];
    for (const width of [16, 48, 16, 33, 48, 16]) {
      const { data, dims } = noise([1, 3, 20, width]);
      const other = { image: { data, shape: dims } };
      const [{ logits }, expected] = [await session.run(other), await onWasm.run(other)];
      expect(relativeError(logits!.data as Float32Array, expected.logits!.data as Float32Array)).toBeLessThan(1e-5);
      totals.push(session.info.memory.total);
    }
    expect(totals[4]).toBe(totals[1]);
    expect(totals[5]).toBe(totals[2]);
    session.dispose();
  });

  it('tells of its progress, and ends when it is told to', async () => {
    const phases: string[] = [];
    (await open({ onProgress: ({ phase }) => phases.push(phase) })).dispose();
    expect(new Set(phases)).toEqual(new Set(['compile', 'weights']));
    await expect(open({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a file on its way', () => {
  it('has its shaders compiled before its weights are there', async () => {
    const whole = await largeModel();
    const compile = vi.spyOn(GPUDevice.prototype, 'createComputePipelineAsync');
    const device = await ownDevice();
    let release = () => {};
    const rest = new Promise<void>((resolve) => {
      release = resolve;
    });
    const chunks = [whole.subarray(0, -20), whole.subarray(-20, -10), whole.subarray(-10)];
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (chunks.length === 1) await rest;
        const chunk = chunks.shift();
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
    });
    const loading = load(stream, { backend: 'webgpu', device });
    await vi.waitFor(() => expect(compile.mock.calls.length).toBeGreaterThan(0));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const early = compile.mock.calls.length;
    release();
    const session = await loading;
    const { data, dims } = noise([1, 3, LARGE, LARGE]);
    const { logits } = await session.run({ image: { data, shape: dims } });
    expect(early).toBeGreaterThanOrEqual(session.info.plan!.steps - 1);
    const all = compile.mock.calls.length;
    // Nothing is compiled in vain: a file that is there at once takes as many.
    const other = await ownDevice();
    (await load(whole, { backend: 'webgpu', device: other })).dispose();
    expect(compile.mock.calls.length - all).toBe(all);
    other.destroy();
    const expected = await (await load(whole, { backend: 'wasm' })).run({ image: { data, shape: dims } });
    expect(relativeError(logits!.data as Float32Array, expected.logits!.data as Float32Array)).toBeLessThan(1e-4);
    session.dispose();
    device.destroy();
  });

  it('that is damaged, cut off or something else is refused as ever', async () => {
    const pieces = (file: Uint8Array) =>
      new Blob([file as Uint8Array<ArrayBuffer>]).stream().pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            for (let at = 0; at < chunk.length; at += 7) controller.enqueue(chunk.subarray(at, at + 7));
          },
        }),
      );
    for (let at = 4; at < bytes.length; at += 5) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0x55;
      await expect(load(pieces(damaged), { backend: 'webgpu' })).rejects.toThrow(FormatError);
      await expect(load(pieces(bytes.subarray(0, at)), { backend: 'webgpu' })).rejects.toThrow(FormatError);
    }
    await expectLogits(await load(pieces(bytes), { backend: 'webgpu' }));
  });
});

describe('buffers of the GPU', () => {
  it('are taken and given', async () => {
    const device = await ownDevice();
    const session = await open({ device });
    const buffer = device.createBuffer({
      size: image.data.byteLength,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    });
    device.queue.writeBuffer(buffer, 0, image.data as Float32Array<ArrayBuffer>);
    const { logits } = await session.run({ image: Tensor.fromGPUBuffer(buffer, image.dims) }, { location: 'gpu' });
    expect(logits).toMatchObject({ location: 'gpu', dtype: 'float32', shape: [1, 2, size, size] });
    session.dispose();

    // It is the caller's, and stays when the session is gone.
    const staging = device.createBuffer({
      size: 4 * reference.logits.length,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(logits!.buffer, 0, staging, 0, staging.size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    expect(relativeError(new Float32Array(staging.getMappedRange()), reference.logits)).toBeLessThan(1e-5);
    device.destroy();
  });

  it('are refused where they are too small, of another type or on another device', async () => {
    const device = await ownDevice();
    const buffer = device.createBuffer({ size: image.data.byteLength, usage: GPUBufferUsage.COPY_SRC });
    expect(() => Tensor.fromGPUBuffer(buffer, [1, 3, 100, 100])).toThrow(RangeError);
    const session = await open();
    const foreign = { image: Tensor.fromGPUBuffer(buffer, image.dims) };
    await expect(session.run(foreign)).rejects.toThrow(/WebGPU refuses the run: .*device/is);
    const integers = { image: Tensor.fromGPUBuffer(buffer, image.dims, 'int32') };
    await expect(session.run(integers)).rejects.toThrow('in a GPU buffer float32, not int32');
    await expectLogits(session);
    const onWasm = await load(bytes, { backend: 'wasm' });
    await expect(onWasm.run(foreign)).rejects.toThrow('the backend is "wasm"');
    await expect(onWasm.run(feeds, { location: 'gpu' })).rejects.toThrow('the backend "webgpu" only');
    session.dispose();
    device.destroy();
  });
});

describe('GPU memory', () => {
  it(`is the same after ${LOADS} loads, runs and disposals`, { timeout: 600_000 }, async () => {
    const living = new Set<GPUBuffer>();
    const { createBuffer } = GPUDevice.prototype;
    const { destroy } = GPUBuffer.prototype;
    vi.spyOn(GPUDevice.prototype, 'createBuffer').mockImplementation(function (this: GPUDevice, descriptor) {
      const buffer = createBuffer.call(this, descriptor);
      living.add(buffer);
      return buffer;
    });
    vi.spyOn(GPUBuffer.prototype, 'destroy').mockImplementation(function (this: GPUBuffer) {
      living.delete(this);
      destroy.call(this);
    });
    let most = 0;
    for (let round = 0; round < LOADS; round++) {
      const session = await open();
      await session.run(feeds);
      most = Math.max(most, living.size);
      session.dispose();
      await expect(session.run(feeds)).rejects.toMatchObject({ name: 'InvalidStateError' });
    }
    expect(most).toBeGreaterThan(3);
    await new Promise((resolve) => setTimeout(resolve));
    expect(living.size).toBe(0);
  });

  it('is what the session says', async () => {
    let taken = 0;
    const { createBuffer } = GPUDevice.prototype;
    vi.spyOn(GPUDevice.prototype, 'createBuffer').mockImplementation(function (this: GPUDevice, descriptor) {
      taken += descriptor.size;
      return createBuffer.call(this, descriptor);
    });
    const session = await open();
    await session.run(feeds);
    const { weights, activations, total } = session.info.memory;
    expect(total).toBe(weights + activations);
    expect(taken).toBeGreaterThanOrEqual(total);
    session.dispose();
  });

  it('is refused beyond maxMemory, before it is taken', async () => {
    const session = await open({ maxMemory: 1_000_000 });
    const large = noise([1, 3, 300, 300]);
    await expect(session.run({ image: { data: large.data, shape: large.dims } })).rejects.toThrow(RangeError);
    const before = session.info.memory.total;
    await expect(session.run({ image: { data: large.data, shape: large.dims } })).rejects.toThrow('maxMemory');
    expect(session.info.memory.total).toBe(before);
    await expectLogits(session);
    session.dispose();
  });

  it('is refused beyond the limits of the device', async () => {
    const device = await ownDevice();
    const session = await open({ device });
    vi.spyOn(device, 'limits', 'get').mockReturnValue({ ...limitsOf(device), maxBufferSize: 1000 });
    const limited = await open({ device });
    await expect(limited.run(feeds)).rejects.toThrow(/needs a GPU buffer of \d+ bytes, the device allows 1000/);
    session.dispose();
    device.destroy();
  });
});

function limitsOf({ limits }: GPUDevice): GPUSupportedLimits {
  const copy: Record<string, number> = {};
  for (const name in limits) copy[name] = limits[name as keyof GPUSupportedLimits] as number;
  return copy as unknown as GPUSupportedLimits;
}

/** The device that sessions share is lost, so that the next session needs a new one. */
async function loseSharedDevice(): Promise<void> {
  const { device } = await openGpu();
  device.destroy();
  await device.lost;
}

describe('without a GPU', () => {
  it.each<[string, () => void]>([
    ['WebGPU', () => vi.spyOn(navigator, 'gpu', 'get').mockReturnValue(undefined as unknown as GPU)],
    ['adapter', () => vi.spyOn(GPU.prototype, 'requestAdapter').mockResolvedValue(null)],
  ])('there is no %s: an error where it is asked for, and WebAssembly otherwise', async (_, prevent) => {
    await loseSharedDevice();
    prevent();
    await expect(open()).rejects.toThrow(UnsupportedError);
    await expect(open()).rejects.toThrow('WebGPU');
    const session = await load(await largeModel());
    expect(session.info).toMatchObject({ backend: 'wasm', fallback: expect.stringContaining('WebGPU') });
    vi.restoreAllMocks();
    await expectLogits(await open());
  });
});

/** A file for pictures of a fixed size, with enough to do for a GPU. */
async function largeModel(): Promise<Uint8Array> {
  const model = smallModel();
  model.graph.inputs[0] = {
    name: 'image',
    type: { kind: 'tensor', dtype: 'float32', shape: [1, 3, LARGE, LARGE] },
  };
  return (await convert(model)).bytes;
}
const LARGE = 512;

describe('auto', () => {
  it('takes a GPU that the page gives it for a model that is large enough', async () => {
    const device = await ownDevice();
    const small = await load(bytes, { device });
    expect(small.info.backend).toBe('wasm');
    const large = await load(await largeModel(), { device });
    expect(large.info.backend).toBe('webgpu');
    large.dispose();
    device.destroy();
  });

  it('leaves a program on the CPU that stands for a GPU alone', async () => {
    expect((await load(await largeModel())).info.backend).toBe('wasm');
  });

  it('goes on with WebAssembly when the device is lost in the middle of a run', async () => {
    const device = await ownDevice();
    const session = await load(await largeModel(), { device });
    const { data, dims } = noise([1, 3, LARGE, LARGE]);
    const large = { image: { data, shape: dims } };
    const before = await session.run(large);
    const run = session.run(large);
    await Promise.resolve();
    device.destroy();
    await expect(run).rejects.toMatchObject({ name: 'OperationError', message: expect.stringContaining('lost') });
    await expect(session.run(large, { location: 'gpu' })).rejects.toThrow('the backend "webgpu" only');
    const { logits } = await session.run(large);
    expect(session.info).toMatchObject({ backend: 'wasm', fallback: expect.stringContaining('lost') });
    expect(relativeError(logits!.data as Float32Array, before.logits!.data as Float32Array)).toBeLessThan(1e-4);
    session.dispose();
  });

  it('but where the GPU is asked for, every run says that it is lost', async () => {
    const device = await ownDevice();
    const session = await open({ device });
    device.destroy();
    await device.lost;
    for (let run = 0; run < 2; run++) await expect(session.run(feeds)).rejects.toThrow('the GPU device was lost');
    await expect(open({ device })).rejects.toThrow('the GPU device was lost');
    session.dispose();
  });
});
