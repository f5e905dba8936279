/** The geometry of the convolution that is running: the `CONV_…` words as variables. */
import * as word from '../../kernels/opcodes';

export let batches: i32 = 0;
export let groups: i32 = 0;
export let channels: i32 = 0;
export let height: i32 = 0;
export let width: i32 = 0;
export let filters: i32 = 0;
export let outHeight: i32 = 0;
export let outWidth: i32 = 0;
export let kernelHeight: i32 = 0;
export let kernelWidth: i32 = 0;
export let strideHeight: i32 = 0;
export let strideWidth: i32 = 0;
export let dilationHeight: i32 = 0;
export let dilationWidth: i32 = 0;
export let padTop: i32 = 0;
export let padLeft: i32 = 0;

/** Makes the table at `geometry` the one that is running. */
export function readGeometry(geometry: usize): void {
  batches = load<i32>(geometry, word.CONV_BATCH << 2);
  groups = load<i32>(geometry, word.CONV_GROUPS << 2);
  channels = load<i32>(geometry, word.CONV_CHANNELS << 2);
  height = load<i32>(geometry, word.CONV_HEIGHT << 2);
  width = load<i32>(geometry, word.CONV_WIDTH << 2);
  filters = load<i32>(geometry, word.CONV_FILTERS << 2);
  outHeight = load<i32>(geometry, word.CONV_OUT_HEIGHT << 2);
  outWidth = load<i32>(geometry, word.CONV_OUT_WIDTH << 2);
  kernelHeight = load<i32>(geometry, word.CONV_KERNEL_HEIGHT << 2);
  kernelWidth = load<i32>(geometry, word.CONV_KERNEL_WIDTH << 2);
  strideHeight = load<i32>(geometry, word.CONV_STRIDE_HEIGHT << 2);
  strideWidth = load<i32>(geometry, word.CONV_STRIDE_WIDTH << 2);
  dilationHeight = load<i32>(geometry, word.CONV_DILATION_HEIGHT << 2);
  dilationWidth = load<i32>(geometry, word.CONV_DILATION_WIDTH << 2);
  padTop = load<i32>(geometry, word.CONV_PAD_TOP << 2);
  padLeft = load<i32>(geometry, word.CONV_PAD_LEFT << 2);
}
