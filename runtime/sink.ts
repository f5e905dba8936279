/**
 * What dense weights are rebuilt with, and where their elements go: to a matrix in linear memory, here row by row.
 */
import type { Memory } from './js/memory.ts';
import type { Kernels, Pointer } from './kernels/kernels.ts';

/** Words that rebuilding may use for what is on the way. */
export const ROOM_WORDS = 1 << 17;
/** Words behind them for results that have to be rearranged: a part of a large weight, or all of a small one. */
export const SLAB_WORDS = 1 << 14;
/** Bytes of scratch memory that placing a weight needs. */
export const SCRATCH_BYTES = 4 * (ROOM_WORDS + SLAB_WORDS);

/** A factor of a matrix product in memory: neighbours of its rows (left) or columns (right) stand side by side, depths `depth` elements apart. */
export interface Factor {
  readonly pointer: Pointer;
  readonly depth: number;
}

/** Takes the elements of the result, which are numbered in row-major order. */
export interface Sink {
  /** Elements of the rows that it takes best as the rows of a product. */
  readonly boundary?: number | undefined;
  /** Rows of `columns` elements from number `first` on, `stride` apart: left · right. */
  product(
    left: Factor,
    right: Factor,
    depth: number,
    rows: number,
    columns: number,
    first: number,
    stride: number,
  ): void;
  /** A run of elements from number `first` on. */
  run(words: Int32Array, first: number): void;
}

/** What rebuilding works with. `scratch` has `SCRATCH_BYTES`. */
export interface Workshop {
  readonly memory: Memory;
  readonly kernels: Pick<Kernels, 'expand' | 'cosine' | 'packRows' | 'packColumns'>;
  readonly scratch: Pointer;
}

/** The slab of a workshop's scratch. */
export function slabOf({ scratch }: Pick<Workshop, 'scratch'>): Pointer {
  return scratch + 4 * ROOM_WORDS;
}

/** A sink that lays the elements down in row-major order from `pointer` on. */
export function rowMajorSink({ memory, kernels }: Omit<Workshop, 'scratch'>, pointer: Pointer): Sink {
  return {
    product(left, right, depth, rows, columns, first, stride) {
      const y = pointer + 4 * first;
      kernels.expand(left.pointer, left.depth, right.pointer, right.depth, depth, rows, columns, y, stride, columns, 0);
    },
    run(words, first) {
      memory.words.set(words, pointer / 4 + first);
    },
  };
}
