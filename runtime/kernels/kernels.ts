/**
 * What a backend over linear memory can do: every kernel by name, with plain numbers as arguments.
 *
 * A pointer is a byte offset into the memory, a multiple of 16 unless said otherwise; 0 stands for nothing. In the memory
 * there are only 32-bit words: float32 for every float type, int32 for every integer type and for bool (0 or 1).
 * Strides, offsets and counts are in elements. Tensors are row-major. A table is a run of int32 words in memory.
 *
 * Where a kernel takes `low`, `high`, `program`, `c1`, `c2`, `c3`, these are its epilogue: each result is clamped to
 * `low`…`high` and then, unless `program` is 0, goes through that element-wise program as operand 0, with `c1`…`c3` as
 * operands 1 to 3. Such a program iterates over three axes, which the kernel names.
 */

/** A byte offset into the memory. */
export type Pointer = number;

export interface Kernels {
  /**
   * Runs an element-wise program: `y` (contiguous over the program's dims) from up to six operands.
   *
   * The program is a table: rank, operand count P, constant count K, instruction count; then `rank` dims; then for each operand
   * `rank` strides (0 repeats an element along that axis); then K constants (bits of float32 or int32); then
   * five words an instruction: opcode, destination register, sources a, b, c. Registers 0…P−1 are the operands,
   * P…P+K−1 the constants, further ones temporaries. The last instruction's destination is the result; a program
   * without instructions copies operand 0. `y` may be an operand that has the same elements in the same places.
   */
  elementwise(
    program: Pointer,
    y: Pointer,
    a: Pointer,
    b: Pointer,
    c: Pointer,
    d: Pointer,
    e: Pointer,
    f: Pointer,
  ): void;

  /** Packs an M×K matrix for the left side of a product: [⌈M/TILE_ROWS⌉][K][TILE_ROWS], zeros behind the last row. `batches` of them. */
  packRows(
    x: Pointer,
    batches: number,
    batchStride: number,
    rowStride: number,
    columnStride: number,
    rows: number,
    columns: number,
    y: Pointer,
  ): void;

  /** Packs a K×N matrix for the right side of a product: [⌈N/TILE_COLUMNS⌉][K][TILE_COLUMNS], zeros behind the last column. */
  packColumns(
    x: Pointer,
    batches: number,
    batchStride: number,
    rowStride: number,
    columnStride: number,
    rows: number,
    columns: number,
    y: Pointer,
  ): void;

  /**
   * Batched matrix product `y[batch] = a[batch] · b[batch] + bias`, y being contiguous (batches, M, N). `geometry` is a table of
   * the `MATMUL_…` words; `b` is packed by `packColumns` where it says so (per batch offsets then count packed elements). `bias` has its own two strides, none over
   * batches. Epilogue axes: (batches, M, N). `scratch` has `matmulScratch(…)` bytes.
   */
  matmul(
    geometry: Pointer,
    a: Pointer,
    b: Pointer,
    bias: Pointer,
    y: Pointer,
    low: number,
    high: number,
    program: Pointer,
    c1: Pointer,
    c2: Pointer,
    c3: Pointer,
    scratch: Pointer,
  ): void;

  /**
   * Convolution of x (N, groups·C, H, W) to y (N, groups·F, OH, OW). `geometry` is a table of the `CONV_…` words; channels and
   * filters there are per group. `w` is, for each group, the F × (C·KH·KW) matrix packed by `packRows`. `bias` (groups·F) or 0. Epilogue axes:
   * (N, groups·F, OH·OW). `scratch` has `convScratch(…)` bytes.
   */
  conv(
    geometry: Pointer,
    x: Pointer,
    w: Pointer,
    bias: Pointer,
    y: Pointer,
    low: number,
    high: number,
    program: Pointer,
    c1: Pointer,
    c2: Pointer,
    c3: Pointer,
    scratch: Pointer,
  ): void;

  /** As `conv`, where each group has one channel; `w` is (groups·F, KH, KW), not packed. `scratch` has `depthwiseScratch(…)` bytes. */
  depthwise(
    geometry: Pointer,
    x: Pointer,
    w: Pointer,
    bias: Pointer,
    y: Pointer,
    low: number,
    high: number,
    program: Pointer,
    c1: Pointer,
    c2: Pointer,
    c3: Pointer,
    scratch: Pointer,
  ): void;

  /**
   * Transposed convolution. The geometry's words mean the same sizes: H, W of x, OH, OW of y. `w` is, for each group, the
   * transposed weight (F·KH·KW) × C packed by `packRows`. `scratch` has `convTransposeScratch(…)` bytes.
   */
  convTranspose(
    geometry: Pointer,
    x: Pointer,
    w: Pointer,
    bias: Pointer,
    y: Pointer,
    low: number,
    high: number,
    program: Pointer,
    c1: Pointer,
    c2: Pointer,
    c3: Pointer,
    scratch: Pointer,
  ): void;

