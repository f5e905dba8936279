/**
 * Kernels of operators that are seldom the bulk of a model's work: there is one implementation, in TypeScript, which
 * runs over the memory of every backend. Conventions as in kernels.ts.
 */
import type { Pointer } from './kernels.ts';

export interface RareKernels {
  /**
   * The `k` largest (`largest` 1) or smallest elements along the middle axis of x (outer, count, inner), in order, to `values`
   * and their indices to `indices` (outer, k, inner). Of equals the first comes first.
   */
  topK(
    integers: number,
    largest: number,
    k: number,
    x: Pointer,
    values: Pointer,
    indices: Pointer,
    outer: number,
    count: number,
    inner: number,
  ): void;

  /**
   * Instance normalisation with `scale` and `bias` (channels) of an expansion: from `matrix` (channels), as `Kernels.expandProject` has it, and
   * `statistics`, as `Kernels.covariance` makes them, to the matrices of all samples.
   */
  normalizeExpansion(
    matrix: Pointer,
    statistics: Pointer,
    scale: Pointer,
    bias: Pointer,
    y: Pointer,
    epsilon: number,
    batch: number,
    channels: number,
    rank: number,
  ): void;
}

/** Kernels of operators that are not in every build of the runtime. */
export interface FurtherKernels {
  /** Running sum along the middle axis of x (outer, count, inner); `exclusive` and `reverse` are 0 or 1, as ONNX's CumSum has them. */
  cumulativeSum(
    integers: number,
    x: Pointer,
    y: Pointer,
    outer: number,
    count: number,
    inner: number,
    exclusive: number,
    reverse: number,
  ): void;

  /**
   * Joins row i of `updates` (count, inner) to row `places[i]` of y (size, inner) by entry `reduction` of
   * `SCATTER_REDUCTIONS`, in the order of i. Places outside of y are passed over.
   */
  scatter(
    reduction: number,
    integers: number,
    places: Pointer,
    updates: Pointer,
    y: Pointer,
    count: number,
    inner: number,
    size: number,
  ): void;

  /**
   * The loop over time of RNN, GRU (2 more gates) and LSTM (3 more). `x` (directions, times and batches, gates · H) is the input times its weights;
   * `weights` (directions, gates · H, H), `bias` (directions, 2 · gates · H), `peepholes` (directions, 3 · H); `hidden` and `cell` are the states,
   * which are replaced; `lengths` (batch) of the sequences. The table: gates, H, times, batch, directions, 1 where the only direction is
   * backward, linear_before_reset, input_forget; strides of x in rows: time, batch; strides of y in elements: time, batch, direction; of the states:
   * batch, direction; the clip threshold as float32; then for each activation function of each direction its position in ACTIVATIONS,
   * alpha and beta as float32.
   */
  recurrent(
    table: Pointer,
    x: Pointer,
    weights: Pointer,
    bias: Pointer,
    peepholes: Pointer,
    hidden: Pointer,
    cell: Pointer,
    lengths: Pointer,
    y: Pointer,
  ): void;

  /**
   * y (batch, channels, places) from x (batch, channels, …) at the places of `grid` (batch, places, axes), the last axis first, −1 to 1 along each. The
   * table: its length, batch, channels, places, taps of an axis (1 nearest, 2 linear, 4 cubic), padding (0 zeros, 1 border,
   * 2 reflection), align_corners, then the sizes of the axes.
   */
  gridSample(table: Pointer, x: Pointer, grid: Pointer, y: Pointer): void;

  /**
   * y (regions, C, rows, columns) from x (N, C, H, W): bins of `regions` (regions, 4: x1, y1, x2, y2) of the images `images` (regions). The
   * table: C, H, W, regions, rows, columns, sampling_ratio, 1 for the largest instead of the mean, 1 for half_pixel, spatial_scale as float32.
   */
  roiAlign(table: Pointer, x: Pointer, regions: Pointer, images: Pointer, y: Pointer): void;
}

/** What `scatter` does with an element and its update, as ONNX names it. */
export const SCATTER_REDUCTIONS: readonly string[] = ['none', 'add', 'mul', 'max', 'min'];
