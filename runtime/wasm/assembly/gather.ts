/** Slices of the middle axis, picked by index. */
import { copyWords } from './copy';

/** See `Kernels.gather`. */
export function gather(x: usize, indices: usize, y: usize, outer: i32, size: i32, inner: i32, count: i32): void {
  const row = (<usize>inner) << 2;
  for (let o = 0; o < outer; o++) {
    for (let j: usize = 0; j < <usize>count; j++) {
      let index = load<i32>(indices + (j << 2));
      if (index < 0) index += size;
      index = max(min(index, size - 1), 0);
      const from = x + row * index;
      if (inner === 1) store<i32>(y, load<i32>(from));
      else copyWords(from, y, inner);
      y += row;
    }
    x += row * size;
  }
}
