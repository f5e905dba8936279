/**
 * The engine on the GPU: weights are rebuilt there, and a run is one sequence of dispatches, but for steps that only the host knows.
 */
import { elementCount } from '../../src/graph/tensor.ts';
import { type ElementType, loadElements, storeElements } from '../elements.ts';
import type { BufferTensor, Engine, EngineTensor, Feed, Outputs } from '../engine.ts';
import type { Machine } from '../machine.ts';
import type { EngineSettings } from '../open-engine.ts';
import type { ConstantBuffer } from '../plan/buffer.ts';
import type { Plan, PlanPort } from '../plan/plan.ts';
import { isIntegral } from '../plan/value.ts';
import { type PlanInputs, type Planner, planByNeed, planCache } from '../planner.ts';
import { type Breathe, breather, nextTask } from '../turns.ts';
import { type BoundGpuPlan, bindGpuPlan, type GpuPlan, gpuPlan } from './bound-plan.ts';
import type { Gpu } from './device.ts';
import { runOnHost } from './host-step.ts';
import { gpuMemory } from './memory.ts';
import { readBuffers } from './read-buffers.ts';
import type { Shaders } from './shaders.ts';
import { placeConstant } from './weights.ts';

export interface GpuEngineOptions extends Pick<EngineSettings, 'onPlan' | 'maxMemory' | 'signal'> {
  /** What this build has as shaders. */
  readonly shaders: Shaders;
}

