/** Reductions of the middle axis: several accumulators along a contiguous axis, row by row in blocks otherwise. */
import {
  ADD,
  ADD_INT,
  DIV,
  DIV_INT,
  MAX,
  MIN,
  MUL,
  OR,
  REDUCE_MAX,
  REDUCE_MEAN,
  REDUCE_MIN,
  REDUCE_PROD,
  REDUCE_SUM_SQUARE,
} from '../../kernels/opcodes';
import { madd } from './arithmetic';
import { BLOCK, registers } from './chain';
import { Add, Binary, combine, combineExactly, executeExactly, Max, repeat } from './instructions';
import { splat } from './vector-math';

/** Words that are added up in float32 before their sum goes into a wider or later one. */
const SUM_BLOCK: i32 = 4096;
/** Rows that are added up before their sum goes into a later one. */
const SUM_ROWS: i32 = 64;

const accumulator: usize = registers;
const total: usize = registers + 1024;
const squares: usize = registers + 2048;

/** See `Kernels.reduce`. */
export function reduce(kind: i32, integers: i32, x: usize, y: usize, outer: i32, count: i32, inner: i32): void {
  const row = (<usize>inner) << 2;
  // The others are rare where words lie side by side: they go as rows of one word.
  const isLine = inner === 1 && !integers && kind !== REDUCE_MIN && kind !== REDUCE_PROD;
  for (let o = 0; o < outer; o++) {
    if (isLine) {
      store<f32>(y, reduceLine(kind, x, count));
    } else {
      for (let i = 0; i < inner; i += BLOCK) {
        const at = (<usize>i) << 2;
        reduceRows(kind, integers, x + at, y + at, count, row, min(inner - i, BLOCK));
      }
    }
    x += row * count;
    y += row;
  }
}

function reduceLine(kind: i32, x: usize, count: i32): f32 {
  if (kind === REDUCE_MAX) return maximum(x, count);
  if (kind === REDUCE_SUM_SQUARE) return <f32>moment<Square>(x, count, 0);
  const all = sum(x, count);
  return <f32>(kind === REDUCE_MEAN ? all / count : all);
}

/** What `moment` adds up: the distance from the centre, or its square. */
interface Moment {
  add(sum: v128, distance: v128): v128;
}
export class Distance {
  add(sum: v128, distance: v128): v128 {
    return f32x4.add(sum, distance);
  }
}
export class Square {
  add(sum: v128, distance: v128): v128 {
    return madd(distance, distance, sum);
  }
}

/** Σ (x − centre) or Σ (x − centre)² of `count` words. */
export function moment<T extends Moment>(x: usize, count: i32, centre: f32): f64 {
  const lanes = changetype<T>(0);
  const from = splat(centre);
  let all: f64 = 0;
  for (; count > 0; count -= SUM_BLOCK) {
    let n = min(count, SUM_BLOCK);
    let a = splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (; n >= 16; n -= 16) {
      a = lanes.add(a, f32x4.sub(v128.load(x), from));
      b = lanes.add(b, f32x4.sub(v128.load(x, 16), from));
      c = lanes.add(c, f32x4.sub(v128.load(x, 32), from));
      d = lanes.add(d, f32x4.sub(v128.load(x, 48), from));
      x += 64;
    }
    for (; n > 0; n -= 4) {
      a = lanes.add(a, f32x4.sub(firstLanes(v128.load(x), from, n), from));
      x += 16;
    }
    a = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
    all += f32x4.extract_lane(across<Add>(a), 0);
  }
  return all;
}

/** The sum of `count` words. */
export function sum(x: usize, count: i32): f64 {
  return moment<Distance>(x, count, 0);
}

/** The first `lanes` lanes of `value`, the others from `other`; all of it where there are four or more. */
function firstLanes(value: v128, other: v128, lanes: i32): v128 {
  return lanes >= 4 ? value : v128.bitselect(value, other, i32x4.gt_s(i32x4.splat(lanes), i32x4(0, 1, 2, 3)));
}

/** The largest of `count` words, NaN if one is NaN, −∞ if there is none. */
export function maximum(x: usize, count: i32): f32 {
  const lanes = changetype<Max>(0);
  const start = splat(-Infinity);
  let a = start;
  let b = start;
  let c = start;
  let d = start;
  for (; count >= 16; count -= 16) {
    a = lanes.apply(a, v128.load(x));
    b = lanes.apply(b, v128.load(x, 16));
    c = lanes.apply(c, v128.load(x, 32));
    d = lanes.apply(d, v128.load(x, 48));
    x += 64;
  }
  a = lanes.apply(lanes.apply(a, b), lanes.apply(c, d));
  for (; count > 0; count -= 4) {
    a = lanes.apply(a, firstLanes(v128.load(x), start, count));
    x += 16;
  }
  return f32x4.extract_lane(across<Max>(a), 0);
}

function across<T extends Binary>(a: v128): v128 {
  const lanes = changetype<T>(0);
  a = lanes.apply(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  return lanes.apply(a, v128.shuffle<i32>(a, a, 1, 0, 3, 2));
}

/** Reduces `count` rows of `n` words, at most a block, that stand `row` bytes apart. */
function reduceRows(kind: i32, integers: i32, x: usize, y: usize, count: i32, row: usize, n: i32): void {
  let opcode = ADD;
  let start = 0;
  if (kind === REDUCE_MAX) {
    opcode = MAX;
    start = integers ? i32.MIN_VALUE : 0xff800000;
  } else if (kind === REDUCE_MIN) {
    opcode = MIN;
    start = integers ? i32.MAX_VALUE : 0x7f800000;
  } else if (kind === REDUCE_PROD) {
    opcode = MUL;
    start = integers ? 1 : 0x3f800000;
  }
  // The integers' opcodes follow ADD_INT as those of floats follow ADD, but for two places.
  let multiply = MUL;
  if (integers) {
    opcode += opcode < MIN ? ADD_INT : ADD_INT + 2;
    multiply += ADD_INT;
  }
  fillWords(accumulator, n, start);
  fillWords(total, n, start);
  for (let j = 1; j <= count; j++) {
    let source = x;
    if (kind === REDUCE_SUM_SQUARE) {
      combine(multiply, squares, n, x, x);
      source = squares;
    }
    combine(opcode, accumulator, n, accumulator, source);
    if (j % SUM_ROWS === 0) {
      combine(opcode, total, n, total, accumulator);
      fillWords(accumulator, n, start);
    }
    x += row;
  }
  combine(opcode, total, n, total, accumulator);
  if (kind === REDUCE_MEAN) {
    repeat(accumulator, integers ? i32x4.splat(count) : splat(<f32>count));
    executeExactly(integers ? DIV_INT : DIV, y, n, total, 32, accumulator, 0, 0, 0);
  } else {
    combineExactly(OR, y, n, total, total);
  }
}

/** Writes `word` `count` times, rounded up to a multiple of four. */
export function fillWords(y: usize, count: i32, word: i32): void {
  const value = i32x4.splat(word);
  for (let i = 0; i < count; i += 4) {
    v128.store(y, value);
    y += 16;
  }
}
