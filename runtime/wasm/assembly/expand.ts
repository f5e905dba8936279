/** Cosines, and products of little depth and large results, which stream out to memory: dense weights from few frequencies. */
import { madd } from './arithmetic';

/** Columns that go together through all rows, so that four rows of the right factor stay in the first-level cache. */
const COLUMN_BLOCK = 1024;
/** Below so many columns the right factor stays in registers, and the rows stream by. */
const NARROW = 32;
/** Rows of a narrow result that go together through all columns and depths. */
const ROW_BLOCK = 256;

export function expand(
  a: usize,
  aDepth: usize,
  b: usize,
  bDepth: usize,
  depth: i32,
  rows: i32,
  columns: i32,
  y: usize,
  yRow: usize,
  tile: i32,
  yTile: usize,
): void {
  aDepth <<= 2;
  bDepth <<= 2;
  yRow <<= 2;
  yTile <<= 2;
  for (; columns > 0; columns -= tile) {
    expandTile(a, aDepth, b, bDepth, depth, rows, min(columns, tile), y, yRow);
    b += (<usize>tile) << 2;
    y += yTile;
  }
}

function expandTile(
  a: usize,
  aDepth: usize,
  b: usize,
  bDepth: usize,
  depth: i32,
  rows: i32,
  columns: i32,
  y: usize,
  yRow: usize,
): void {
  const narrow = columns < NARROW ? columns & -4 : 0;
  for (let first = 0; narrow && first < rows; first += ROW_BLOCK) {
    const count = min(ROW_BLOCK, rows - first);
    const from = a + ((<usize>first) << 2);
    const to = y + yRow * first;
    for (let column: usize = 0; column < (<usize>narrow) << 2; column += 16) {
      for (let k = 0; k < depth; k += 4) {
        narrowRows(from + aDepth * k, aDepth, b + column + bDepth * k, bDepth, k > 0, to + column, yRow, count);
      }
    }
  }
  for (let first = narrow; first < columns; first += COLUMN_BLOCK) {
    const bytes = (<usize>min(COLUMN_BLOCK, columns - first)) << 2;
    const column = (<usize>first) << 2;
    const whole = bytes & -32;
    for (let row = 0; row < rows; row++) {
      const from = a + ((<usize>row) << 2);
      const to = y + yRow * row + column;
      if (whole) wideRow(from, aDepth, b + column, bDepth, to, whole);
      if (whole < bytes) anyRow(from, aDepth, b + column + whole, bDepth, false, to + whole, bytes - whole);
      for (let k = 4; k < depth; k += 4) {
        anyRow(from + aDepth * k, aDepth, b + column + bDepth * k, bDepth, true, to, bytes);
      }
    }
  }
}

/** Four columns of `count` rows: y = or, where `add`, += the sum over four depths. Distances are in bytes. */
function narrowRows(
  a: usize,
  aDepth: usize,
  b: usize,
  bDepth: usize,
  add: bool,
  y: usize,
  yRow: usize,
  count: i32,
): void {
  const b0 = v128.load(b);
  const b1 = v128.load(b + bDepth);
  const b2 = v128.load(b + 2 * bDepth);
  const b3 = v128.load(b + 3 * bDepth);
  let a1 = a + aDepth;
  let a2 = a1 + aDepth;
  let a3 = a2 + aDepth;
  for (; count > 0; count--) {
    const first = madd(v128.load32_splat(a1), b1, f32x4.mul(v128.load32_splat(a), b0));
    const second = madd(v128.load32_splat(a3), b3, f32x4.mul(v128.load32_splat(a2), b2));
    let sum = f32x4.add(first, second);
    if (add) sum = f32x4.add(sum, v128.load(y));
    v128.store(y, sum);
    a += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    y += yRow;
  }
}

/** `bytes`, a multiple of 32, of one row: y = the sum over four depths. In a function of its own it keeps to registers. */
function wideRow(a: usize, aDepth: usize, b: usize, bDepth: usize, y: usize, bytes: usize): void {
  let b1 = b + bDepth;
  let b2 = b1 + bDepth;
  let b3 = b2 + bDepth;
  const a0 = v128.load32_splat(a);
  const a1 = v128.load32_splat(a + aDepth);
  const a2 = v128.load32_splat(a + 2 * aDepth);
  const a3 = v128.load32_splat(a + 3 * aDepth);
  for (const end = y + bytes; y < end; y += 32) {
    let low = f32x4.mul(a0, v128.load(b));
    let high = f32x4.mul(a0, v128.load(b, 16));
    low = madd(a1, v128.load(b1), low);
    high = madd(a1, v128.load(b1, 16), high);
    let moreLow = f32x4.mul(a2, v128.load(b2));
    let moreHigh = f32x4.mul(a2, v128.load(b2, 16));
    moreLow = madd(a3, v128.load(b3), moreLow);
    moreHigh = madd(a3, v128.load(b3, 16), moreHigh);
    v128.store(y, f32x4.add(low, moreLow));
    v128.store(y, f32x4.add(high, moreHigh), 16);
    b += 32;
    b1 += 32;
    b2 += 32;
    b3 += 32;
  }
}

/** Any number of bytes, likewise, or, where `add`, y += the sum. */
function anyRow(a: usize, aDepth: usize, b: usize, bDepth: usize, add: bool, y: usize, bytes: usize): void {
  const b1 = b + bDepth;
  const b2 = b1 + bDepth;
  const b3 = b2 + bDepth;
  const a0 = v128.load32_splat(a);
  const a1 = v128.load32_splat(a + aDepth);
  const a2 = v128.load32_splat(a + 2 * aDepth);
  const a3 = v128.load32_splat(a + 3 * aDepth);
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) {
    let sum = madd(a1, v128.load(b1 + at), f32x4.mul(a0, v128.load(b + at)));
    sum = f32x4.add(sum, madd(a3, v128.load(b3 + at), f32x4.mul(a2, v128.load(b2 + at))));
    if (add) sum = f32x4.add(sum, v128.load(y + at));
    v128.store(y + at, sum);
  }
  for (; at < bytes; at += 4) {
    let sum = f32x4.extract_lane(a0, 0) * load<f32>(b + at);
    sum += f32x4.extract_lane(a1, 0) * load<f32>(b1 + at);
    sum += f32x4.extract_lane(a2, 0) * load<f32>(b2 + at);
    sum += f32x4.extract_lane(a3, 0) * load<f32>(b3 + at);
    store<f32>(y + at, add ? sum + load<f32>(y + at) : sum);
  }
}

export function cosine(y: usize, count: i32, cosine: f64, sine: f64, stepCosine: f64, stepSine: f64): void {
  for (; count > 0; count--) {
    store<f32>(y, <f32>cosine);
    const turned = cosine * stepCosine - sine * stepSine;
    sine = sine * stepCosine + cosine * stepSine;
    cosine = turned;
    y += 4;
  }
}
