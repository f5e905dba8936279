/**
 * Where the elements of a weight go in the layout that a kernel wants: from the row-major order of ONNX to the panels of
 * a matrix product (see `Kernels.packRows` and `Kernels.packColumns`).
 */
import { TILE_COLUMNS, TILE_ROWS } from '../kernels/opcodes.ts';
import { type PackedLayout, type WeightLayout, wordsOfFloats } from './buffer.ts';

/** The panels of a packed matrix: `lanes` rows of the left factor, or columns of the right one, stand side by side in them. */
export interface Panels {
  /** Lanes of one panel. */
  readonly tile: number;
  readonly batches: number;
  readonly lanes: number;
  readonly depth: number;
  /** Where batches, lanes and steps of depth are in the row-major weight: distances in elements. */
  readonly batchStride: number;
  readonly laneStride: number;
  readonly depthStride: number;
  /** Words of one batch, the zeros behind its last lane included. */
  readonly batchWords: number;
}

/** The panels that a packed layout describes. */
export function panelsOf(layout: PackedLayout): Panels {
  const { side, batches, batchStride, rowStride, columnStride, rows, columns } = layout;
  const sides =
    side === 'rows'
      ? { tile: TILE_ROWS, lanes: rows, depth: columns, laneStride: rowStride, depthStride: columnStride }
      : { tile: TILE_COLUMNS, lanes: columns, depth: rows, laneStride: columnStride, depthStride: rowStride };
  const batchWords = Math.ceil(sides.lanes / sides.tile) * sides.tile * sides.depth;
  return { ...sides, batches, batchStride, batchWords };
}

/** Words that a weight of `elements` elements takes in this layout. */
export function layoutWords(layout: WeightLayout, elements: number): number {
  if (layout.side === 'plain') return elements;
  const { batches, batchWords } = panelsOf(layout);
  return batches * batchWords;
}

/** One level of nested loops over a weight in row-major order, and how far each of its places is from the first. */
export interface ScatterAxis {
  readonly count: number;
  readonly offsets: Int32Array;
}

/**
 * The axes of panels, the one with the smallest stride in the weight first, each with where its places are in the panels. Throws
 * `RangeError` where the layout's strides do not reach every one of the `elements` once.
 */
export function panelAxes(layout: PackedLayout, elements: number) {
  const { tile, batches, lanes, depth, batchStride, laneStride, depthStride, batchWords } = panelsOf(layout);
  const axes = [
    { count: batches, stride: batchStride, offset: (at: number) => at * batchWords },
    { count: lanes, stride: laneStride, offset: (at: number) => (at - (at % tile)) * depth + (at % tile) },
    { count: depth, stride: depthStride, offset: (at: number) => at * tile },
  ].filter(({ count }) => count > 1);
  axes.sort((a, b) => a.stride - b.stride);
  let reached = 1;
  for (const { count, stride } of axes) reached *= stride === reached ? count : Number.NaN;
  if (reached !== elements) throw new RangeError('the layout does not fit the weight');
  return axes;
}

/**
 * Nested loops, outermost first, that pass over all elements in row-major order; an element's place is the sum of the
 * offsets. Throws `RangeError` as `panelAxes` does.
 */
export function scatterAxes(layout: PackedLayout, elements: number): ScatterAxis[] {
  const axes = panelAxes(layout, elements).reverse();
  return axes.map(({ count, offset }) => {
    const offsets = new Int32Array(count);
    for (let at = 0; at < count; at++) offsets[at] = offset(at);
    return { count, offsets };
  });
}

/**
 * Writes a run of elements, the first of which is number `first` of the weight in row-major order, to where they belong
 * in `target`, a view of the place of the whole weight.
 */
export function scatter(run: Int32Array, first: number, axes: readonly ScatterAxis[], target: Int32Array): void {
  const last = axes.at(-1);
  if (!last) {
    target.set(run);
    return;
  }
  const { count, offsets } = last;
  for (let at = 0; at < run.length; ) {
    let row = Math.floor((first + at) / count);
    const column = first + at - row * count;
    let base = 0;
    for (let axis = axes.length - 2; axis >= 0; axis--) {
      const outer = axes[axis]!;
      base += outer.offsets[row % outer.count]!;
      row = Math.floor(row / outer.count);
    }
    const end = Math.min(run.length, at + count - column);
    for (let place = column; at < end; at++, place++) target[base + offsets[place]!] = run[at]!;
  }
}

/** Numbers that are known while planning, packed as float32 words. */
export function packNumbers(numbers: readonly number[], layout: PackedLayout): Int32Array {
  const packed = new Int32Array(layoutWords(layout, numbers.length));
  scatter(wordsOfFloats(numbers), 0, scatterAxes(layout, numbers.length), packed);
  return packed;
}
