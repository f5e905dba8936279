/**
 * Runs a step that has no shader on the host: its buffers are fetched into the memory of a machine, and those that it may have written go
 * back.
 */
import type { Machine } from '../machine.ts';
import { aligned } from '../plan/addresses.ts';
import type { Buffer } from '../plan/buffer.ts';
import type { Step } from '../plan/plan.ts';
import type { Resolve } from './bound-plan.ts';
import { readBuffers } from './read-buffers.ts';

export async function runOnHost(step: Step, resolve: Resolve, device: GPUDevice, machine: Machine): Promise<void> {
  const buffers = [...new Set(step.args.filter((argument): argument is Buffer => typeof argument !== 'number'))];
  const contents = await readBuffers(device, buffers.map(resolve));
  const addresses = new Map<Buffer, number>();
  let end = aligned(machine.base);
  for (const buffer of buffers) {
    addresses.set(buffer, end);
    end = aligned(end + 4 * Math.max(1, buffer.words));
  }
  machine.reserve(end);
  const at = (buffer: Buffer) => addresses.get(buffer)! / 4;
  buffers.forEach((buffer, index) => {
    machine.memory.words.set(contents[index]!.words.subarray(0, buffer.words), at(buffer));
  });
  const kernel = machine.kernels[step.kernel] as (...args: number[]) => void;
  kernel(...step.args.map((argument) => (typeof argument === 'number' ? argument : addresses.get(argument)!)));
  for (const buffer of buffers) {
    if (buffer.kind !== 'temporary') continue;
    const { words } = machine.memory;
    const own = resolve(buffer);
    device.queue.writeBuffer(own.buffer, own.offset, words as Int32Array<ArrayBuffer>, at(buffer), buffer.words);
  }
}
