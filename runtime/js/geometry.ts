/** The geometry of convolutions as an object. */
import type { Pointer } from '../kernels/kernels.ts';
import * as word from '../kernels/opcodes.ts';
import type { Memory } from './memory.ts';

/** The `CONV_…` words of the table at `geometry`. */
export function readGeometry({ words }: Pick<Memory, 'words'>, geometry: Pointer) {
  const size = (index: number) => words[(geometry >> 2) + index]!;
  return {
    batches: size(word.CONV_BATCH),
    groups: size(word.CONV_GROUPS),
    channels: size(word.CONV_CHANNELS),
    height: size(word.CONV_HEIGHT),
    width: size(word.CONV_WIDTH),
    filters: size(word.CONV_FILTERS),
    outHeight: size(word.CONV_OUT_HEIGHT),
    outWidth: size(word.CONV_OUT_WIDTH),
    kernelHeight: size(word.CONV_KERNEL_HEIGHT),
    kernelWidth: size(word.CONV_KERNEL_WIDTH),
    strideHeight: size(word.CONV_STRIDE_HEIGHT),
    strideWidth: size(word.CONV_STRIDE_WIDTH),
    dilationHeight: size(word.CONV_DILATION_HEIGHT),
    dilationWidth: size(word.CONV_DILATION_WIDTH),
    padTop: size(word.CONV_PAD_TOP),
    padLeft: size(word.CONV_PAD_LEFT),
  };
}

/**
 * The range [begin, end) of positions within 0…count−1 for which `position · stride + offset` is within 0…size−1.
 */
export function inside(count: number, stride: number, offset: number, size: number): [begin: number, end: number] {
  const begin = Math.max(0, Math.ceil(-offset / stride));
  return [begin, Math.max(begin, Math.min(count, Math.floor((size - 1 - offset) / stride) + 1))];
}
