/**
 * Rebuilds the dense elements of a core whose axes are widened by cosines: an inverse DCT as a chain of matrix products, the
 * first axis last, so that what is large is written once, straight to where it belongs. Everything on the way fits in a small
 * scratch; what does not is computed block by block.
 */
import type { CoreAxis } from './core-axes.ts';
import { writeCosines } from './cosine-factors.ts';
import { ROOM_WORDS, rowMajorSink, type Sink, type Workshop } from './sink.ts';

/** Numbers that are multiplied by `scale`. */
export interface Core {
  readonly values: Int32Array | Float32Array | Float64Array;
  readonly scale: number;
}

/** Slices of the core: `n` of them, `step` apart from `offset` on. */
interface Slices {
  readonly n: number;
  readonly offset: number;
  readonly step: number;
}

/**
 * Makes the part of the result that is behind slices of the core, and, along axis `d`, from one place to another. Slice i goes to number
 * `first` + i·`stride` of a sink.
 */
type Part = (
  slices: Slices,
  d: number,
  range: readonly [number, number],
  into: Sink,
  first: number,
  stride: number,
) => void;

/**
 * Rebuilds the result of `axes` (as `joinAxes` returns them) over `core` into `sink`. Returns `false`, with nothing
 * written, where the scratch is too small for it.
 */
export function rebuild(workshop: Workshop, core: Core, axes: readonly CoreAxis[], sink: Sink): boolean {
  const { memory, scratch } = workshop;
  const scratchSink = rowMajorSink(workshop, 0);
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

  /** Slices along an axis without cosines: each of the slices behind it. */
  const plain: Part = (slices, d, [from, to], into, first, stride) => {
    const { n, offset, step } = slices;
    const axis = axes[d]!;
    const next = axes[d + 1];
    const start = used;
    // As many slices at a time as can be.
    if (next && to - from < n) {
      for (let at = from; at < to; at++) {
        const behindIt = { n, offset: offset + at * axis.stride, step };
        dense(behindIt, d + 1, [0, next.size], into, first + (at - from) * behind[d]!, stride);
      }
      return;
    }
    for (let i = 0; i < n; i++) {
      const at = offset + i * step + from * axis.stride;
      if (next) {
        const behindIt = { n: to - from, offset: at, step: axis.stride };
        dense(behindIt, d + 1, [0, next.size], into, first + i * stride, behind[d]!);
        continue;
      }
      for (let done = 0, block: number; done < to - from; done += block) {
        block = Math.min(share() >> 2, to - from - done);
        const run = stage(at + done * axis.stride, 1, 0, block, axis.stride);
        into.run(memory.words.subarray(run, run + block), first + i * stride + done);
        used = start;
      }
    }
  };

  /** The last axis, with cosines: slices times cosines. */
  const last: Part = ({ n, offset, step }, d, [from, to], into, first, stride) => {
    const axis = axes[d]!;
    const depth = padded(axis.count);
    const most = Math.floor(share() / depth);
    const start = used;
    for (let column = from, columns: number; column < to; column += columns) {
      columns = Math.min(most, to - column);
      const right = { pointer: 4 * stageCosines(axis, column, column + columns), depth: columns };
      const before = used;
      for (let i = 0, rows: number; i < n; i += rows) {
        rows = Math.min(most, n - i);
        const left = { pointer: 4 * stage(offset + i * step, axis.count, axis.stride, rows, step), depth: rows };
        into.product(left, right, depth, rows, columns, first + i * stride + column - from, stride);
        used = before;
      }
      used = start;
    }
  };

  /** An axis with cosines before others: cosines times what is behind each frequency, as much of that at a time as fits. */
  const widened: Part = ({ n, offset, step }, d, [from, to], into, first, stride) => {
    const axis = axes[d]!;
    const { size } = axes[d + 1]!;
    const { count } = axis;
    const depth = padded(count);
    const each = behind[d + 1]!;
    const most = Math.floor((2 * share()) / (depth * each));
    const start = used;
    for (let i = 0; i < n; i++) {
      for (let column = 0, until: number; column < size; column = until) {
        until = Math.min(column + most, size);
        const columns = (until - column) * each;
        const middle = takeFactor(count, columns);
        const frequencies = { n: count, offset: offset + i * step, step: axis.stride };
        dense(frequencies, d + 1, [column, until], scratchSink, middle, columns);
        const right = { pointer: 4 * middle, depth: columns };
        const height = Math.floor(share() / depth);
        const before = used;
        for (let row = from, rows: number; row < to; row += rows) {
          rows = Math.min(height, to - row);
          const left = { pointer: 4 * stageCosines(axis, row, row + rows), depth: rows };
          const place = first + i * stride + (row - from) * behind[d]! + column * each;
          into.product(left, right, depth, rows, columns, place, behind[d]!);
          used = before;
        }
        used = start;
      }
    }
  };

  const dense: Part = (slices, d, ...rest) => {
    const part = axes[d]!.cosines.length === 0 ? plain : d === axes.length - 1 ? last : widened;
    part(slices, d, ...rest);
  };
  if (!fits(axes, behind)) return false;
  dense({ n: 1, offset: 0, step: 0 }, 0, [0, axes[0]!.size], sink, 0, 0);
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
