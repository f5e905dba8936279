/**
 * A plan on the GPU: its commands, compiled, and bound to buffers when its turn comes.
 */
import type { Buffer, ConstantBuffer, TableBuffer } from '../plan/buffer.ts';
import type { Plan } from '../plan/plan.ts';
import type { Gpu } from './device.ts';
import { buffersNamed, type Command, lowerSteps } from './lower.ts';
import type { GpuMemory } from './memory.ts';
import { bufferBytes } from './memory.ts';
import { pipelinesOf } from './pipelines.ts';
import type { Shaders } from './shaders.ts';
import { assignSlots, type Slots } from './slots.ts';

/** A plan for the GPU, before it has buffers. */
export interface GpuPlan {
  readonly plan: Plan;
  readonly commands: readonly Command[];
  readonly slots: Slots;
  readonly tables: readonly TableBuffer[];
  readonly constants: readonly ConstantBuffer[];
  /** By command, compiled beside this thread; `undefined` for what the host runs. */
  readonly compiling: Promise<Pipelines>;
}

export type Pipelines = readonly (GPUComputePipeline | undefined)[];

/** Where a buffer of a plan is on the GPU. */
export type Resolve = (buffer: Buffer) => { buffer: GPUBuffer; offset: number; size: number };

/** A plan with its buffers: dispatches are ready to be encoded. */
export interface BoundGpuPlan extends GpuPlan {
  readonly pipelines: Pipelines;
  readonly resolve: Resolve;
  readonly bindGroups: readonly (GPUBindGroup | undefined)[];
  /** Bytes of its own buffers. */
  readonly bytes: number;
  /** Buffers of the slots, which another plan may take over. */
  readonly own: readonly GPUBuffer[];
}

/** Lowers a plan, and begins to compile its pipelines. */
export function gpuPlan(plan: Plan, gpu: Gpu, shaders: Shaders): GpuPlan {
  const commands = lowerSteps(plan.steps, gpu.facts, shaders);
  const uses = commands.map(buffersNamed);
  const ports = (kind: 'inputs' | 'outputs') => plan[kind].map(({ buffer }) => buffer);
  const named = new Set([...uses.flat(), ...ports('outputs')]);
  const ofKind = <K extends Buffer['kind']>(kind: K) =>
    [...named].filter((buffer): buffer is Extract<Buffer, { kind: K }> => buffer.kind === kind);
  const pipelines = pipelinesOf(gpu.device);
  const compiling = Promise.all(
    commands.map((command) => ('dispatch' in command ? pipelines.get(command.dispatch) : undefined)),
  );
  // Whoever binds the plan is told; nobody may.
  compiling.catch(() => {});
  return {
    plan,
    commands,
    slots: assignSlots(uses, ports('inputs'), ports('outputs')),
    tables: ofKind('table'),
    constants: ofKind('constant'),
    compiling,
  };
}

/** Offsets of bindings are multiples of this (the default limit of WebGPU). */
const OFFSET_BYTES = 256;

/**
 * Gives a plan buffers: of `spare` what fits, else new ones; what is left of `spare` is freed. `constantAt` tells where the
 * weights are.
 */
export function bindGpuPlan(
  plan: GpuPlan,
  pipelines: Pipelines,
  gpu: Gpu,
  memory: GpuMemory,
  constantAt: (constant: ConstantBuffer) => GPUBuffer,
  spare: readonly GPUBuffer[],
): BoundGpuPlan {
  const { device } = gpu;
  const left = [...spare].sort((a, b) => a.size - b.size);
  const { sizes, slotOf } = plan.slots;
  const wanted = sizes.map((words, slot) => ({ slot, bytes: bufferBytes(words) }));
  const reused: GPUBuffer[] = [];
  for (const { slot, bytes } of wanted) {
    const at = left.findIndex(({ size }) => size >= bytes && size <= 2 * bytes);
    if (at >= 0) reused[slot] = left.splice(at, 1)[0]!;
  }
  for (const buffer of left) memory.free(buffer);
  const own = sizes.map((words, slot) => reused[slot] ?? memory.take(words));

  const offsets = new Map<TableBuffer, number>();
  let end = 0;
  for (const table of plan.tables) {
    offsets.set(table, end);
    end += Math.ceil(bufferBytes(table.words) / OFFSET_BYTES) * OFFSET_BYTES;
  }
  const tables = plan.tables.length > 0 ? memory.take(end / 4) : undefined;
  for (const [{ contents }, offset] of offsets)
    device.queue.writeBuffer(tables!, offset, contents as Int32Array<ArrayBuffer>);

  const resolve: Resolve = (buffer) => {
    const size = bufferBytes(buffer.words);
    if (buffer.kind === 'table') return { buffer: tables!, offset: offsets.get(buffer)!, size };
    if (buffer.kind === 'constant') return { buffer: constantAt(buffer), offset: 0, size };
    return { buffer: own[slotOf.get(buffer)!]!, offset: 0, size };
  };
  const bindGroups = plan.commands.map((command, at) => {
    if (!('dispatch' in command)) return undefined;
    return bindGroupOf(device, pipelines[at]!, command.dispatch.bindings, resolve);
  });
  const buffers = tables ? [...own, tables] : own;
  const bytes = buffers.reduce((sum, { size }) => sum + size, 0);
  return { ...plan, pipelines, resolve, bindGroups, bytes, own: buffers };
}

/** The bind group of a dispatch. */
export function bindGroupOf(
  device: GPUDevice,
  pipeline: GPUComputePipeline,
  bindings: readonly { readonly buffer: Buffer }[],
  resolve: Resolve,
): GPUBindGroup {
  return device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: bindings.map(({ buffer }, binding) => ({ binding, resource: resolve(buffer) })),
  });
}
