/**
 * Which levels make the context of which (formats/fqz/SPEC.md, "Levels"), as the rows of a matrix see it: the neighbours
 * one and two places back along each axis of the tensor, some of them in the same row, others in rows before.
 */
import { stridesOf } from '../einsum.ts';

/** How the entries of a matrix lie in the tensor that the file codes: entry (r, c) is at `rows[r]` + `columns[c]`. */
export interface LevelPlaces {
  /** Shape of the tensor, whose elements are row-major. */
  readonly shape: readonly number[];
  readonly rows: Uint32Array;
  readonly columns: Uint32Array;
}

/** What is next to a row's entries. */
export interface LevelNeighbours {
  /** Starts with a row; `levels` are those of the whole tensor, 0 where not known. */
  beginRow(row: number, levels: Int32Array): void;
  /**
   * Sum of the magnitudes next to the entry at `column`, each times its weight.
   *
   * @param own levels of the row's earlier columns, from index `first` on
   */
  sumOf(column: number, own: Int32Array, first: number): number;
  /** Sum of these weights, for each column of the row; 0 where there are no neighbours. */
  readonly weights: Int32Array;
}

/** How much a neighbour one place back counts, and one that is two places back. */
const WEIGHTS = [2, 1];

/** The neighbours of a matrix's entries. Places in a row must not come before those that are behind them along an axis. */
export function levelNeighbours({ shape, rows, columns }: LevelPlaces): LevelNeighbours {
  const strides = stridesOf(shape);
  const axes = shape.flatMap((size, axis) => (size > 1 ? [{ size, stride: strides[axis]! }] : []));
  const columnAt = new Map(Array.from(columns, (offset, column) => [offset, column]));
  /** Of each column, pairs of an earlier column and its weight: from `starts[column]` on. */
  const inside: number[] = [];
  const starts = Uint32Array.from({ length: columns.length + 1 });
  /** Neighbours outside of the row: (column, distance in the tensor, how far back along its axis, axis, weight). */
  const outside: number[][] = [];
  columns.forEach((offset, column) => {
    for (const [axis, { size, stride }] of axes.entries()) {
      const index = Math.floor(offset / stride) % size;
      for (const [before, weight] of WEIGHTS.entries()) {
        const distance = (before + 1) * stride;
        const neighbour = index > before ? columnAt.get(offset - distance) : undefined;
        if (neighbour === undefined) outside.push([column, distance, before + 1 - index, axis, weight]);
        else inside.push(neighbour, weight);
      }
    }
    starts[column + 1] = inside.length;
  });
  const pairs = Int32Array.from(inside);
  const others = Int32Array.from(outside.flat());
  /** What the neighbours outside add to the sum, and all neighbours to the weight. */
  const sums = new Int32Array(columns.length);
  const weights = new Int32Array(columns.length);

  return {
    beginRow(row, levels) {
      sums.fill(0);
      for (let column = 0; column < columns.length; column++) {
        weights[column] = 0;
        for (let at = starts[column]!; at < starts[column + 1]!; at += 2) weights[column]! += pairs[at + 1]!;
      }
      const indices = axes.map(({ size, stride }) => Math.floor(rows[row]! / stride) % size);
      for (let at = 0; at < others.length; at += 5) {
        if (indices[others[at + 3]!]! < others[at + 2]!) continue;
        const column = others[at]!;
        const weight = others[at + 4]!;
        sums[column]! += weight * Math.abs(levels[rows[row]! + columns[column]! - others[at + 1]!]!);
        weights[column]! += weight;
      }
    },
    sumOf(column, own, first) {
      let sum = sums[column]!;
      for (let at = starts[column]!, end = starts[column + 1]!; at < end; at += 2) {
        sum += pairs[at + 1]! * Math.abs(own[first + pairs[at]!]!);
      }
      return sum;
    },
    weights,
  };
}
