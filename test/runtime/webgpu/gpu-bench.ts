/**
 * Runs the cases of kernels (../kernels) on the GPU. A case runs on the plain kernels first, and every call is noted as a step with
 * symbolic buffers; the steps are lowered to shaders and dispatched; then the case runs once more without kernels, over what the
 * GPU has written, so that it returns that.
 */
import { referenceKernels } from '../../../runtime/js/kernels.ts';
import { furtherKernels } from '../../../runtime/js/rare/further-kernels.ts';
import { rareKernels } from '../../../runtime/js/rare/kernels.ts';
import type { AllKernels } from '../../../runtime/kernels/all-kernels.ts';
import type { Argument, Buffer } from '../../../runtime/plan/buffer.ts';
import { ALL_SHADERS } from '../../../runtime/webgpu/all-shaders.ts';
import type { DeviceFacts, Dispatch } from '../../../runtime/webgpu/dispatch.ts';
import { pipelinesOf } from '../../../runtime/webgpu/pipelines.ts';
import { difference, type KernelCase, Workbench } from '../kernels/workbench.ts';

/** Where the first buffer begins: no count, stride or number of a case is an address by chance. */
const START = 1 << 24;
const MEMORY_BYTES = 3 << 24;
/** Behind every buffer, after its size is rounded up to 16 bytes. */
const GUARD = new Int32Array(4).fill(0x5ca1ab1e);
/** Cases whose buffers are on the GPU at the same time. */
const AT_ONCE = 30;

type Call = (name: keyof AllKernels, args: readonly number[]) => void;

/** A kernel call that a case has made. */
interface RecordedStep {
  /** What its buffers hold before, where no earlier step has named them; after it, where it has no shader. */
  readonly uploads: ReadonlyMap<Buffer, Int32Array>;
  readonly dispatches: readonly Dispatch[];
}

/** The device of the tests and what shaders may rely on there; `undefined` where there is no adapter. */
export async function testDevice(): Promise<{ device: GPUDevice; facts: DeviceFacts } | undefined> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return undefined;
  const features = (['shader-f16', 'subgroups'] as const).filter((name) => adapter.features.has(name));
  const device = await adapter.requestDevice({ requiredFeatures: features });
  const { subgroupMinSize, subgroupMaxSize } = adapter.info;
  const facts = {
    mostGroups: device.limits.maxComputeWorkgroupsPerDimension,
    sharedBytes: device.limits.maxComputeWorkgroupStorageSize,
    instructions: ALL_SHADERS.instructions,
    subgroupSize: device.features.has('subgroups') && subgroupMinSize === subgroupMaxSize ? subgroupMaxSize : 0,
  };
  return { device, facts };
}

/** A bench that knows the extent and the kind of its buffers, and whose kernels are whatever `call` does. */
class RecordingBench extends Workbench {
  /** Words from each address on. */
  readonly extents = new Map<number, number>();
  readonly tables = new Set<number>();
  /** Kernels that compute. */
  readonly plain: AllKernels;
  call: Call = () => {};

  constructor() {
    const buffer = new ArrayBuffer(MEMORY_BYTES);
    const get =
      (_: AllKernels, name: string | symbol) =>
      (...args: number[]) =>
        this.call(name as keyof AllKernels, args);
    super(new Proxy({} as AllKernels, { get }), buffer, START);
    const memory = { floats: this.floats, words: this.words };
    this.plain = { ...referenceKernels(memory), ...rareKernels(memory), ...furtherKernels(memory) };
  }

  override clear(): void {
    super.clear();
    this.extents.clear();
    this.tables.clear();
  }

  override room(count: number): number {
    const at = super.room(count);
    this.extents.set(at, count);
    return at;
  }

  override ofIntegers(values: ArrayLike<number>): number {
    const at = super.ofIntegers(values);
    this.tables.add(at);
    return at;
  }

  wordsAt(at: number): Int32Array {
    return this.words.slice(at / 4, at / 4 + this.extents.get(at)!);
  }
}

/** Runs a case on the plain kernels: what it returns, its steps, and the addresses of their buffers. */
function record(bench: RecordingBench, facts: DeviceFacts, { run }: KernelCase) {
  const buffers = new Map<number, Buffer>();
  const steps: RecordedStep[] = [];
  bench.clear();
  bench.call = (name, numbers) => {
    const uploads = new Map<Buffer, Int32Array>();
    const bufferAt = (at: number): Buffer => {
      const contents = bench.wordsAt(at);
      const common = { words: contents.length };
      const buffer: Buffer = bench.tables.has(at)
        ? { kind: 'table', contents, ...common }
        : { kind: 'temporary', ...common };
      uploads.set(buffer, contents);
      return buffer;
    };
    const args = numbers.map((number, position): Argument => {
      if (!bench.extents.has(number)) return number;
      // Sessions never let a kernel write over what it reads: the earlier argument becomes a copy.
      if (numbers.includes(number, position + 1)) return bufferAt(number);
      const buffer = buffers.get(number) ?? bufferAt(number);
      buffers.set(number, buffer);
      return buffer;
    });
    (bench.plain[name] as (...numbers: number[]) => void)(...numbers);
    const lowering = ALL_SHADERS.kernels[name] as
      | ((facts: DeviceFacts, ...args: Argument[]) => readonly Dispatch[])
      | undefined;
    const dispatches = lowering?.(facts, ...args);
    if (!dispatches)
      for (const [at, buffer] of buffers) if (args.includes(buffer)) uploads.set(buffer, bench.wordsAt(at));
    steps.push({ uploads, dispatches: dispatches ?? [] });
  };
  return { expected: run(bench), steps, buffers };
}

