/**
 * The buffers of one session on the GPU: each is counted, freed with the session, and refused where it is more than the device or the caller
 * allows.
 */
import type { Gpu } from './device.ts';

/** What all buffers may be used for: as storage, and to be copied from and to. */
const USAGE = 0x80 | 0x04 | 0x08;

export interface GpuMemory {
  /** Bytes of all buffers. */
  readonly bytes: number;
  /** Makes a buffer of so many words, rounded up to 16 bytes. Throws `RangeError` where that is too much. */
  take(words: number): GPUBuffer;
  /** Frees a buffer, once the GPU is done with it. */
  free(buffer: GPUBuffer): void;
  /** Frees all but these. */
  keepOnly(kept: Iterable<GPUBuffer>): void;
}

/** Rounds a number of words up to the bytes of a buffer. */
export function bufferBytes(words: number): number {
  return Math.max(16, Math.ceil(words / 4) * 16);
}

/** Memory of `gpu`, at most `most` bytes of it. */
export function gpuMemory({ device }: Gpu, most: number): GpuMemory {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const largest = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  const buffers = new Set<GPUBuffer>();
  let bytes = 0;
  const free = (buffer: GPUBuffer) => {
    if (!buffers.delete(buffer)) return;
    bytes -= buffer.size;
    buffer.destroy();
  };
  return {
    get bytes() {
      return bytes;
    },
    take(words) {
      const size = bufferBytes(words);
      if (size > largest) {
        throw new RangeError(`the model needs a GPU buffer of ${size} bytes, the device allows ${largest}`);
      }
      if (bytes + size > most) {
        throw new RangeError(`the model needs ${bytes + size} bytes on the GPU, maxMemory allows ${most}`);
      }
      const buffer = device.createBuffer({ size, usage: USAGE });
      buffers.add(buffer);
      bytes += size;
      return buffer;
    },
    free,
    keepOnly(kept) {
      const left = new Set(kept);
      for (const buffer of [...buffers]) if (!left.has(buffer)) free(buffer);
    },
  };
}
