/**
 * Rebuilds the dense elements of a core whose axes are widened by cosines: an inverse DCT as a chain of matrix products, the
 * first axis last, so that what is large is written once, straight to where it belongs. Everything on the way fits in a small
 * scratch; what does not is computed block by block.
 */
import { type Cosines, writeCosines } from './cosine-factors.ts';
import type { Memory } from './js/memory.ts';
import type { Kernels, Pointer } from './kernels/kernels.ts';

/** Words that rebuilding may use for what is on the way. */
const ROOM_WORDS = 1 << 18;
/** Words behind them for results that a sink has to rearrange. */
export const SLAB_WORDS = 1 << 14;
/** Bytes of scratch memory that placing a weight needs. */
export const SCRATCH_BYTES = 4 * (ROOM_WORDS + SLAB_WORDS);

/** One axis of the result, and the axis of the core that it comes from. */
export interface CoreAxis {
  /** Entries of the core along it: frequencies, or elements where there are no cosines. */
  readonly count: number;
  /** Length in the result. */
  readonly size: number;
  /** Distance of its entries in the core. */
  readonly stride: number;
  /** Cosines that widen it; several where neighbouring axes have been joined. */
  readonly cosines: readonly Cosines[];
}

/** Numbers that are multiplied by `scale`. */
export interface Core {
  readonly values: Int32Array | Float32Array | Float64Array;
  readonly scale: number;
}

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
  readonly kernels: Pick<Kernels, 'expand' | 'cosine'>;
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

/** Joined axes are multiplied out as one; up to so many entries of their joint cosine matrix that costs least. */
const LARGEST_JOINT = 4096;

/**
 * The same axes, joined where that makes the products fewer: neighbours without cosines, unless just `boundary` elements are
 * behind them, and small last ones with cosines.
 */
export function joinAxes(axes: readonly CoreAxis[], boundary: number | undefined): CoreAxis[] {
  const joined: CoreAxis[] = [];
  let elements = 1;
  for (const axis of [...axes].reverse()) {
    if (axis.size === 1) continue;
    const next = joined[0];
    const both = axis.cosines.length > 0;
    const entries = next ? axis.count * next.count * axis.size * next.size : 0;
    const fits =
      next &&
      axis.stride === next.stride * next.count &&
      both === next.cosines.length > 0 &&
      (both ? joined.length === 1 && entries <= LARGEST_JOINT : elements !== boundary);
    elements *= axis.size;
    if (fits) {
      joined[0] = {
        count: axis.count * next.count,
        size: axis.size * next.size,
        stride: next.stride,
        cosines: [...axis.cosines, ...next.cosines],
      };
    } else joined.unshift(axis);
  }
  return joined.length > 0 ? joined : [{ count: 1, size: 1, stride: 1, cosines: [] }];
}

/**
 * Rebuilds the result of `axes` (as `joinAxes` returns them) over `core` into `sink`. Returns `false`, with nothing
 * written, where the scratch is too small for it.
 */
