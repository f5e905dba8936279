/**
 * The orthonormal DCT-II and its inverse over any axes of an N-D array, in O(n log n) per line for every n.
 *
 * Even lengths are halved by Lee's recursion (B. G. Lee, "A new algorithm to compute the discrete cosine transform",
 * IEEE ASSP 1984) until what is left is odd (odd-dct.ts). Lines are taken `LANES` at a time, side by side, so that every
 * step is one tight loop whatever the stride of the axis.
 */
import { analyseOdd, synthesiseOdd } from './odd-dct.ts';
import { remember } from './remember.ts';

/** Lines that are transformed together. */
const LANES = 64;

/** Transforms `values`, row-major over `shape`, in place along `axes`: orthonormal DCT-II. */
export function dct(values: Float64Array, shape: readonly number[], axes: readonly number[]): void {
  for (const axis of axes) transformAxis(values, shape, axis, forwardLines);
}

/** Inverse of `dct` (orthonormal DCT-III), in place. */
export function idct(values: Float64Array, shape: readonly number[], axes: readonly number[]): void {
  for (const axis of axes) transformAxis(values, shape, axis, inverseLines);
}

type LineTransform = (lines: Float64Array, size: number, scratch: Float64Array) => void;

function transformAxis(values: Float64Array, shape: readonly number[], axis: number, transform: LineTransform): void {
  const size = shape[axis] ?? 1;
  if (size <= 1) return;
  let inner = 1;
  for (let a = axis + 1; a < shape.length; a++) inner *= shape[a]!;
  const lineCount = values.length / size;
  const lines = new Float64Array(size * LANES);
  const scratch = new Float64Array(size * LANES);
  const starts = new Int32Array(LANES);
  for (let first = 0; first < lineCount; first += LANES) {
    const count = Math.min(LANES, lineCount - first);
    for (let lane = 0; lane < count; lane++) {
      const line = first + lane;
      starts[lane] = Math.floor(line / inner) * inner * size + (line % inner);
    }
    for (let x = 0; x < size; x++) {
      for (let lane = 0, at = x * LANES; lane < count; lane++) lines[at + lane] = values[starts[lane]! + x * inner]!;
    }
    transform(lines, size, scratch);
    for (let x = 0; x < size; x++) {
      for (let lane = 0, at = x * LANES; lane < count; lane++) values[starts[lane]! + x * inner] = lines[at + lane]!;
    }
  }
}

/** Orthonormal DCT-II of `LANES` lines: the unnormalised transform, scaled. */
function forwardLines(lines: Float64Array, size: number, scratch: Float64Array): void {
  analyse(lines, 0, size, scratch);
  scaleRows(lines, size, Math.sqrt(1 / size), Math.sqrt(2 / size));
}

function inverseLines(lines: Float64Array, size: number, scratch: Float64Array): void {
  scaleRows(lines, size, Math.sqrt(1 / size), Math.sqrt(2 / size));
  synthesise(lines, 0, size, scratch);
}

function scaleRows(lines: Float64Array, size: number, first: number, others: number): void {
  for (let at = 0; at < LANES; at++) lines[at]! *= first;
  for (let at = LANES; at < size * LANES; at++) lines[at]! *= others;
}

/** X[k] = Σ x[j] cos(π(2j+1)k / 2n), in place on rows `start … start + size`. */
function analyse(lines: Float64Array, start: number, size: number, scratch: Float64Array): void {
  if (size === 1) return;
  if (size % 2 === 1) {
    analyseOdd(lines, start * LANES, size, LANES, scratch);
    return;
  }
  const half = size / 2;
  const weights = halvingWeights(size);
  for (let j = 0; j < half; j++) {
    const weight = weights[j]!;
    let low = (start + j) * LANES;
    let high = (start + size - 1 - j) * LANES;
    let sum = (start + j) * LANES;
    let difference = (start + half + j) * LANES;
    for (let lane = 0; lane < LANES; lane++) {
      const a = lines[low++]!;
      const b = lines[high++]!;
      scratch[sum++] = a + b;
      scratch[difference++] = (a - b) * weight;
    }
  }
  analyse(scratch, start, half, lines);
  analyse(scratch, start + half, half, lines);
  for (let k = 0; k < half; k++) {
    let even = (start + k) * LANES;
    let odd = (start + half + k) * LANES;
    let to = (start + 2 * k) * LANES;
    const next = k + 1 < half;
    for (let lane = 0; lane < LANES; lane++, even++, odd++, to++) {
      lines[to] = scratch[even]!;
      lines[to + LANES] = next ? scratch[odd]! + scratch[odd + LANES]! : scratch[odd]!;
    }
  }
}

/** x[j] = Σ X[k] cos(π(2j+1)k / 2n): the transpose of `analyse`, step by step backwards. */
function synthesise(lines: Float64Array, start: number, size: number, scratch: Float64Array): void {
  if (size === 1) return;
  if (size % 2 === 1) {
    synthesiseOdd(lines, start * LANES, size, LANES, scratch);
    return;
  }
  const half = size / 2;
  for (let k = 0; k < half; k++) {
    let from = (start + 2 * k) * LANES;
    let even = (start + k) * LANES;
    let odd = (start + half + k) * LANES;
    const first = k === 0;
    for (let lane = 0; lane < LANES; lane++, from++, even++, odd++) {
      scratch[even] = lines[from]!;
      scratch[odd] = first ? lines[from + LANES]! : lines[from + LANES]! + lines[from - LANES]!;
    }
  }
  synthesise(scratch, start, half, lines);
  synthesise(scratch, start + half, half, lines);
  const weights = halvingWeights(size);
  for (let j = 0; j < half; j++) {
    const weight = weights[j]!;
    let low = (start + j) * LANES;
    let high = (start + size - 1 - j) * LANES;
    let sum = (start + j) * LANES;
    let difference = (start + half + j) * LANES;
    for (let lane = 0; lane < LANES; lane++) {
      const a = scratch[sum++]!;
      const b = scratch[difference++]! * weight;
      lines[low++] = a + b;
      lines[high++] = a - b;
    }
  }
}

/** 1 / (2 cos(π(2j+1) / 2n)) for j below n/2: Lee's weights of one halving. */
const halvingWeights = remember((size) =>
  Float64Array.from({ length: size / 2 }, (_, j) => 0.5 / Math.cos((Math.PI * (2 * j + 1)) / (2 * size))),
);
