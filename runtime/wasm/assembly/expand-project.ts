/** Fused layers of the frequency domain: see `Kernels.expandProject`. Four pixels at a time stay in registers. */
import {
  EXPAND_ACCUMULATE,
  EXPAND_BATCH,
  EXPAND_CHANNELS,
  EXPAND_HEIGHT,
  EXPAND_LANES,
  EXPAND_MATRIX_STRIDE,
  EXPAND_OUTPUTS,
  EXPAND_POOLED,
  EXPAND_RANK,
  EXPAND_WIDTH,
  EXPAND_Y_BATCH,
  EXPAND_Y_PLANE,
  EXPAND_Y_ROW,
  EXPAND_Y_START,
} from '../../kernels/opcodes';
import { madd } from './arithmetic';
import { storeSome } from './instructions';

/** Most maps of one layer. */
const MOST_RANK = 256;
/** Channels that are expanded before they are projected, where there are more than four maps or outputs. */
const CHUNK = 64;

/** The four pixels of each map; of a pooled layer, those of one corner of the four windows behind those of another. */
const pixels = memory.data(MOST_RANK * 4 * 16, 16);
/** The four pixels of each channel of a chunk. */
const expanded = memory.data(CHUNK * 16, 16);

// What a call works on: functions below have too many parameters for registers otherwise.
let rank: i32 = 0;
let paddedRank: i32 = 0;
let channels: i32 = 0;
let outputs: i32 = 0;
let plane: usize = 0;
let yPlane: usize = 0;
let accumulate: bool = false;
let lowest: v128 = f32x4.splat(0);
let highest: v128 = f32x4.splat(0);

/** Loads four pixels of all maps into `pixels`, from `source` on. */
function gatherPixels(source: usize): void {
  let target = pixels;
  for (let map = 0; map < rank; map++) {
    v128.store(target, v128.load(source));
    source += plane;
    target += 16;
  }
}

/** Loads the four corners of four windows of 2×2 pixels: those of one corner stand together for each map. */
function gatherWindows(source: usize, rowBytes: usize): void {
  const corner = (<usize>paddedRank) << 4;
  let target = pixels;
  for (let map = 0; map < rank; map++) {
    for (let row: usize = 0; row < 2; row++) {
      const from = source + row * rowBytes;
      const left = v128.load(from);
      const right = v128.load(from, 16);
      const at = target + row * 2 * corner;
      v128.store(at, v128.shuffle<f32>(left, right, 0, 2, 4, 6));
      v128.store(at + corner, v128.shuffle<f32>(left, right, 1, 3, 5, 7));
    }
    source += plane;
    target += 16;
  }
}

function clamp(value: v128): v128 {
  return f32x4.pmin(f32x4.pmax(value, lowest), highest);
}

/** Four pixels of the channel whose factors are at `row`, from the maps at `from`. */
function expandChannel(row: usize, from: usize): v128 {
  let value = v128.load32_splat(row + ((<usize>paddedRank) << 2));
  for (let map = 0; map < paddedRank; map += EXPAND_LANES) {
    value = madd(v128.load32_splat(row), v128.load(from), value);
    value = madd(v128.load32_splat(row, 4), v128.load(from, 16), value);
    value = madd(v128.load32_splat(row, 8), v128.load(from, 32), value);
    value = madd(v128.load32_splat(row, 12), v128.load(from, 48), value);
    row += 16;
    from += 64;
  }
  return value;
}

/** Writes, or adds, the first `count` of four pixels. */
function put(target: usize, value: v128, count: i32): void {
  if (accumulate) value = f32x4.add(value, v128.load(target));
  if (count > 3) v128.store(target, value);
  else storeSome(target, value, count);
}

/** Four pixels of the channel whose factors are at `row`, of up to four maps. */
function expandFour(row: usize, first: v128, second: v128, third: v128, fourth: v128): v128 {
  let value = madd(v128.load32_splat(row), first, v128.load32_splat(row, 16));
  value = madd(v128.load32_splat(row, 4), second, value);
  value = madd(v128.load32_splat(row, 8), third, value);
  return madd(v128.load32_splat(row, 12), fourth, value);
}

/** The same for the windows of a pooled layer: the largest of their four corners. */
function poolFour(row: usize): v128 {
  const first = v128.load32_splat(row);
  const second = v128.load32_splat(row, 4);
  const third = v128.load32_splat(row, 8);
  const fourth = v128.load32_splat(row, 12);
  const shift = v128.load32_splat(row, 16);
  let largest = shift;
  for (let corner: usize = 0; corner < 4; corner++) {
    const from = pixels + (corner << 6);
    let value = madd(first, v128.load(from), shift);
    value = madd(second, v128.load(from, 16), value);
    value = madd(third, v128.load(from, 32), value);
    value = madd(fourth, v128.load(from, 48), value);
    largest = corner ? f32x4.pmax(largest, value) : value;
  }
  return largest;
}

/** Four pixels of up to four maps, to up to four outputs: everything stays in registers. The maps are `step` bytes apart. */
function projectFour(
  matrix: usize,
  projection: usize,
  pooled: bool,
  source: usize,
  step: usize,
  target: usize,
  count: i32,
): void {
  // Factors of maps that there are not are zero, so that any number will do for those.
  const first = v128.load(source);
  const second = rank > 1 ? v128.load(source + step) : first;
  const third = rank > 2 ? v128.load(source + 2 * step) : first;
  const fourth = rank > 3 ? v128.load(source + 3 * step) : first;
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (let channel = channels; channel > 0; channel--) {
    const value = clamp(pooled ? poolFour(matrix) : expandFour(matrix, first, second, third, fourth));
    a = madd(v128.load32_splat(projection), value, a);
    b = madd(v128.load32_splat(projection, 4), value, b);
    c = madd(v128.load32_splat(projection, 8), value, c);
    d = madd(v128.load32_splat(projection, 12), value, d);
    matrix += 32;
    projection += 16;
  }
  put(target, a, count);
  if (outputs > 1) put(target + yPlane, b, count);
  if (outputs > 2) put(target + 2 * yPlane, c, count);
  if (outputs > 3) put(target + 3 * yPlane, d, count);
}