/** Runs on `gpu` what `planner` plans; `machine` is what the planner uses, and runs what the GPU can't. */
export function gpuEngine(planner: Planner, machine: Machine, gpu: Gpu, options: GpuEngineOptions): Engine {
  const { onPlan, maxMemory, signal, shaders } = options;
  const { device } = gpu;
  const memory = gpuMemory(gpu, maxMemory);
  const constants = new Map<string, GPUBuffer>();
  const plans = planCache<GpuPlan>();
  const byValue = new Set<string>();
  let weights = 0;
  let activations = 0;
  let current: BoundGpuPlan | undefined;

  const place = async (missing: readonly ConstantBuffer[], breathe: Breathe) => {
    const fill = async (constant: ConstantBuffer, source: Parameters<typeof placeConstant>[1]) => {
      const buffer = memory.take(constant.words);
      await placeConstant(constant, source, buffer, gpu, memory, machine);
      constants.set(constant.key, buffer);
      weights += buffer.size;
      await breathe();
    };
    for (const constant of missing) if (typeof constant.source !== 'string') await fill(constant, constant.source);
    if (missing.every(({ source }) => typeof source !== 'string')) return;
    for (const weight of planner.take()) {
      await breathe();
      for (const constant of missing) if (constant.source === weight.name) await fill(constant, weight);
    }
  };

  /** Makes a plan the current one: its buffers are there, and its weights. */
  const activate = async (plan: GpuPlan): Promise<BoundGpuPlan> => {
    if (current && current.plan === plan.plan) return current;
    const missing = plan.constants.filter(({ key }) => !constants.has(key));
    const bytes = (sizes: readonly number[]) => sizes.reduce((sum, words) => sum + 4 * words, 0);
    const use = {
      weights: weights + bytes(missing.map(({ words }) => words)),
      activations: bytes(plan.slots.sizes) + bytes(plan.tables.map(({ words }) => words)),
    };
    onPlan?.({ ...use, total: use.weights + use.activations });
    const spare = current?.own ?? [];
    current = undefined;
    try {
      await place(missing, breather(signal));
      current = bindGpuPlan(plan, await plan.compiling, gpu, memory, ({ key }) => constants.get(key)!, spare);
    } catch (error) {
      memory.keepOnly(constants.values());
      throw error;
    }
    activations = Math.max(activations, current.bytes);
    return current;
  };

  const planFor = (inputs: PlanInputs): GpuPlan =>
    plans.get(inputs, () => {
      const plan = planner.plan(inputs, machine.base);
      return gpuPlan(plan, gpu, shaders);
    });

  /** Does what may fail on the device. Nothing waits for a device that is lost: what was under way ends, with some error. */
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    if (gpu.lost) throw gpu.lost;
    try {
      return await work();
    } catch (error) {
      await nextTask();
      throw gpu.lost ?? error;
    }
  };

  return {
    backend: 'webgpu',
    variant: gpu.variant,
    async prepare(inputs) {
      // Planning is one piece of work; a task of its own keeps the page from waiting longer.
      await nextTask();
      const planned = planFor(inputs);
      await nextTask();
      await guarded(() => activate(planned));
    },
    async run(feeds, onGpu) {
      const planned = planByNeed(feeds, byValue, planFor);
      return guarded(async () => {
        const bound = await activate(planned);
        return runPlan(bound, feeds, onGpu === true);
      });
    },
    get plan(): Plan | undefined {
      return current?.plan;
    },
    get memory() {
      return { weights, activations, total: memory.bytes };
    },
    dispose() {
      memory.keepOnly([]);
      constants.clear();
      plans.clear();
      current = undefined;
    },
  };

  async function runPlan(bound: BoundGpuPlan, feeds: ReadonlyMap<string, Feed>, onGpu: boolean): Promise<Outputs> {
    const { plan, commands, pipelines, bindGroups, resolve } = bound;
    let encoder = device.createCommandEncoder();
    let pass: GPUComputePassEncoder | undefined;
    device.pushErrorScope('validation');
    for (const { name, dtype, shape, buffer } of plan.inputs) {
      const feed = feeds.get(name)!;
      const target = resolve(buffer).buffer;
      if ('buffer' in feed) encoder.copyBufferToBuffer(feed.buffer, 0, target, 0, 4 * elementCount(shape));
      else device.queue.writeBuffer(target, 0, wordsOf(dtype as ElementType, feed));
    }
    const failures: Promise<GPUError | null>[] = [];
    const submit = () => {
      pass?.end();
      pass = undefined;
      device.queue.submit([encoder.finish()]);
      failures.push(device.popErrorScope());
    };
    for (const [at, command] of commands.entries()) {
      if ('dispatch' in command) {
        pass ??= encoder.beginComputePass();
        pass.setPipeline(pipelines[at]!);
        pass.setBindGroup(0, bindGroups[at]!);
        pass.dispatchWorkgroups(...command.dispatch.groups);
        continue;
      }
      submit();
      await runOnHost(command.step, resolve, device, machine);
      device.pushErrorScope('validation');
      encoder = device.createCommandEncoder();
    }
    pass?.end();
    pass = undefined;
    const kept = onGpu ? plan.outputs.map((port) => keep(port, bound, encoder)) : undefined;
    submit();
    for (const failure of await Promise.all(failures)) {
      if (failure) throw new TypeError(`WebGPU refuses the run: ${failure.message}`);
    }
    if (kept) return new Map(kept);
    const read = await readBuffers(
      device,
      plan.outputs.map(({ buffer }) => resolve(buffer)),
    );
    return new Map(
      plan.outputs.map(({ name, dtype, shape }, at): [string, EngineTensor] => {
        const type = dtype as ElementType;
        const data = loadElements(type, elementCount(shape), read[at]!, 0);
        return [name, { dtype: type, shape, data }];
      }),
    );
  }

  /** Copies an output to a buffer that will be the caller's. */
  function keep(
    { name, dtype, shape, buffer }: PlanPort,
    { resolve }: BoundGpuPlan,
    encoder: GPUCommandEncoder,
  ): [string, BufferTensor] {
    const own = resolve(buffer);
    const result = device.createBuffer({ size: own.size, usage: own.buffer.usage });
    encoder.copyBufferToBuffer(own.buffer, own.offset, result, 0, own.size);
    return [name, { dtype: dtype as ElementType, shape, buffer: result }];
  }
}

/** The 32-bit words of a tensor. */
function wordsOf(dtype: ElementType, { data }: EngineTensor): Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer> {
  if (dtype === 'float32') return data as Float32Array<ArrayBuffer>;
  const words = new Int32Array(data.length);
  const memory = { words, floats: new Float32Array(words.buffer) };
  storeElements(dtype, data, memory, 0);
  return isIntegral(dtype) ? words : memory.floats;
}
