/**
 * Weights on the GPU. Of a weight that is widened by cosines the coefficients are uploaded, and shaders rebuild it; others are laid
 * out by the host.
 */
import type { StoredWeight } from '../../src/codec/archive.ts';
import { parseExpression } from '../../src/codec/einsum.ts';
import { cosineAxes, type TensorNetwork } from '../../src/codec/network.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import type { Machine } from '../machine.ts';
import type { Buffer, ConstantBuffer } from '../plan/buffer.ts';
import { SCRATCH_BYTES } from '../sink.ts';
import { coreOf, placeNetwork, placeWeight } from '../weights.ts';
import { bindGroupOf } from './bound-plan.ts';
import type { Gpu } from './device.ts';
import type { Dispatch } from './dispatch.ts';
import { inverseTransform } from './kernels/inverse-transform.ts';
import { packColumns, packRows } from './kernels/pack.ts';
import type { GpuMemory } from './memory.ts';
import { pipelinesOf } from './pipelines.ts';

/** Fills the buffer of a constant from `source`: the stored weight, or the network that the constant itself has. */
export async function placeConstant(
  constant: ConstantBuffer,
  source: StoredWeight | TensorNetwork,
  target: GPUBuffer,
  gpu: Gpu,
  memory: GpuMemory,
  machine: Machine,
): Promise<void> {
  const network = 'expression' in source ? source : 'network' in source ? source.network : undefined;
  if (network && (await rebuildOnGpu(network, constant, target, gpu, memory))) return;
  const { layout, words } = constant;
  const scratch = machine.base;
  const pointer = scratch + SCRATCH_BYTES;
  machine.reserve(pointer + 4 * words);
  const workshop = { ...machine, scratch };
  if ('expression' in source) placeNetwork(workshop, pointer, source, layout);
  else placeWeight(workshop, pointer, source, layout);
  gpu.device.queue.writeBuffer(target, 0, machine.memory.words as Int32Array<ArrayBuffer>, pointer / 4, words);
}

/**
 * An inverse DCT on the GPU, an axis at a time, from few frequencies to many elements. Resolves to whether it could: not where there is
 * no cosine, or the axes of the coefficients are in another order than those of the weight.
 */
async function rebuildOnGpu(
  network: TensorNetwork,
  constant: ConstantBuffer,
  target: GPUBuffer,
  gpu: Gpu,
  memory: GpuMemory,
): Promise<boolean> {
  const { cosines } = cosineAxes(network);
  if (cosines.size === 0) return false;
  const { core, letters, shape } = coreOf(network);
  const sizes = [...letters].map((letter) => cosines.get(letter)?.size);
  const order = [...letters].map((letter) => cosines.get(letter)?.to ?? letter).join('');
  if (order !== parseExpression(network.expression).result) return false;

  const { device, facts } = gpu;
  const buffers = new Map<Buffer, GPUBuffer>();
  const temporary = (words: number): Buffer => {
    const buffer: Buffer = { kind: 'temporary', words };
    buffers.set(buffer, memory.take(words));
    return buffer;
  };
  const uploaded = (values: Float32Array<ArrayBuffer>): Buffer => {
    const buffer = temporary(values.length);
    device.queue.writeBuffer(buffers.get(buffer)!, 0, values);
    return buffer;
  };
  const result: Buffer = { kind: 'temporary', words: elementCount(network.shape) };
  const dispatches: Dispatch[] = [];
  const { values, scale } = core;
  const scaled = new Float32Array(values.length);
  // A plain loop: `from` and `map` take ten times as long.
  for (let at = 0; at < scaled.length; at++) scaled[at] = values[at]! * scale;
  let current = uploaded(scaled);
  const now = [...shape];
  // Those that widen least come first, so that what is on the way stays small.
  const axes = sizes.flatMap((size, axis) => (size === undefined ? [] : [{ axis, size }]));
  axes.sort((a, b) => a.size / now[a.axis]! - b.size / now[b.axis]!);
  axes.forEach(({ axis, size }, at) => {
    const inner = elementCount(now.slice(axis + 1));
    const outer = elementCount(now.slice(0, axis));
    const count = now[axis]!;
    now[axis] = size;
    const isLast = at === axes.length - 1;
    const next = isLast ? result : temporary(elementCount(now));
    dispatches.push(
      ...inverseTransform(facts, current, uploaded(cosineTable(size)), next, { outer, count, size, inner }),
    );
    current = next;
  });
  const { layout } = constant;
  if (layout.side === 'plain') buffers.set(result, target);
  else {
    buffers.set(result, memory.take(result.words));
    const { side, batches, batchStride, rowStride, columnStride, rows, columns } = layout;
    buffers.set(constant, target);
    const pack = side === 'rows' ? packRows : packColumns;
    dispatches.push(...pack(facts, result, batches, batchStride, rowStride, columnStride, rows, columns, constant)!);
  }
  const pipelines = await Promise.all(dispatches.map((dispatch) => pipelinesOf(device).get(dispatch)));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  dispatches.forEach(({ bindings, groups }, at) => {
    const pipeline = pipelines[at]!;
    pass.setPipeline(pipeline);
    const resolve = (buffer: Buffer) => ({ buffer: buffers.get(buffer)!, offset: 0, size: buffers.get(buffer)!.size });
    pass.setBindGroup(0, bindGroupOf(device, pipeline, bindings, resolve));
    pass.dispatchWorkgroups(...groups);
  });
  pass.end();
  device.queue.submit([encoder.finish()]);
  for (const buffer of buffers.values()) if (buffer !== target) memory.free(buffer);
  return true;
}

/** cos(πm/2n) for m < 4n: a whole turn, of which every entry of the DCT matrix of size n is a multiple. */
function cosineTable(n: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: 4 * n }, (_, m) => Math.cos((Math.PI * m) / (2 * n)));
}
