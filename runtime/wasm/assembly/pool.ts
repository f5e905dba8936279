/**
 * Pooling windows. The axes are separable: the rows that a line of outputs covers are first combined into one, whose columns are
 * then combined tap by tap, so a K×K window costs 2·K operations and every loop runs over contiguous words.
 */
import {
  ABS,
  ADD,
  DIV,
  MAX,
  MUL,
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
  POW,
  SQRT,
} from '../../kernels/opcodes';
import { registers, word } from './chain';
import { combine, combineExactly, executeExactly } from './instructions';
import { splat } from './vector-math';

/** Words of the combined row that are held at once. */
const LINE: i32 = 2048;
const line: usize = registers;
const picked: usize = registers + 8192;
const constant: usize = registers + 16384;
const powers: usize = registers + 16640;

/** See `Kernels.pool`. */
export function pool(g: usize, x: usize, y: usize, indices: usize): void {
  const planes = word(g, POOL_PLANES);
  const plane = (<usize>(word(g, POOL_SIZE) * word(g, POOL_SIZE + 1) * word(g, POOL_SIZE + 2))) << 2;
  const columns = word(g, POOL_OUT + 2);
  for (let p = 0; p < planes; p++) {
    for (let d = 0; d < word(g, POOL_OUT); d++) {
      for (let h = 0; h < word(g, POOL_OUT + 1); h++) {
        if (indices) {
          maximaOfRow(g, x, y, indices, p, d, h);
          indices += (<usize>columns) << 2;
        } else {
          poolRow(g, x, y, d, h);
        }
        y += (<usize>columns) << 2;
      }
    }
    x += plane;
  }
}

/** Where the window of output `o` begins along an axis, padding being before 0. */
function begin(g: usize, axis: i32, o: i32): i32 {
  return o * word(g, POOL_STRIDE + axis) - word(g, POOL_PAD_BEGIN + axis);
}

/** First tap of the window that begins at `from` which is at or behind `limit`. */
function tapFrom(g: usize, axis: i32, from: i32, limit: i32): i32 {
  const taps = word(g, POOL_KERNEL + axis);
  const dilation = word(g, POOL_DILATION + axis);
  return from >= limit ? 0 : min(taps, (limit - from + dilation - 1) / dilation);
}

/** How many elements the average over output `o`'s window counts along an axis. */
function counted(g: usize, axis: i32, o: i32): i32 {
  const from = begin(g, axis, o);
  const padded = word(g, POOL_KIND) === POOL_AVERAGE_PADDED;
  const low = padded ? -word(g, POOL_PAD_BEGIN + axis) : 0;
  const high = word(g, POOL_SIZE + axis) + (padded ? word(g, POOL_PAD_END + axis) : 0);
  return tapFrom(g, axis, from, high) - tapFrom(g, axis, from, low);
}

/** One line of outputs, which stand at (d, h). */
function poolRow(g: usize, x: usize, y: usize, d: i32, h: i32): void {
  const kind = word(g, POOL_KIND);
  const width = word(g, POOL_SIZE + 2);
  const columns = word(g, POOL_OUT + 2);
  const taps = word(g, POOL_KERNEL + 2);
  const stride = word(g, POOL_STRIDE + 2);
  const opcode = kind === POOL_MAX ? MAX : ADD;
  setWords(y, columns, kind === POOL_MAX ? -Infinity : 0);
  for (let from = 0; from < width; from += LINE) {
    const n = min(width - from, LINE);
    const combined = combineRows(g, x + ((<usize>from) << 2), d, h, n);
    if (!combined) continue;
    for (let tap = 0; tap < taps; tap++) {
      // Output o takes column o · stride − shift of the combined row.
      const shift = from - begin(g, 2, 0) - tap * word(g, POOL_DILATION + 2);
      const first = shift > 0 ? (shift + stride - 1) / stride : 0;
      const end = shift + n > 0 ? min(columns, (shift + n - 1) / stride + 1) : 0;
      if (first >= end) continue;
      const target = y + ((<usize>first) << 2);
      const source = combined + ((<usize>(first * stride - shift)) << 2);
      combineExactly(opcode, target, end - first, target, every(source, stride, end - first));
    }
  }
  if (kind === POOL_LP) root(g, y, columns);
  else if (kind !== POOL_MAX) divide(g, y, columns, counted(g, 0, d) * counted(g, 1, h));
}

