/**
 * The innermost loops of every matrix product: a tile of TILE_ROWS × TILE_COLUMNS results, held in registers while the
 * factors stream by. Strides let the factors lie packed or as they are.
 */
import { madd } from './arithmetic';

/** Clamps each lane; NaN stays. */
export function clamp(x: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, low), high);
}

/**
 * Four rows by eight columns: y = a · b + bias, clamped, or y += a · b where `bias` is 0.
 *
 * @param a row r, depth k at `a + r·aRow + k·aDepth` bytes
 * @param b eight neighbours of depth k at `b + k·bDepth` bytes
 * @param y row r at `y + r·yRow` bytes
 * @param bias four numbers, one a row
 */
export function multiplyTile(
  a: usize,
  aRow: usize,
  aDepth: usize,
  b: usize,
  bDepth: usize,
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
  const row2 = aRow + aRow;
  const row3 = row2 + aRow;
  for (; depth > 0; depth--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = madd(a0, b0, c00);
    c01 = madd(a0, b1, c01);
    const a1 = v128.load32_splat(a + aRow);
    c10 = madd(a1, b0, c10);
    c11 = madd(a1, b1, c11);
    const a2 = v128.load32_splat(a + row2);
    c20 = madd(a2, b0, c20);
    c21 = madd(a2, b1, c21);
    const a3 = v128.load32_splat(a + row3);
    c30 = madd(a3, b0, c30);
    c31 = madd(a3, b1, c31);
    a += aDepth;
    b += bDepth;
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

/** One row by eight columns, otherwise as `multiplyTile`; for rows that fill no tile, and for vectors. */
export function multiplyRow(
  a: usize,
  aDepth: usize,
  b: usize,
  bDepth: usize,
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
  // Four sums a column, so that no addition waits for the one before.
  let d0 = f32x4.splat(0);
  let d1 = d0,
    e0 = d0,
    e1 = d0,
    f0 = d0,
    f1 = d0;
  for (; depth > 3; depth -= 4) {
    const a0 = v128.load32_splat(a);
    c0 = madd(a0, v128.load(b), c0);
    c1 = madd(a0, v128.load(b, 16), c1);
    a += aDepth;
    b += bDepth;
    const a1 = v128.load32_splat(a);
    d0 = madd(a1, v128.load(b), d0);
    d1 = madd(a1, v128.load(b, 16), d1);
    a += aDepth;
    b += bDepth;
    const a2 = v128.load32_splat(a);
    e0 = madd(a2, v128.load(b), e0);
    e1 = madd(a2, v128.load(b, 16), e1);
    a += aDepth;
    b += bDepth;
    const a3 = v128.load32_splat(a);
    f0 = madd(a3, v128.load(b), f0);
    f1 = madd(a3, v128.load(b, 16), f1);
    a += aDepth;
    b += bDepth;
  }
  for (; depth > 0; depth--) {
    const a0 = v128.load32_splat(a);
    c0 = madd(a0, v128.load(b), c0);
    c1 = madd(a0, v128.load(b, 16), c1);
    a += aDepth;
    b += bDepth;
  }
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  c0 = f32x4.add(f32x4.add(c0, d0), f32x4.add(e0, f0));
  c1 = f32x4.add(f32x4.add(c1, d1), f32x4.add(e1, f1));
  v128.store(y, clamp(c0, lows, highs));
  v128.store(y, clamp(c1, lows, highs), 16);
}