/** The words of all buffers after the steps, and the sentence on something that was written behind one. */
async function compute(device: GPUDevice, steps: readonly RecordedStep[], buffers: Iterable<Buffer>) {
  const onDevice = new Map<Buffer, GPUBuffer>();
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const create = (size: number, usage: number) => device.createBuffer({ size, usage });
  const guardAt = ({ words }: Buffer) => Math.ceil(words / 4) * 16;
  const pipelines = pipelinesOf(device);
  for (const { uploads, dispatches } of steps) {
    const ready = await Promise.all(dispatches.map((dispatch) => pipelines.get(dispatch)));
    for (const [buffer, contents] of uploads) {
      if (!onDevice.has(buffer)) {
        onDevice.set(buffer, create(guardAt(buffer) + GUARD.byteLength, STORAGE | COPY_SRC | COPY_DST));
        device.queue.writeBuffer(onDevice.get(buffer)!, guardAt(buffer), GUARD);
      }
      device.queue.writeBuffer(onDevice.get(buffer)!, 0, contents as Int32Array<ArrayBuffer>);
    }
    // What a shader leaves for another of the same step.
    for (const { buffer } of dispatches.flatMap(({ bindings }) => bindings)) {
      if (!onDevice.has(buffer)) onDevice.set(buffer, create(guardAt(buffer), STORAGE));
    }
    const encoder = device.createCommandEncoder();
    for (const [at, { bindings, groups }] of dispatches.entries()) {
      const pass = encoder.beginComputePass();
      const entries = bindings.map(({ buffer }, binding) => ({ binding, resource: { buffer: onDevice.get(buffer)! } }));
      pass.setPipeline(ready[at]!);
      pass.setBindGroup(0, device.createBindGroup({ layout: ready[at]!.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(...groups);
      pass.end();
    }
    device.queue.submit([encoder.finish()]);
  }
  const results = new Map<Buffer, Int32Array>();
  let problem: string | undefined;
  await Promise.all(
    [...buffers].map(async (buffer) => {
      const bytes = guardAt(buffer) + GUARD.byteLength;
      const copy = create(bytes, MAP_READ | COPY_DST);
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(onDevice.get(buffer)!, 0, copy, 0, bytes);
      device.queue.submit([encoder.finish()]);
      await copy.mapAsync(GPUMapMode.READ);
      const words = new Int32Array(copy.getMappedRange().slice(0));
      copy.destroy();
      results.set(buffer, words.subarray(0, buffer.words));
      if (words.subarray(-GUARD.length).some((word, at) => word !== GUARD[at])) problem = 'wrote behind a buffer';
    }),
  );
  for (const buffer of onDevice.values()) buffer.destroy();
  return { results, problem };
}

/**
 * Runs cases on the GPU and on the plain kernels: a sentence for each difference, and for each shader that does not compile or writes behind
 * a buffer. Steps whose kernel has no shader run on the plain kernels.
 */
export async function failuresOnGpu(
  device: GPUDevice,
  facts: DeviceFacts,
  cases: readonly KernelCase[],
): Promise<string[]> {
  const bench = new RecordingBench();
  const failures: string[] = [];
  for (let first = 0; first < cases.length; first += AT_ONCE) {
    device.pushErrorScope('validation');
    const batch = cases.slice(first, first + AT_ONCE).map((given) => ({ given, ...record(bench, facts, given) }));
    const outcomes = await Promise.allSettled(
      batch.map(({ steps, buffers }) => compute(device, steps, buffers.values())),
    );
    for (const [at, { given, steps, buffers, expected }] of batch.entries()) {
      const outcome = outcomes[at]!;
      if (outcome.status === 'rejected') {
        failures.push(`${given.name}: ${firstLines(outcome.reason)}`);
        continue;
      }
      const { results, problem } = outcome.value;
      bench.clear();
      let calls = 0;
      bench.call = () => {
        if (++calls === steps.length) for (const [at, buffer] of buffers) bench.words.set(results.get(buffer)!, at / 4);
      };
      const actual = given.run(bench);
      const problems = expected.map((array, i) => difference(actual[i]!, array, given.tolerance));
      for (const text of [...problems, problem]) if (text) failures.push(`${given.name}: ${text}`);
    }
    const error = await device.popErrorScope();
    if (error) failures.push(firstLines(error.message));
  }
  return failures;
}

/** Compilers list everything that might have been meant. */
function firstLines(message: unknown): string {
  return String(message).slice(0, 300);
}
