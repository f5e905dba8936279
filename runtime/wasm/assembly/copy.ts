/**
 * Strided copies: Transpose, Slice, Concat, Split, Pad, Expand, Tile. Two axes are copied at once, chosen so that one of
 * them is contiguous in the source and one in the target; where these differ, in blocks of 4×4 words.
 */
import { word } from './chain';
import { storeSome } from './instructions';

/** Columns of the target that a transpose takes at once: a whole line of the cache. */
const TILE: i32 = 16;
/** Rows of it: more than the cache has ways would evict each other where their stride is a power of two. */
const BAND: i32 = 8;

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
  for (let axis = outer; axis >= 0; axis--) {
    if (dim(axis) === 1) continue;
    if (sourceStride(inner) !== 4 && sourceStride(axis) === 4) outer = axis;
    if (targetStride(inner) !== 4 && targetStride(axis) === 4) outer = axis;
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
  if (count) storeSome(y, v128.load(x), count);
}

/** y[i][j] = x[j][i] for i < rows, j < columns; the strides are the rows' of each, in bytes. */
function transpose(x: usize, y: usize, rows: i32, columns: i32, sourceRow: i32, targetRow: i32): void {
  for (let column = 0; column < columns; column += TILE) {
    const lastColumn = min(column + TILE, columns);
    for (let row = 0; row < rows; row += BAND) {
      const lastRow = min(row + BAND, rows);
      for (let i = row; i < lastRow; i += 4) {
        for (let j = column; j < lastColumn; j += 4) {
          const from = x + sourceRow * j + ((<usize>i) << 2);
          const to = y + targetRow * i + ((<usize>j) << 2);
          transposeBlock(from, to, lastRow - i, lastColumn - j, sourceRow, targetRow);
        }
      }
    }
  }
}

/** A block of the target: four rows and columns, or as many as there are. */
function transposeBlock(x: usize, y: usize, rows: i32, columns: i32, sourceRow: i32, targetRow: i32): void {
  // Rows that the source lacks stand for nothing that is stored.
  const second = columns > 1 ? x + sourceRow : x;
  const third = columns > 2 ? second + sourceRow : x;
  const a = v128.load(x);
  const b = v128.load(second);
  const c = v128.load(third);
  const d = v128.load(columns > 3 ? third + sourceRow : x);
  const ac = v128.shuffle<i32>(a, c, 0, 4, 1, 5);
  const bd = v128.shuffle<i32>(b, d, 0, 4, 1, 5);
  storeRow(y, v128.shuffle<i32>(ac, bd, 0, 4, 1, 5), columns);
  if (rows === 1) return;
  storeRow(y + targetRow, v128.shuffle<i32>(ac, bd, 2, 6, 3, 7), columns);
  if (rows === 2) return;
  const acHigh = v128.shuffle<i32>(a, c, 2, 6, 3, 7);
  const bdHigh = v128.shuffle<i32>(b, d, 2, 6, 3, 7);
  storeRow(y + 2 * targetRow, v128.shuffle<i32>(acHigh, bdHigh, 0, 4, 1, 5), columns);
  if (rows === 3) return;
  storeRow(y + 3 * targetRow, v128.shuffle<i32>(acHigh, bdHigh, 2, 6, 3, 7), columns);
}

function storeRow(y: usize, value: v128, columns: i32): void {
  if (columns >= 4) v128.store(y, value);
  else storeSome(y, value, columns);
}

/** See `Kernels.fill`. */
export function fill(y: usize, count: i32, bits: i32): void {
  for (; count >= 4; count -= 4) {
    v128.store(y, i32x4.splat(bits));
    y += 16;
  }
  if (count) storeSome(y, i32x4.splat(bits), count);
}
