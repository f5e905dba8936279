/**
 * Bytes of scratch that the kernels of products and convolutions need, from the words of their geometry: what
 * wasm/assembly lays out there. The plain kernels need none.
 */
import * as word from './opcodes.ts';

/** A tile that sticks out of the result, its bias, and a few zeros. */
const EDGE_BYTES = word.TILE_ROWS * (word.TILE_COLUMNS + 2) * 4;
/** What depthwise convolution computes at once, and may read behind the band. */
const RUN_BYTES = 64;

const aligned = (bytes: number) => Math.ceil(bytes / 16) * 16;

/** Scratch of `Kernels.matmul`: bounded by a constant. */
export function matmulScratch(geometry: readonly number[]): number {
  const depth = Math.min(geometry[word.MATMUL_DEPTH]!, word.MOST_DEPTH);
  const panel = EDGE_BYTES + depth * word.TILE_ROWS * 4;
  if (geometry[word.MATMUL_B_PACKED]) return panel;
  const columns = Math.ceil(geometry[word.MATMUL_COLUMNS]! / word.TILE_COLUMNS) * word.TILE_COLUMNS;
  return panel + Math.min(word.MOST_FACTOR_BYTES, columns * depth * 4);
}

/** Scratch of `Kernels.conv`: grows with the kernel, and with the width of the input where one row exceeds BAND_BYTES. */
export function convScratch(geometry: readonly number[]): number {
  return EDGE_BYTES + word.MOST_BLOCK_BYTES + tableBytes(geometry) + bandBytes(geometry);
}

/** Scratch of `Kernels.depthwise`, as that of `convScratch`. */
export function depthwiseScratch(geometry: readonly number[]): number {
  return 2 * RUN_BYTES + tableBytes(geometry) + bandBytes(geometry);
}

/** Scratch of `Kernels.convTranspose`, bounded but for the table of channels and very wide inputs. */
export function convTransposeScratch(geometry: readonly number[]): number {
  const taps = geometry[word.CONV_KERNEL_HEIGHT]! * geometry[word.CONV_KERNEL_WIDTH]!;
  const row = taps * geometry[word.CONV_WIDTH]! * 4;
  const filters = geometry[word.CONV_FILTERS]!;
  const all = filters * row * geometry[word.CONV_HEIGHT]!;
  const least = Math.min(filters, word.TILE_ROWS) * row;
  const spread = Math.min(all, Math.max(least, word.SPREAD_BYTES));
  return EDGE_BYTES + word.MOST_BLOCK_BYTES + aligned(geometry[word.CONV_CHANNELS]! * 4) + spread;
}

/** Where in the band each of a window's elements lies. */
function tableBytes(geometry: readonly number[]): number {
  const taps = geometry[word.CONV_KERNEL_HEIGHT]! * geometry[word.CONV_KERNEL_WIDTH]!;
  return aligned(geometry[word.CONV_CHANNELS]! * taps * 4);
}

function bandBytes(geometry: readonly number[]): number {
  const reach = (kernel: number, dilation: number) => (geometry[kernel]! - 1) * geometry[dilation]! + 1;
  const reachHeight = reach(word.CONV_KERNEL_HEIGHT, word.CONV_DILATION_HEIGHT);
  const reachWidth = reach(word.CONV_KERNEL_WIDTH, word.CONV_DILATION_WIDTH);
  const stride = geometry[word.CONV_STRIDE_WIDTH]!;
  const columns = (geometry[word.CONV_OUT_WIDTH]! - 1) * stride + reachWidth;
  const pitch = Math.ceil(columns / stride) * Math.min(stride, reachWidth);
  const rows = (geometry[word.CONV_OUT_HEIGHT]! - 1) * geometry[word.CONV_STRIDE_HEIGHT]! + reachHeight;
  const row = geometry[word.CONV_CHANNELS]! * pitch * 4;
  return aligned(Math.max(0, Math.min(rows * row, Math.max(reachHeight * row, word.BAND_BYTES))));
}
