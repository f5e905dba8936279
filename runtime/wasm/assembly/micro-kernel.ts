/**
 * The innermost loops of every matrix product: a tile of TILE_ROWS × TILE_COLUMNS results, held in registers while the
 * packed factors stream by.
 *
 * The module exports both functions, though nobody calls them from outside: otherwise the optimiser makes them parts of
 * their callers, where the engine runs out of registers.
 */
import { madd } from './arithmetic';

/** Clamps each lane; NaN stays. */
export function clamp(x: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, low), high);
}

/**
 * Four rows by eight columns: y = a · b + bias, clamped, or y = y + a · b, clamped, where `bias` is 0.
 *
 * @param a packed rows, (depth, 4)
 * @param b packed columns, (depth, 8): read, or, where `offsets` is not 0, packed on the way
 * @param source,offsets for each depth, the bytes from `source` to the eight neighbours to pack
 * @param y row r at `y + r·yRow` bytes
 * @param bias four numbers, one a row
 */
export function multiplyTile(
  a: usize,
  b: usize,
  source: usize,
  offsets: usize,
  depth: i32,
  y: usize,
  yRow: usize,
  bias: usize,
  low: f32,
  high: f32,
): void {
  const y1 = y + yRow;
  const y2 = y1 + yRow;
  const y3 = y2 + yRow;
  let c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128, c30: v128, c31: v128;
  if (bias) {
    c00 = c01 = v128.load32_splat(bias);
    c10 = c11 = v128.load32_splat(bias, 4);
    c20 = c21 = v128.load32_splat(bias, 8);
    c30 = c31 = v128.load32_splat(bias, 12);
  } else {
    c00 = v128.load(y);
    c01 = v128.load(y, 16);
    c10 = v128.load(y1);
    c11 = v128.load(y1, 16);
    c20 = v128.load(y2);
    c21 = v128.load(y2, 16);
    c30 = v128.load(y3);
    c31 = v128.load(y3, 16);
  }
  let b0: v128, b1: v128, factor: v128;
  if (offsets) {
    for (; depth > 0; depth--) {
      const from = source + load<u32>(offsets);
      b0 = v128.load(from);
      b1 = v128.load(from, 16);
      v128.store(b, b0);
      v128.store(b, b1, 16);
      factor = v128.load32_splat(a);
      c00 = madd(factor, b0, c00);
      c01 = madd(factor, b1, c01);
      factor = v128.load32_splat(a, 4);
      c10 = madd(factor, b0, c10);
      c11 = madd(factor, b1, c11);
      factor = v128.load32_splat(a, 8);
      c20 = madd(factor, b0, c20);
      c21 = madd(factor, b1, c21);
      factor = v128.load32_splat(a, 12);
      c30 = madd(factor, b0, c30);
      c31 = madd(factor, b1, c31);
      a += 16;
      b += 32;
      offsets += 4;
    }
  }
  // Four depths a round, as the round itself costs some instructions (two: 8 % slower). The branches between them keep the
  // engine from loading everything first, for which it has too few registers.
  for (; depth > 0; depth -= 4) {
    b0 = v128.load(b);
    b1 = v128.load(b, 16);
    factor = v128.load32_splat(a);
    c00 = madd(factor, b0, c00);
    c01 = madd(factor, b1, c01);
    factor = v128.load32_splat(a, 4);
    c10 = madd(factor, b0, c10);
    c11 = madd(factor, b1, c11);
    factor = v128.load32_splat(a, 8);
    c20 = madd(factor, b0, c20);
    c21 = madd(factor, b1, c21);
    factor = v128.load32_splat(a, 12);
    c30 = madd(factor, b0, c30);
    c31 = madd(factor, b1, c31);
    a += 16;
    if (depth === 1) break;
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    factor = v128.load32_splat(a);
    c00 = madd(factor, b0, c00);
    c01 = madd(factor, b1, c01);
    factor = v128.load32_splat(a, 4);
    c10 = madd(factor, b0, c10);
    c11 = madd(factor, b1, c11);
    factor = v128.load32_splat(a, 8);
    c20 = madd(factor, b0, c20);
    c21 = madd(factor, b1, c21);
    factor = v128.load32_splat(a, 12);
    c30 = madd(factor, b0, c30);
    c31 = madd(factor, b1, c31);
    a += 16;
    if (depth === 2) break;
    b0 = v128.load(b, 64);
    b1 = v128.load(b, 80);
    factor = v128.load32_splat(a);
    c00 = madd(factor, b0, c00);
    c01 = madd(factor, b1, c01);
    factor = v128.load32_splat(a, 4);
    c10 = madd(factor, b0, c10);
    c11 = madd(factor, b1, c11);
    factor = v128.load32_splat(a, 8);
    c20 = madd(factor, b0, c20);
    c21 = madd(factor, b1, c21);
    factor = v128.load32_splat(a, 12);
    c30 = madd(factor, b0, c30);
    c31 = madd(factor, b1, c31);
    a += 16;
    if (depth === 3) break;
    b0 = v128.load(b, 96);
    b1 = v128.load(b, 112);
    factor = v128.load32_splat(a);
    c00 = madd(factor, b0, c00);
    c01 = madd(factor, b1, c01);
    factor = v128.load32_splat(a, 4);
    c10 = madd(factor, b0, c10);
    c11 = madd(factor, b1, c11);
    factor = v128.load32_splat(a, 8);
    c20 = madd(factor, b0, c20);
    c21 = madd(factor, b1, c21);
    factor = v128.load32_splat(a, 12);
    c30 = madd(factor, b0, c30);
    c31 = madd(factor, b1, c31);
    a += 16;
    b += 128;
  }
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  v128.store(y, clamp(c00, lows, highs));
  v128.store(y, clamp(c01, lows, highs), 16);
  v128.store(y1, clamp(c10, lows, highs));
  v128.store(y1, clamp(c11, lows, highs), 16);
  v128.store(y2, clamp(c20, lows, highs));
  v128.store(y2, clamp(c21, lows, highs), 16);
  v128.store(y3, clamp(c30, lows, highs));
  v128.store(y3, clamp(c31, lows, highs), 16);
}

/** One row by eight columns, otherwise as `multiplyTile`; element k of the row is at `a + k·aDepth` bytes. */
export function multiplyRow(
  a: usize,
  aDepth: usize,
  b: usize,
  depth: i32,
  y: usize,
  bias: usize,
  low: f32,
  high: f32,
): void {
  let c0: v128, c1: v128;
  if (bias) {
    c0 = c1 = v128.load32_splat(bias);
  } else {
    c0 = v128.load(y);
    c1 = v128.load(y, 16);
  }
  // Two sums a column, so that additions need not wait for one another.
  let d0 = f32x4.splat(0);
  let d1 = d0;
  for (; depth > 1; depth -= 2) {
    let factor = v128.load32_splat(a);
    c0 = madd(factor, v128.load(b), c0);
    c1 = madd(factor, v128.load(b, 16), c1);
    a += aDepth;
    factor = v128.load32_splat(a);
    d0 = madd(factor, v128.load(b, 32), d0);
    d1 = madd(factor, v128.load(b, 48), d1);
    a += aDepth;
    b += 64;
  }
  if (depth > 0) {
    const factor = v128.load32_splat(a);
    c0 = madd(factor, v128.load(b), c0);
    c1 = madd(factor, v128.load(b, 16), c1);
  }
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  c0 = f32x4.add(c0, d0);
  c1 = f32x4.add(c1, d1);
  v128.store(y, clamp(c0, lows, highs));
  v128.store(y, clamp(c1, lows, highs), 16);
}
