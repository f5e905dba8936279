/** Softmax and its logarithm over the middle axis: e to the distance from the largest element, over their sum. */
import { ADD, DIV, EXP, LOG, LOG_SOFTMAX, MAX, MUL, OR, SUB } from '../../kernels/opcodes';
import { BLOCK, registers } from './chain';
import { combine, combineExactly, executeExactly, repeat, storeSome } from './instructions';
import { fillWords, maximum, sum } from './reduce';
import { exp, log, splat } from './vector-math';

const largest: usize = registers;
const total: usize = registers + 1024;
const block: usize = registers + 2048;

/** See `Kernels.softmax`. */
export function softmax(kind: i32, x: usize, y: usize, outer: i32, count: i32, inner: i32): void {
  const row = (<usize>inner) << 2;
  for (let o = 0; o < outer; o++) {
    if (inner === 1) {
      alongRow(kind, x, y, count);
    } else {
      for (let i = 0; i < inner; i += BLOCK) {
        const at = (<usize>i) << 2;
        acrossRows(kind, x + at, y + at, count, row, min(inner - i, BLOCK));
      }
    }
    x += row * count;
    y += row * count;
  }
}

function alongRow(kind: i32, x: usize, y: usize, count: i32): void {
  const most = splat(maximum(x, count));
  let all: f64 = 0;
  for (let i = 0; i < count; i += BLOCK) {
    const n = min(count - i, BLOCK);
    const at = (<usize>i) << 2;
    for (let k = 0; k < n; k += 4) {
      const offset = at + ((<usize>k) << 2);
      const distance = f32x4.sub(v128.load(x + offset), most);
      const power = exp(distance);
      v128.store(block + ((<usize>k) << 2), power);
      const result = kind === LOG_SOFTMAX ? distance : power;
      if (n - k >= 4) v128.store(y + offset, result);
      else storeSome(y + offset, result, n - k);
    }
    all += sum(block, n);
  }
  if (kind === LOG_SOFTMAX) {
    repeat(total, log(splat(<f32>all)));
    executeExactly(SUB, y, count, y, 32, total, 0, 0, 0);
  } else {
    repeat(total, splat(<f32>(1 / all)));
    executeExactly(MUL, y, count, y, 32, total, 0, 0, 0);
  }
}

function acrossRows(kind: i32, x: usize, y: usize, count: i32, row: usize, n: i32): void {
  combine(OR, largest, n, x, x);
  for (let j = 1; j < count; j++) combine(MAX, largest, n, largest, x + row * j);
  fillWords(total, n, 0);
  for (let j = 0; j < count; j++) {
    const target = y + row * j;
    combineExactly(SUB, target, n, x + row * j, largest);
    combine(EXP, block, n, target, target);
    combine(ADD, total, n, total, block);
    if (kind !== LOG_SOFTMAX) combineExactly(OR, target, n, block, block);
  }
  if (kind === LOG_SOFTMAX) combine(LOG, total, n, total, total);
  for (let j = 0; j < count; j++) {
    const target = y + row * j;
    combineExactly(kind === LOG_SOFTMAX ? SUB : DIV, target, n, target, total);
  }
}
