/**
 * A sink that lays a weight down in the panels of a matrix product. Products whose rows or columns are lanes of the panels
 * are computed right there; others go through a slab of scratch.
 */
import type { Pointer } from './kernels/kernels.ts';
import type { PackedLayout } from './plan/buffer.ts';
import { panelsOf, scatter, scatterAxes } from './plan/weight-layout.ts';
import { type Factor, type Sink, SLAB_WORDS, slabOf, type Workshop } from './sink.ts';

/** Makes the sink of a weight of `elements` elements at `pointer`. Throws `RangeError` where the layout does not fit it. */
export function panelSink(workshop: Workshop, pointer: Pointer, layout: PackedLayout, elements: number): Sink {
  const { memory, kernels } = workshop;
  const axes = scatterAxes(layout, elements);
  const { batches, batchWords, lanes, depth, tile, batchStride, laneStride, depthStride } = panelsOf(layout);
  const target = memory.words.subarray(pointer / 4, pointer / 4 + batches * batchWords);
  if (lanes % tile > 0) target.fill(0);
  const isOuterBatch = batches === 1 || batchStride === lanes * depth;
  const lanesOutside = isOuterBatch && depthStride === 1 && laneStride === depth;
  const lanesInside = isOuterBatch && laneStride === 1 && depthStride === lanes;
  const slab = slabOf(workshop);

  /** Rows are steps of depth from `start` on, columns are lanes from `lane` on. */
  const intoPanels = (
    left: Factor,
    right: Factor,
    terms: number,
    steps: number,
    count: number,
    [batch, start, lane]: readonly [number, number, number],
  ): void => {
    for (let at = 0, columns: number; at < count; at += columns) {
      // Whole panels, or the rest of one.
      const inPanel = (lane + at) % tile;
      columns = inPanel === 0 ? count - at : Math.min(tile - inPanel, count - at);
      const y = pointer + 4 * (batch * batchWords + (lane + at - inPanel) * depth + start * tile + inPanel);
      const from = right.pointer + 4 * at;
      kernels.expand(left.pointer, left.depth, from, right.depth, terms, steps, columns, y, tile, tile, tile * depth);
    }
  };

  /** Splits `rows`, numbered from `first` on, where a batch of `size` ends. */
  const byBatch = (
    first: number,
    rows: number,
    size: number,
    visit: (batch: number, within: number, row: number, count: number) => void,
  ): void => {
    for (let row = 0, count: number; row < rows; row += count) {
      const within = (first + row) % size;
      count = Math.min(rows - row, size - within);
      visit((first + row - within) / size, within, row, count);
    }
  };

  return {
    boundary: lanesOutside ? depth : lanesInside ? lanes : undefined,
    run: (words, first) => scatter(words, first, axes, target),
    product(left, right, terms, rows, columns, first, stride) {
      const column = first % stride;
      if (lanesOutside && stride === depth) {
        byBatch((first - column) / stride, rows, lanes, (batch, lane, row, count) => {
          const part = { ...left, pointer: left.pointer + 4 * row };
          intoPanels(right, part, terms, columns, count, [batch, column, lane]);
        });
        return;
      }
      if (lanesInside && stride === lanes) {
        byBatch((first - column) / stride, rows, depth, (batch, start, row, count) => {
          const part = { ...left, pointer: left.pointer + 4 * row };
          intoPanels(part, right, terms, count, columns, [batch, start, column]);
        });
        return;
      }
      const width = Math.min(columns, SLAB_WORDS);
      const height = Math.floor(SLAB_WORDS / width);
      for (let row = 0; row < rows; row += height) {
        const count = Math.min(height, rows - row);
        for (let at = 0; at < columns; at += width) {
          const wide = Math.min(width, columns - at);
          const [a, b] = [left.pointer + 4 * row, right.pointer + 4 * at];
          kernels.expand(a, left.depth, b, right.depth, terms, count, wide, slab, wide, wide, 0);
          for (let i = 0; i < count; i++) {
            const words = memory.words.subarray(slab / 4 + i * wide, slab / 4 + (i + 1) * wide);
            scatter(words, first + (row + i) * stride + at, axes, target);
          }
        }
      }
    },
  };
}
