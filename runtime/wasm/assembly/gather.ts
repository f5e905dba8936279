/** Slices of the middle axis, picked by index; single words four at a time. */
import { copyWords } from './copy';
import { storeSome } from './instructions';

/** See `Kernels.gather`. */
export function gather(x: usize, indices: usize, y: usize, outer: i32, size: i32, inner: i32, count: i32): void {
  const row = (<usize>inner) << 2;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < count; j += 4) {
      let index = v128.load(indices + ((<usize>j) << 2));
      index = i32x4.add(index, v128.and(i32x4.shr_s(index, 31), i32x4.splat(size)));
      index = i32x4.max_s(i32x4.min_s(index, i32x4.splat(size - 1)), i32x4.splat(0));
      const n = min(count - j, 4);
      if (inner === 1) {
        const picked = pick(x, index);
        if (n === 4) v128.store(y, picked);
        else storeSome(y, picked, n);
        y += (<usize>n) << 2;
      } else {
        for (let k = 0; k < n; k++) {
          copyWords(x + row * i32x4.extract_lane(index, 0), y, inner);
          index = v128.shuffle<i32>(index, index, 1, 2, 3, 0);
          y += row;
        }
      }
    }
    x += row * size;
  }
}

/** The words at four indices. */
export function pick(x: usize, index: v128): v128 {
  let picked = v128.load32_zero(x + ((<usize>i32x4.extract_lane(index, 0)) << 2));
  picked = v128.load32_lane(x + ((<usize>i32x4.extract_lane(index, 1)) << 2), picked, 1);
  picked = v128.load32_lane(x + ((<usize>i32x4.extract_lane(index, 2)) << 2), picked, 2);
  return v128.load32_lane(x + ((<usize>i32x4.extract_lane(index, 3)) << 2), picked, 3);
}
