/**
 * Strided copies: Transpose, Slice, Concat, Split, Pad, Expand, Tile. Two axes are copied at once, chosen so that one of
 * them is contiguous in the source and one in the target; where these differ, in blocks of 4×4 words.
 */
import { word } from './chain';

/** Rows that a transpose takes at once, so that the cache lines it reads stay until they are used up. */
const BAND: i32 = 16;

let table: usize = 0;
let rank: i32 = 0;
// The two axes that are copied at once.
let inner: i32 = 0;
let outer: i32 = 0;

function dim(axis: i32): i32 {
  return axis < 0 ? 1 : word(table, 3 + axis);
}

/** Stride of the source, in bytes. */
function sourceStride(axis: i32): i32 {
  return axis < 0 ? 0 : word(table, 3 + rank + axis) << 2;
}

/** Stride of the target, in bytes. */
function targetStride(axis: i32): i32 {
  return axis < 0 ? 0 : word(table, 3 + 2 * rank + axis) << 2;
}

/** See `Kernels.copy`. */
export function copy(program: usize, x: usize, y: usize): void {
  table = program;
  rank = word(table, 0);
  inner = rank - 1;
  while (inner > 0 && dim(inner) === 1) inner--;
  outer = inner - 1;
  for (let axis = inner - 1; axis >= 0; axis--) {
    if (dim(axis) > 1 && sourceStride(inner) !== 4 && sourceStride(axis) === 4) outer = axis;
    if (dim(axis) > 1 && targetStride(inner) !== 4 && targetStride(axis) === 4) outer = axis;
  }
  walk(0, x + ((<usize>word(table, 1)) << 2), y + ((<usize>word(table, 2)) << 2));
}

function walk(axis: i32, x: usize, y: usize): void {
  while (axis === inner || axis === outer) axis++;
  if (axis >= rank) return plane(x, y);
  for (let i = 0; i < dim(axis); i++) {
    walk(axis + 1, x, y);
    x += sourceStride(axis);
    y += targetStride(axis);
  }
}

function plane(x: usize, y: usize): void {
  const rows = dim(outer);
  const columns = dim(inner);
  const sourceRow = sourceStride(outer);
  const sourceColumn = sourceStride(inner);
  const targetRow = targetStride(outer);
  const targetColumn = targetStride(inner);
  if (targetColumn === 4 && sourceRow === 4 && sourceColumn !== 4) {
    transpose(x, y, rows, columns, sourceColumn, targetRow);
  } else if (sourceColumn === 4 && targetRow === 4 && targetColumn !== 4) {
    transpose(x, y, columns, rows, sourceRow, targetColumn);
  } else {
    for (let i = 0; i < rows; i++) {
      copyLine(x, y, columns, sourceColumn, targetColumn);
      x += sourceRow;
      y += targetRow;
    }
  }
}

/** Copies `count` words, their strides being in bytes. */
function copyLine(x: usize, y: usize, count: i32, from: i32, to: i32): void {
  if (to === 4 && from === 4) return copyWords(x, y, count);
  for (let i = 0; i < count; i++) {
    store<i32>(y, load<i32>(x));
    x += from;
    y += to;
  }
}

/** Copies `count` contiguous words. */
export function copyWords(x: usize, y: usize, count: i32): void {
  if (count > 64) {
    memory.copy(y, x, (<usize>count) << 2);
    return;
  }
  for (; count >= 4; count -= 4) {
    v128.store(y, v128.load(x));
    x += 16;
    y += 16;
  }
  for (; count > 0; count--) {
    store<i32>(y, load<i32>(x));
    x += 4;
    y += 4;
  }
}

/** y[i][j] = x[j][i] for i < rows, j < columns; the strides are the rows' of each, in bytes. */
function transpose(x: usize, y: usize, rows: i32, columns: i32, sourceRow: i32, targetRow: i32): void {
  for (let i = 0; i < rows; i += BAND) {
    const end = min(i + BAND, rows);
    let j = 0;
    for (; j + 4 <= columns; j += 4) {
      let from = x + sourceRow * j + ((<usize>i) << 2);
      let to = y + targetRow * i + ((<usize>j) << 2);
      let k = i;
      for (; k + 4 <= end; k += 4) {
        const a = v128.load(from);
        const b = v128.load(from + sourceRow);
        const c = v128.load(from + 2 * sourceRow);
        const d = v128.load(from + 3 * sourceRow);
        const ac = v128.shuffle<i32>(a, c, 0, 4, 1, 5);
        const bd = v128.shuffle<i32>(b, d, 0, 4, 1, 5);
        const acHigh = v128.shuffle<i32>(a, c, 2, 6, 3, 7);
        const bdHigh = v128.shuffle<i32>(b, d, 2, 6, 3, 7);
        v128.store(to, v128.shuffle<i32>(ac, bd, 0, 4, 1, 5));
        v128.store(to + targetRow, v128.shuffle<i32>(ac, bd, 2, 6, 3, 7));
        v128.store(to + 2 * targetRow, v128.shuffle<i32>(acHigh, bdHigh, 0, 4, 1, 5));
        v128.store(to + 3 * targetRow, v128.shuffle<i32>(acHigh, bdHigh, 2, 6, 3, 7));
        from += 16;
        to += targetRow * 4;
      }
      for (; k < end; k++) {
        copyLine(from, to, 4, sourceRow, 4);
        from += 4;
        to += targetRow;
      }
    }
    for (; j < columns; j++) {
      copyLine(x + sourceRow * j + ((<usize>i) << 2), y + targetRow * i + ((<usize>j) << 2), end - i, 4, targetRow);
    }
  }
}

/** See `Kernels.fill`. */
export function fill(y: usize, count: i32, bits: i32): void {
  for (; count >= 4; count -= 4) {
    v128.store(y, i32x4.splat(bits));
    y += 16;
  }
  for (; count > 0; count--) {
    store<i32>(y, bits);
    y += 4;
  }
}
