/**
 * Pooling windows. The axes are separable: the rows that a line of outputs covers are first combined into one, which lies
 * between borders that change nothing, and then the columns of that, so a K×K window costs 2·K operations. Indices, Lp and
 * windows that are too wide for that go output by output.
 */
import {
  DIV,
  POOL_AVERAGE_PADDED,
  POOL_COLUMN_MAJOR,
  POOL_DILATION,
  POOL_KERNEL,
  POOL_KIND,
  POOL_LP,
  POOL_MAX,
  POOL_OUT,
  POOL_P,
  POOL_PAD_BEGIN,
  POOL_PAD_END,
  POOL_PLANES,
  POOL_SIZE,
  POOL_STRIDE,
} from '../../kernels/opcodes';
import { registers, word } from './chain';
import { Add, Binary, executeExactly, Max, repeat, storeSome } from './instructions';
import { pow } from './math';
import { fillWords } from './reduce';
import { splat } from './vector-math';

/** Most columns of the combined row at once. */
const LINE: i32 = 2048;
/** Largest stride along columns whose eight next outputs are read at once without leaving the registers. */
const MOST_STRIDE: i32 = 64;

const line: usize = registers;
const anotherLine: usize = registers + 12288;
const constant: usize = registers + 24544;

/** See `Kernels.pool`. */
export function pool(g: usize, x: usize, y: usize, indices: usize): void {
  const kind = word(g, POOL_KIND);
  const plane = (<usize>(word(g, POOL_SIZE) * word(g, POOL_SIZE + 1) * word(g, POOL_SIZE + 2))) << 2;
  const row = (<usize>word(g, POOL_OUT + 2)) << 2;
  const isPlain =
    indices !== 0 || kind === POOL_LP || extent(g, 2) > LINE >> 1 || word(g, POOL_STRIDE + 2) > MOST_STRIDE;
  for (let p = 0; p < word(g, POOL_PLANES); p++) {
    for (let d = 0; d < word(g, POOL_OUT); d++) {
      for (let h = 0; h < word(g, POOL_OUT + 1); h++) {
        if (isPlain) plainRow(g, x, y, indices, p, d, h);
        else if (kind === POOL_MAX) separableRow<Max>(g, x, y, d, h, -Infinity);
        else separableRow<Add>(g, x, y, d, h, 0);
        if (kind !== POOL_MAX && kind !== POOL_LP) average(g, y, d, h);
        y += row;
        if (indices) indices += row;
      }
    }
    x += plane;
  }
}

/** How many elements a window spans along an axis. */
function extent(g: usize, axis: i32): i32 {
  return (word(g, POOL_KERNEL + axis) - 1) * word(g, POOL_DILATION + axis) + 1;
}

/** Where the window of output `o` begins along an axis, padding being before 0. */
function begin(g: usize, axis: i32, o: i32): i32 {
  return o * word(g, POOL_STRIDE + axis) - word(g, POOL_PAD_BEGIN + axis);
}

/** First tap of the window that begins at `from` which is at or behind `limit`. */
// @inline
function tapFrom(g: usize, axis: i32, from: i32, limit: i32): i32 {
  const taps = word(g, POOL_KERNEL + axis);
  const dilation = word(g, POOL_DILATION + axis);
  return from >= limit ? 0 : min(taps, (limit - from + dilation - 1) / dilation);
}

/** One line of outputs, which stand at (d, h); `nothing` changes no result. */
function separableRow<T extends Binary>(g: usize, x: usize, y: usize, d: i32, h: i32, nothing: f32): void {
  const columns = word(g, POOL_OUT + 2);
  const stride = word(g, POOL_STRIDE + 2);
  const taps = word(g, POOL_KERNEL + 2);
  const tapStep = (<usize>word(g, POOL_DILATION + 2)) << 2;
  const most = (LINE - extent(g, 2)) / stride + 1;
  for (let o = 0; o < columns; o += most) {
    const n = min(columns - o, most);
    combineRows<T>(g, x, d, h, begin(g, 2, o), (n - 1) * stride + extent(g, 2), nothing);
    slide<T>(y + ((<usize>o) << 2), line, n, stride, taps, tapStep, nothing);
  }
}

/** Combines the rows that the windows of outputs at (d, h) cover into `line`: `count` columns from column `from` on. */
function combineRows<T extends Binary>(g: usize, x: usize, d: i32, h: i32, from: i32, count: i32, nothing: f32): void {
  const height = word(g, POOL_SIZE + 1);
  const width = word(g, POOL_SIZE + 2);
  const top = begin(g, 1, h);
  const front = begin(g, 0, d);
  const firstRow = tapFrom(g, 1, top, 0);
  const rows = tapFrom(g, 1, top, height) - firstRow;
  const rowStep = word(g, POOL_DILATION + 1) * width;
  const first = max(from, 0);
  const n = min(from + count, width) - first;
  const inside = line + ((<usize>(first - from)) << 2);
  const firstPlane = tapFrom(g, 0, front, 0);
  fillWords(line, count, reinterpret<i32>(nothing));
  for (let i = firstPlane; i < tapFrom(g, 0, front, word(g, POOL_SIZE)); i++) {
    const z = front + i * word(g, POOL_DILATION);
    const source = x + ((<usize>((z * height + top) * width + firstRow * rowStep + first)) << 2);
    const target = i === firstPlane ? inside : anotherLine;
    slide<T>(target, source, n, 1, rows, (<usize>rowStep) << 2, nothing);
    if (i > firstPlane) slide<T>(inside, inside, n, 1, 2, anotherLine - inside, nothing);
  }
}

