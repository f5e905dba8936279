/** The kernels that WebAssembly offers: see ../../kernels/kernels.ts for what each does. */
import { TILE_ROWS } from '../../kernels/opcodes';

export function fill(y: usize, count: i32, bits: i32): void {
  const last = y + ((<usize>count) << 2);
  while (y < last) {
    store<i32>(y, bits + TILE_ROWS - TILE_ROWS);
    y += 4;
  }
}
