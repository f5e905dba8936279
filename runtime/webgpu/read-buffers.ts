/**
 * Fetches the contents of buffers from the GPU.
 */
import type { Memory } from '../js/memory.ts';

/** A part of a buffer, in bytes. */
export interface Part {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** Resolves to a copy of each part, once the GPU has done what was submitted before. */
export async function readBuffers(device: GPUDevice, parts: readonly Part[]): Promise<Memory[]> {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  // To be mapped and copied to.
  const staging = device.createBuffer({ size, usage: 0x01 | 0x08 });
  const encoder = device.createCommandEncoder();
  let end = 0;
  const places = parts.map((part) => {
    encoder.copyBufferToBuffer(part.buffer, part.offset, staging, end, part.size);
    end += part.size;
    return end - part.size;
  });
  device.queue.submit([encoder.finish()]);
  try {
    await staging.mapAsync(1);
    const all = staging.getMappedRange();
    return parts.map((part, at) => {
      const words = new Int32Array(all.slice(places[at]!, places[at]! + part.size));
      return { words, floats: new Float32Array(words.buffer) };
    });
  } finally {
    staging.destroy();
  }
}