/** Expands channels into `target`, 16 bytes each. */
function expandChannels(matrix: usize, count: i32, pooled: bool, target: usize): void {
  const row = (<usize>(paddedRank + EXPAND_LANES)) << 2;
  const corner = (<usize>paddedRank) << 4;
  const end = pixels + (pooled ? 4 * corner : corner);
  for (; count > 0; count--) {
    let largest = f32x4.splat(-Infinity);
    for (let at = pixels; at < end; at += corner) largest = f32x4.pmax(expandChannel(matrix, at), largest);
    v128.store(target, clamp(largest));
    matrix += row;
    target += 16;
  }
}

/** Four pixels of any number of maps and outputs, pooled or not. */
function projectAny(matrix: usize, projection: usize, pooled: bool, target: usize, count: i32): void {
  const row = (<usize>(paddedRank + EXPAND_LANES)) << 2;
  const projectionRow = (<usize>((outputs + EXPAND_LANES - 1) & -EXPAND_LANES)) << 2;
  const wasAccumulating = accumulate;
  for (let first = 0; first < channels; first += CHUNK) {
    const length = min(CHUNK, channels - first);
    expandChannels(matrix + row * first, length, pooled, expanded);
    if (!projection) {
      for (let channel = 0; channel < length; channel++) {
        put(target + yPlane * (first + channel), v128.load(expanded + ((<usize>channel) << 4)), count);
      }
      continue;
    }
    for (let output = 0; output < outputs; output += EXPAND_LANES) {
      let weights = projection + projectionRow * first + ((<usize>output) << 2);
      let a = f32x4.splat(0);
      let b = a;
      let c = a;
      let d = a;
      for (let channel: usize = 0; channel < <usize>length; channel++) {
        const value = v128.load(expanded + (channel << 4));
        a = madd(v128.load32_splat(weights), value, a);
        b = madd(v128.load32_splat(weights, 4), value, b);
        c = madd(v128.load32_splat(weights, 8), value, c);
        d = madd(v128.load32_splat(weights, 12), value, d);
        weights += projectionRow;
      }
      const place = target + yPlane * output;
      put(place, a, count);
      if (output + 1 < outputs) put(place + yPlane, b, count);
      if (output + 2 < outputs) put(place + 2 * yPlane, c, count);
      if (output + 3 < outputs) put(place + 3 * yPlane, d, count);
    }
    accumulate = true;
  }
  accumulate = wasAccumulating;
}

export function expandProject(
  geometry: usize,
  maps: usize,
  matrix: usize,
  projection: usize,
  y: usize,
  low: f32,
  high: f32,
): void {
  const height = load<i32>(geometry, EXPAND_HEIGHT << 2);
  const width = load<i32>(geometry, EXPAND_WIDTH << 2);
  const pooled = load<i32>(geometry, EXPAND_POOLED << 2) !== 0;
  rank = load<i32>(geometry, EXPAND_RANK << 2);
  paddedRank = (rank + EXPAND_LANES - 1) & -EXPAND_LANES;
  channels = load<i32>(geometry, EXPAND_CHANNELS << 2);
  outputs = load<i32>(geometry, EXPAND_OUTPUTS << 2);
  plane = (<usize>(height * width)) << 2;
  yPlane = (<usize>load<i32>(geometry, EXPAND_Y_PLANE << 2)) << 2;
  accumulate = load<i32>(geometry, EXPAND_ACCUMULATE << 2) !== 0;
  lowest = f32x4.splat(low);
  highest = f32x4.splat(high);
  const rowBytes = (<usize>width) << 2;
  const rows = pooled ? height >> 1 : height;
  const columns = pooled ? width >> 1 : width;
  const isSmall = rank <= EXPAND_LANES && outputs <= EXPAND_LANES && projection !== 0;
  memory.fill(pixels, 0, (<usize>paddedRank) << 6);

  y += (<usize>load<i32>(geometry, EXPAND_Y_START << 2)) << 2;
  for (let sample = load<i32>(geometry, EXPAND_BATCH << 2); sample > 0; sample--) {
    for (let row = 0; row < rows; row++) {
      let source = maps + (pooled ? 2 * rowBytes : rowBytes) * row;
      let target = y + ((<usize>load<i32>(geometry, EXPAND_Y_ROW << 2)) << 2) * row;
      for (let rest = columns; rest > 0; rest -= 4) {
        const count = min(rest, 4);
        // Pixels behind the last one are garbage that nobody stores.
        if (pooled) gatherWindows(source, rowBytes);
        else if (!isSmall) gatherPixels(source);
        if (!isSmall) projectAny(matrix, projection, pooled, target, count);
        else if (pooled) projectFour(matrix, projection, true, pixels, 16, target, count);
        else projectFour(matrix, projection, false, source, plane, target, count);
        source += pooled ? 32 : 16;
        target += 16;
      }
    }
    maps += plane * rank;
    matrix += (<usize>load<i32>(geometry, EXPAND_MATRIX_STRIDE << 2)) << 2;
    y += (<usize>load<i32>(geometry, EXPAND_Y_BATCH << 2)) << 2;
  }
}
