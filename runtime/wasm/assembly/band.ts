/**
 * The part of a convolution's input that some rows of the output read, padded with zeros, in scratch.
 *
 * Columns are sorted by their remainder modulo the stride (their phase), so that neighbours in the output read
 * neighbours in the band, whatever the stride. Where nothing needs padding or sorting, the input is its own band.
 */
import { BAND_BYTES } from '../../kernels/opcodes';
import { copyShortRun } from './block';
import {
  channels,
  dilationHeight,
  dilationWidth,
  filters,
  height,
  kernelHeight,
  kernelWidth,
  outHeight,
  outWidth,
  padLeft,
  padTop,
  strideHeight,
  strideWidth,
  width,
} from './geometry';

/** Whether the input is its own band. */
export let isDirect: bool = false;
/** Rows of the output that a band is for. */
export let bandRows: i32 = 0;
/** Elements from one row of the output to the next in the band. */
export let rowStep: i32 = 0;

/** Columns that share a phase; elements of a row; elements of a channel. */
let phasePitch: i32 = 0;
let rowPitch: i32 = 0;
let planePitch: i32 = 0;

/** Lays out the band for the geometry that is running; `canBeDirect` where the input may be its own band. */
export function planBand(canBeDirect: bool): void {
  const reachHeight = (kernelHeight - 1) * dilationHeight + 1;
  const reachWidth = (kernelWidth - 1) * dilationWidth + 1;
  const columns = (outWidth - 1) * strideWidth + reachWidth;
  isDirect =
    canBeDirect &&
    strideWidth === 1 &&
    padTop === 0 &&
    padLeft === 0 &&
    columns <= width &&
    (outHeight - 1) * strideHeight + reachHeight <= height;
  if (isDirect) {
    phasePitch = rowPitch = width;
    planePitch = height * width;
    bandRows = max(1, BAND_BYTES / (4 * filters * outWidth));
  } else {
    phasePitch = (columns + strideWidth - 1) / strideWidth;
    rowPitch = phasePitch * min(strideWidth, reachWidth);
    const rows = BAND_BYTES / (4 * channels * rowPitch) - reachHeight;
    bandRows = min(outHeight, 1 + max(0, rows) / strideHeight);
    planePitch = ((bandRows - 1) * strideHeight + reachHeight) * rowPitch;
  }
  rowStep = strideHeight * rowPitch;
}

/** Writes a table: for each channel and each element of the kernel, in bytes, where in the band its input begins. */
export function writeOffsets(table: usize): void {
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < kernelHeight; row++) {
      const start = channel * planePitch + row * dilationHeight * rowPitch;
      for (let column = 0; column < kernelWidth; column++) {
        const at = column * dilationWidth;
        store<i32>(table, (start + (at % strideWidth) * phasePitch + at / strideWidth) << 2);
        table += 4;
      }
    }
  }
}

/** Fills the band for `rows` rows of the output from row `first` on; `x` is the first of the group's channels. */
export function fillBand(x: usize, first: i32, rows: i32, band: usize): void {
  const reach = (kernelHeight - 1) * dilationHeight;
  const end = (rows - 1) * strideHeight + reach + 1;
  const top = first * strideHeight - padTop;
  const hasGaps = strideHeight > reach + 1;
  memory.fill(band, 0, (<usize>(channels * planePitch)) << 2);
  for (let phase = 0; phase * phasePitch < rowPitch; phase++) {
    // Columns begin…stop of the phase lie within the input.
    const offset = padLeft - phase;
    const begin = min(phasePitch, max(0, offset + strideWidth - 1) / strideWidth);
    const stop = max(begin, min(phasePitch, max(0, width - 1 + offset + strideWidth) / strideWidth));
    for (let channel = 0; channel < channels; channel++) {
      const source = x + ((<usize>(channel * height * width + begin * strideWidth - offset)) << 2);
      let target = band + ((<usize>(channel * planePitch + phase * phasePitch + begin)) << 2);
      for (let row = 0; row < end; row++) {
        const at = top + row;
        // Between the windows of a stride that is larger than the kernel are rows that nothing reads.
        if (at >= 0 && at < height && (!hasGaps || row % strideHeight <= reach)) {
          copyColumns(source + ((<usize>(at * width)) << 2), target, stop - begin);
        }
        target += rowPitch << 2;
      }
    }
  }
}

function copyColumns(source: usize, target: usize, count: i32): void {
  if (strideWidth === 1) {
    copyShortRun(source, target, count);
    return;
  }
  if (strideWidth === 2) {
    // The last numbers are left to the loop below, which reads nothing behind them.
    for (; count > 4; count -= 4) {
      v128.store(target, v128.shuffle<i32>(v128.load(source), v128.load(source, 16), 0, 2, 4, 6));
      source += 32;
      target += 16;
    }
  }
  for (; count > 0; count--) {
    store<i32>(target, load<i32>(source));
    source += strideWidth << 2;
    target += 4;
  }
}