/** Combines `taps` words that lie `tapStep` bytes apart into each of `n`, the first of which are `stride` words apart. */
function slide<T extends Binary>(
  y: usize,
  x: usize,
  n: i32,
  stride: i32,
  taps: i32,
  tapStep: usize,
  nothing: f32,
): void {
  const lanes = changetype<T>(0);
  const step = (<usize>stride) << 4;
  for (; n > 0; n -= 8) {
    let left = splat(nothing);
    let right = left;
    let from = x;
    for (let tap = taps; tap > 0; tap--) {
      left = lanes.apply(left, every(from, stride));
      right = lanes.apply(right, every(from + step, stride));
      from += tapStep;
    }
    if (n >= 4) v128.store(y, left);
    else storeSome(y, left, n);
    if (n >= 8) v128.store(y, right, 16);
    else if (n > 4) storeSome(y + 16, right, n - 4);
    x += 2 * step;
    y += 32;
  }
}

/** Four words, `stride` words apart. */
// @inline
function every(x: usize, stride: i32): v128 {
  if (stride === 1) return v128.load(x);
  if (stride === 2) return v128.shuffle<i32>(v128.load(x), v128.load(x, 16), 0, 2, 4, 6);
  const step = (<usize>stride) << 2;
  const one = v128.load32_lane(x + step, v128.load32_zero(x), 1);
  return v128.load32_lane(x + 3 * step, v128.load32_lane(x + 2 * step, one, 2), 3);
}

/** Divides the sums of one line of outputs by how many elements they count. */
function average(g: usize, y: usize, d: i32, h: i32): void {
  const columns = word(g, POOL_OUT + 2);
  const rows = counted(g, 0, d) * counted(g, 1, h);
  // Windows before this one do not hang over the end.
  const inside = (limit(g, 2) - extent(g, 2) - begin(g, 2, 0)) / word(g, POOL_STRIDE + 2) + 1;
  let end = 0;
  for (let o = 0; o < columns; o = end) {
    const count = counted(g, 2, o);
    end = count === word(g, POOL_KERNEL + 2) ? max(o + 1, min(columns, inside)) : o + 1;
    repeat(constant, splat(<f32>(rows * count)));
    const target = y + ((<usize>o) << 2);
    executeExactly(DIV, target, end - o, target, 32, constant, 0, 0, 0);
  }
}

/** How many elements the average over output `o`'s window counts along an axis. */
function counted(g: usize, axis: i32, o: i32): i32 {
  const from = begin(g, axis, o);
  const low = word(g, POOL_KIND) === POOL_AVERAGE_PADDED ? -word(g, POOL_PAD_BEGIN + axis) : 0;
  return tapFrom(g, axis, from, limit(g, axis)) - tapFrom(g, axis, from, low);
}

/** Where what averages count ends along an axis. */
function limit(g: usize, axis: i32): i32 {
  const padding = word(g, POOL_KIND) === POOL_AVERAGE_PADDED ? word(g, POOL_PAD_END + axis) : 0;
  return word(g, POOL_SIZE + axis) + padding;
}

/** One line of maxima and their places, sums or norms, output by output. */
function plainRow(g: usize, x: usize, y: usize, indices: usize, plane: i32, d: i32, h: i32): void {
  const kind = word(g, POOL_KIND);
  const exponent = <f64>word(g, POOL_P);
  const depth = word(g, POOL_SIZE);
  const height = word(g, POOL_SIZE + 1);
  const width = word(g, POOL_SIZE + 2);
  const front = begin(g, 0, d);
  const top = begin(g, 1, h);
  for (let o = 0; o < word(g, POOL_OUT + 2); o++) {
    const left = begin(g, 2, o);
    let all: f64 = kind === POOL_MAX ? -Infinity : 0;
    let index = 0;
    for (let i = tapFrom(g, 0, front, 0); i < tapFrom(g, 0, front, depth); i++) {
      const z = front + i * word(g, POOL_DILATION);
      for (let j = tapFrom(g, 1, top, 0); j < tapFrom(g, 1, top, height); j++) {
        const r = top + j * word(g, POOL_DILATION + 1);
        for (let k = tapFrom(g, 2, left, 0); k < tapFrom(g, 2, left, width); k++) {
          const c = left + k * word(g, POOL_DILATION + 2);
          const at = (z * height + r) * width + c;
          const value = <f64>load<f32>(x + ((<usize>at) << 2));
          if (kind !== POOL_MAX) {
            all += kind === POOL_LP ? pow(abs(value), exponent) : value;
          } else if (value > all || f64.ne(value, value)) {
            all = value;
            index = word(g, POOL_COLUMN_MAJOR) ? z + depth * (r + height * c) : at;
          }
        }
      }
    }
    store<f32>(y, <f32>(kind === POOL_LP ? pow(all, 1 / exponent) : all));
    if (indices) {
      store<i32>(indices, plane * depth * height * width + index);
      indices += 4;
    }
    y += 4;
  }
}
