/**
 * Orthonormal DCT-II matrices, and Kronecker products of them, as factors of matrix products.
 */
import { cosineMatrix } from '../src/codec/cosines.ts';
import type { Memory } from './js/memory.ts';
import type { Kernels, Pointer } from './kernels/kernels.ts';

/** The first `count` rows of the DCT-II matrix of size `size`. */
export interface Cosines {
  readonly count: number;
  readonly size: number;
}

/** Matrices of so many entries are remembered, so many of them at a time. */
const LARGEST_REMEMBERED = 1 << 14;
const MOST_REMEMBERED = 32;
const remembered = new Map<string, Float32Array>();

/**
 * Writes columns `from` to `to` of the Kronecker product of DCT-II matrices, which widens their axes together, to `pointer`:
 * (product of the counts, to − from).
 */
export function writeCosines(
  { memory, kernels }: { readonly memory: Memory; readonly kernels: Pick<Kernels, 'cosine'> },
  cosines: readonly Cosines[],
  from: number,
  to: number,
  pointer: Pointer,
): void {
  const key = `${cosines.map(({ count, size }) => [count, size])} ${from} ${to}`;
  const known = remembered.get(key);
  if (known) {
    memory.floats.set(known, pointer / 4);
    return;
  }
  const width = to - from;
  const rows = cosines.reduce((product, { count }) => product * count, 1);
  if (cosines.length > 1) memory.floats.set(jointColumns(cosines, from, to), pointer / 4);
  else {
    const { size } = cosines[0]!;
    for (let k = 0; k < rows; k++) {
      const [scale, phase, step] = [scaleOf(k, size), phaseOf(k, from, size), (Math.PI * k) / size];
      const y = pointer + 4 * k * width;
      kernels.cosine(y, width, scale * Math.cos(phase), scale * Math.sin(phase), Math.cos(step), Math.sin(step));
    }
  }
  if (rows * width > LARGEST_REMEMBERED) return;
  if (remembered.size === MOST_REMEMBERED) remembered.clear();
  remembered.set(key, memory.floats.slice(pointer / 4, pointer / 4 + rows * width));
}

function scaleOf(k: number, size: number): number {
  return Math.sqrt((k === 0 ? 1 : 2) / size);
}

function phaseOf(k: number, x: number, size: number): number {
  return (Math.PI * (((2 * x + 1) * k) % (4 * size))) / (2 * size);
}

function jointColumns(cosines: readonly Cosines[], from: number, to: number): Float32Array {
  let joint = { rows: 1, columns: 1, values: Float64Array.of(1) };
  for (const { count, size } of cosines) {
    const { rows, columns, values } = joint;
    const own = cosineMatrix(count, size);
    const product = new Float64Array(rows * count * columns * size);
    for (let row = 0, at = 0; row < rows * count; row++) {
      const [left, right] = [Math.floor(row / count) * columns, (row % count) * size];
      for (let column = 0; column < columns; column++) {
        for (let x = 0; x < size; x++) product[at++] = values[left + column]! * own[right + x]!;
      }
    }
    joint = { rows: rows * count, columns: columns * size, values: product };
  }
  const { rows, columns, values } = joint;
  const wanted = new Float32Array(rows * (to - from));
  for (let row = 0; row < rows; row++) {
    wanted.set(values.subarray(row * columns + from, row * columns + to), row * (to - from));
  }
  return wanted;
}
