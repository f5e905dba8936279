/** Index of the extreme element along the middle axis, four columns at a time. */
import { REDUCE_MAX } from '../../kernels/opcodes';
import { storeSome } from './instructions';

/** See `Kernels.arg`. */
export function arg(kind: i32, last: i32, integers: i32, x: usize, y: usize, outer: i32, count: i32, inner: i32): void {
  const row = (<usize>inner) << 2;
  const largest = kind === REDUCE_MAX;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i += 4) {
      let at = x + ((<usize>i) << 2);
      let best = v128.load(at);
      let index = i32x4.splat(0);
      for (let j = 1; j < count; j++) {
        at += row;
        const value = v128.load(at);
        const left = largest ? value : best;
        const right = largest ? best : value;
        let better = integers ? i32x4.gt_s(left, right) : f32x4.gt(left, right);
        if (last) better = v128.or(better, integers ? i32x4.eq(left, right) : f32x4.eq(left, right));
        best = v128.bitselect(value, best, better);
        index = v128.bitselect(i32x4.splat(j), index, better);
      }
      if (inner - i >= 4) v128.store(y + ((<usize>i) << 2), index);
      else storeSome(y + ((<usize>i) << 2), index, inner - i);
    }
    x += row * count;
    y += row;
  }
}