/** Combines the rows that the windows of outputs at (d, h) cover: where the `n` words lie, or 0 if there is no row. */
function combineRows(g: usize, x: usize, d: i32, h: i32, n: i32): usize {
  const kind = word(g, POOL_KIND);
  const opcode = kind === POOL_MAX ? MAX : ADD;
  const height = word(g, POOL_SIZE + 1);
  const row = (<usize>word(g, POOL_SIZE + 2)) << 2;
  const top = begin(g, 1, h);
  const front = begin(g, 0, d);
  const lastPlane = tapFrom(g, 0, front, word(g, POOL_SIZE));
  const firstRow = tapFrom(g, 1, top, 0);
  const lastRow = tapFrom(g, 1, top, height);
  let combined: usize = 0;
  for (let i = tapFrom(g, 0, front, 0); i < lastPlane; i++) {
    const z = front + i * word(g, POOL_DILATION);
    for (let j = firstRow; j < lastRow; j++) {
      let source = x + row * (z * height + top + j * word(g, POOL_DILATION + 1));
      if (kind === POOL_LP) source = power(g, source, n, combined ? powers : line);
      if (combined) {
        combine(opcode, line, n, combined, source);
        combined = line;
      } else {
        combined = source;
      }
    }
  }
  return combined;
}

/** |x|^p of `n` words, into `y`. */
function power(g: usize, x: usize, n: i32, y: usize): usize {
  const p = word(g, POOL_P);
  if (p === 2) {
    combine(MUL, y, n, x, x);
  } else {
    combine(ABS, y, n, x, x);
    v128.store(constant, splat(<f32>p));
    executeExactly(POW, y, n, y, 16, constant, 0, 0, 0);
  }
  return y;
}

/** y = y^(1/p). */
function root(g: usize, y: usize, n: i32): void {
  const p = word(g, POOL_P);
  v128.store(constant, splat(1 / <f32>p));
  executeExactly(p === 2 ? SQRT : POW, y, n, y, 16, constant, 0, 0, 0);
}

/** Every `stride`-th of the words at `x`, `n` of them side by side. */
function every(x: usize, stride: i32, n: i32): usize {
  if (stride === 1) return x;
  if (stride === 2) {
    for (let i = 0; i < n; i += 4) {
      v128.store(picked + ((<usize>i) << 2), v128.shuffle<i32>(v128.load(x), v128.load(x, 16), 0, 2, 4, 6));
      x += 32;
    }
  } else {
    for (let i = 0; i < n; i++) {
      store<i32>(picked + ((<usize>i) << 2), load<i32>(x));
      x += (<usize>stride) << 2;
    }
  }
  return picked;
}

/** Divides sums by the elements that they count, of which there are `rows` in every column. */
function divide(g: usize, y: usize, columns: i32, rows: i32): void {
  let at = 0;
  while (at < columns) {
    const count = counted(g, 2, at);
    let end = at + 1;
    while (end < columns && counted(g, 2, end) === count) end++;
    v128.store(constant, splat(<f32>(rows * count)));
    const target = y + ((<usize>at) << 2);
    executeExactly(DIV, target, end - at, target, 16, constant, 0, 0, 0);
    at = end;
  }
}

function setWords(y: usize, count: i32, value: f32): void {
  for (let i = 0; i < count; i++) {
    store<f32>(y, value);
    y += 4;
  }
}

/** One line of maxima and their places, output by output. */
function maximaOfRow(g: usize, x: usize, y: usize, indices: usize, plane: i32, d: i32, h: i32): void {
  const depth = word(g, POOL_SIZE);
  const height = word(g, POOL_SIZE + 1);
  const width = word(g, POOL_SIZE + 2);
  const front = begin(g, 0, d);
  const top = begin(g, 1, h);
  for (let o = 0; o < word(g, POOL_OUT + 2); o++) {
    const left = begin(g, 2, o);
    let best: f32 = -Infinity;
    let index = 0;
    for (let i = tapFrom(g, 0, front, 0); i < tapFrom(g, 0, front, depth); i++) {
      const z = front + i * word(g, POOL_DILATION);
      for (let j = tapFrom(g, 1, top, 0); j < tapFrom(g, 1, top, height); j++) {
        const r = top + j * word(g, POOL_DILATION + 1);
        for (let k = tapFrom(g, 2, left, 0); k < tapFrom(g, 2, left, width); k++) {
          const c = left + k * word(g, POOL_DILATION + 2);
          const at = (z * height + r) * width + c;
          const value = load<f32>(x + ((<usize>at) << 2));
          if (value > best) {
            best = value;
            index = word(g, POOL_COLUMN_MAJOR) ? z + depth * (r + height * c) : at;
          }
        }
      }
    }
    store<f32>(y, best);
    store<i32>(indices, plane * depth * height * width + index);
    y += 4;
    indices += 4;
  }
}