export function rebuild(workshop: Workshop, core: Core, axes: readonly CoreAxis[], sink: Sink): boolean {
  const { memory, scratch } = workshop;
  const inner = rowMajorSink(workshop, 0);
  const { values, scale } = core;
  let used = 0;
  /** A quarter of what is left of the scratch. */
  const share = () => Math.floor((ROOM_WORDS - used) / 4);
  /** The index in memory of `words` words of scratch. */
  const take = (words: number) => {
    used += words;
    return scratch / 4 + used - words;
  };
  /** Elements of the result behind one step along axis `d`. */
  const behind = axes.map((_, d) => axes.slice(d + 1).reduce((product, { size }) => product * size, 1));

  /** Room for a factor of so many depths and neighbours, zeros behind the last depth. */
  const takeFactor = (count: number, neighbours: number): number => {
    const start = take(padded(count) * neighbours);
    memory.words.fill(0, start + count * neighbours, start + padded(count) * neighbours);
    return start;
  };

  /** The core's entries [count][n] with these strides, scaled. */
  const stage = (offset: number, count: number, stride: number, n: number, step: number): number => {
    const start = takeFactor(count, n);
    const { floats } = memory;
    for (let k = 0, at = start; k < count; k++) {
      for (let i = 0, from = offset + k * stride; i < n; i++, from += step) floats[at++] = values[from]! * scale;
    }
    return start;
  };

  /** Columns `from` to `to` of the cosines of an axis: [count][to − from]. */
  const stageCosines = ({ cosines, count }: CoreAxis, from: number, to: number): number => {
    const start = takeFactor(count, to - from);
    writeCosines(workshop, cosines, from, to, 4 * start);
    return start;
  };

  /**
   * The part of the result behind `n` slices of the core, `step` apart from `offset` on, and along axis `d` from `from` to
   * `to`. Slice i goes to number `first` + i·`stride`.
   */
  const dense = (
    n: number,
    step: number,
    offset: number,
    d: number,
    [from, to]: readonly [number, number],
    into: Sink,
    first: number,
    stride: number,
  ): void => {
    const axis = axes[d]!;
    const { count } = axis;
    const depth = padded(count);
    const start = used;
    if (axis.cosines.length === 0) {
      const next = axes[d + 1];
      // Many slices at a time, however they lie.
      if (next && to - from < n) {
        for (let i = from; i < to; i++) {
          const place = first + (i - from) * behind[d]!;
          dense(n, step, offset + i * axis.stride, d + 1, [0, next.size], into, place, stride);
        }
        return;
      }
      for (let i = 0; i < n; i++) {
        const at = offset + i * step + from * axis.stride;
        if (next) {
          dense(to - from, axis.stride, at, d + 1, [0, next.size], into, first + i * stride, behind[d]!);
          continue;
        }
        for (let done = 0, block: number; done < to - from; done += block) {
          block = Math.min(share() >> 2, to - from - done);
          const run = stage(at + done * axis.stride, 1, 0, block, axis.stride);
          into.run(memory.words.subarray(run, run + block), first + i * stride + done);
          used = start;
        }
      }
    } else if (d === axes.length - 1) {
      const width = Math.min(to - from, Math.floor(share() / depth));
      const height = Math.min(n, Math.floor(share() / depth));
      for (let column = from; column < to; column += width) {
        const columns = Math.min(width, to - column);
        const right = { pointer: 4 * stageCosines(axis, column, column + columns), depth: columns };
        for (let i = 0; i < n; i += height) {
          const rows = Math.min(height, n - i);
          const before = used;
          const left = { pointer: 4 * stage(offset + i * step, count, axis.stride, rows, step), depth: rows };
          into.product(left, right, depth, rows, columns, first + i * stride + column - from, stride);
          used = before;
        }
        used = start;
      }
    } else {
      const next = axes[d + 1]!;
      const width = Math.min(next.size, Math.floor((2 * share()) / (depth * behind[d + 1]!)));
      for (let i = 0; i < n; i++) {
        for (let column = 0; column < next.size; column += width) {
          const until = Math.min(column + width, next.size);
          const columns = (until - column) * behind[d + 1]!;
          const middle = takeFactor(count, columns);
          dense(count, axis.stride, offset + i * step, d + 1, [column, until], inner, middle, columns);
          const right = { pointer: 4 * middle, depth: columns };
          const height = Math.min(to - from, Math.floor(share() / depth));
          for (let row = from; row < to; row += height) {
            const before = used;
            const rows = Math.min(height, to - row);
            const left = { pointer: 4 * stageCosines(axis, row, row + rows), depth: rows };
            const place = first + i * stride + (row - from) * behind[d]! + column * behind[d + 1]!;
            into.product(left, right, depth, rows, columns, place, behind[d]!);
            used = before;
          }
          used = start;
        }
      }
    }
  };
  if (!fits(axes, behind)) return false;
  dense(1, 0, 0, 0, [0, axes[0]!.size], sink, 0, 0);
  return true;
}

/** Depths are taken by fours. */
function padded(depth: number): number {
  return (depth + 3) & -4;
}

/** Whether one step along every axis fits in what the axes before it leave of the scratch. */
function fits(axes: readonly CoreAxis[], behind: readonly number[]): boolean {
  let words = ROOM_WORDS;
  return axes.every(({ cosines, count }, d) => {
    if (cosines.length === 0) return true;
    if (d < axes.length - 1) {
      words /= 2;
      if (padded(count) * behind[d + 1]! > words) return false;
    }
    return 4 * padded(count) <= words;
  });
}