  /** Pooling over up to three axes: `geometry` is a table of the `POOL_…` words. `indices` (int32, flat within the whole tensor, as ONNX's MaxPool) or 0. */
  pool(geometry: Pointer, x: Pointer, y: Pointer, indices: Pointer): void;

  /** Reduces the middle axis of x (outer, count, inner) to y (outer, inner). `kind` is a `REDUCE_…`; `integers` is 1 for int32. */
  reduce(kind: number, integers: number, x: Pointer, y: Pointer, outer: number, count: number, inner: number): void;

  /** Index of the largest (REDUCE_MAX) or smallest (REDUCE_MIN) element along the middle axis; of equals the first, or the last where `last` is 1. */
  arg(
    kind: number,
    last: number,
    integers: number,
    x: Pointer,
    y: Pointer,
    outer: number,
    count: number,
    inner: number,
  ): void;

  /** Softmax or its logarithm over the middle axis of x (outer, count, inner), stable for large values. */
  softmax(kind: number, x: Pointer, y: Pointer, outer: number, count: number, inner: number): void;

  /**
   * Normalises each row of x (rows, length) to mean 0 and variance 1 (population variance plus `epsilon`), then multiplies by `scale` and adds `bias` (each may be 0)
   * at index `(row mod rowPeriod)·rowStep + ⌊column/run⌋`, then clamps. `geometry` is a table of the `NORMALIZE_…` words. `mean` and `inverse` (rows), or 0,
   * receive the mean and 1/√(variance + epsilon).
   */
  normalize(
    geometry: Pointer,
    x: Pointer,
    scale: Pointer,
    bias: Pointer,
    y: Pointer,
    epsilon: number,
    low: number,
    high: number,
    mean: Pointer,
    inverse: Pointer,
  ): void;

  /** Copies words between two strided arrays. The table: rank, source offset, target offset, `rank` dims, source strides, target strides. Strides may be negative or 0. */
  copy(table: Pointer, x: Pointer, y: Pointer): void;

  /** Writes the word `bits` `count` times. */
  fill(y: Pointer, count: number, bits: number): void;

  /** y (outer, count, inner) = x (outer, size, inner) at `indices` (count) along the middle axis; negative ones count from the end, others out of range are clamped. */
  gather(x: Pointer, indices: Pointer, y: Pointer, outer: number, size: number, inner: number, count: number): void;

  /**
   * Resamples the middle axis: y (outer, outSize, inner)[o, j, i] = Σₜ weights[j·taps + t] · x (outer, inSize, inner)[o, indices[j·taps + t], i].
   */
  interpolate(
    x: Pointer,
    y: Pointer,
    outer: number,
    inSize: number,
    outSize: number,
    inner: number,
    taps: number,
    indices: Pointer,
    weights: Pointer,
  ): void;

  /**
   * The fused layer of the frequency domain: expands `rank` maps to many channels, clamps, pools and projects onto few
   * outputs again, pixel by pixel, so that the channels are never in memory:
   * y[o] (+)= Σ_c projection[c, o] · pool(clamp(Σ_a matrix[c, a] · maps[a] + shift[c])).
   *
   * `geometry` is a table of the `EXPAND_…` words. `maps` is (batch, rank, height, width). `matrix` has for each channel its
   * factors, with zeros up to a multiple of EXPAND_LANES, and its shift in the first of EXPAND_LANES more words. `projection`
   * has for each channel its weight in each output, with zeros up to a multiple of EXPAND_LANES; where it is 0 the outputs are the
   * channels themselves.
   */
  expandProject(
    geometry: Pointer,
    maps: Pointer,
    matrix: Pointer,
    projection: Pointer,
    y: Pointer,
    low: number,
    high: number,
  ): void;

  /** Mean (rank) and covariance (rank, rank; population) of the rows of x (batch, rank, count), behind each other for each sample. */
  covariance(x: Pointer, y: Pointer, batch: number, rank: number, count: number): void;

  /**
   * A sampled cosine: y[x] = amplitude · cos(x·step + phase) for x < count, given the cosine and sine of `phase`, times the amplitude, and
   * those of `step`.
   */
  cosine(y: Pointer, count: number, cosine: number, sine: number, stepCosine: number, stepSine: number): void;

  /**
   * A matrix product of little depth, for dense weights from few frequencies: y[r, j] = Σₖ a[k·aDepth + r] · b[k·bDepth + j] for r <
   * rows, j < columns, k < depth (a multiple of 4, not 0). The columns are cut into tiles of `tile`, the last of which may be
   * narrower; y[r, j] is at r·yRow + ⌊j/tile⌋·yTile + j mod tile. Pointers are multiples of 4; y overlaps neither factor.
   */
  expand(
    a: Pointer,
    aDepth: number,
    b: Pointer,
    bDepth: number,
    depth: number,
    rows: number,
    columns: number,
    y: Pointer,
    yRow: number,
    tile: number,
    yTile: number,
  ): void;
}
