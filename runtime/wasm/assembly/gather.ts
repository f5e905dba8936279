/** Slices of the middle axis, picked by index. */
import { copyWords } from './copy';

/** See `Kernels.gather`. */
export function gather(x: usize, indices: usize, y: usize, outer: i32, size: i32, inner: i32, count: i32): void {
  const row = (<usize>inner) << 2;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < count; j++) {
      let index = load<i32>(indices + ((<usize>j) << 2));
      if (index < 0) index += size;
      index = max(min(index, size - 1), 0);
      if (inner === 1) store<i32>(y, load<i32>(x + ((<usize>index) << 2)));
      else copyWords(x + row * index, y, inner);
      y += row;
    }
    x += row * size;
  }
}
