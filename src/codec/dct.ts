/**
 * The orthonormal DCT-II and its inverse over any axes of an N-D array, in O(n log n) per line for every n.
 *
 * Even lengths are halved by Lee's recursion (B. G. Lee, "A new algorithm to compute the discrete cosine transform",
 * IEEE ASSP 1984); what is odd at the end is multiplied out where it is short, and goes through a chirp-z convolution
 * (L. I. Bluestein, 1970) where it is long. Lines are taken `LANES` at a time, side by side, so that every step is one
 * tight loop whatever the stride of the axis.
 */

/** Lines that are transformed together. */
const LANES = 64;
/** Longest odd length that is multiplied out; above it the chirp-z convolution is faster. */
const LONGEST_DIRECT = 63;

/** Transforms `values`, row-major over `shape`, in place along `axes`: orthonormal DCT-II. */
export function dct(values: Float64Array, shape: readonly number[], axes: readonly number[]): void {
  for (const axis of axes) transformAxis(values, shape, axis, forwardLines);
}

/** Inverse of `dct` (orthonormal DCT-III), in place. */
export function idct(values: Float64Array, shape: readonly number[], axes: readonly number[]): void {
  for (const axis of axes) transformAxis(values, shape, axis, inverseLines);
}

/** The first `count` rows of the orthonormal DCT-II matrix of size `size`, row-major (count, size). */
export function cosineMatrix(count: number, size: number): Float64Array {
  const matrix = new Float64Array(count * size);
  for (let k = 0, at = 0; k < count; k++) {
    const scale = Math.sqrt((k === 0 ? 1 : 2) / size);
    for (let x = 0; x < size; x++) matrix[at++] = scale * Math.cos((Math.PI * (2 * x + 1) * k) / (2 * size));
  }
  return matrix;
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
    multiplyOut(lines, start, size, scratch, oddTables(size).analysis, chirpAnalysis);
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
    multiplyOut(lines, start, size, scratch, oddTables(size).synthesis, chirpSynthesis);
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

/** Square matrices of the unnormalised transforms for short odd sizes; empty for long ones. */
const oddTables = remember((size) => {
  if (size > LONGEST_DIRECT) return { analysis: undefined, synthesis: undefined };
  const analysis = new Float64Array(size * size);
  const synthesis = new Float64Array(size * size);
  for (let k = 0; k < size; k++) {
    for (let j = 0; j < size; j++) {
      analysis[k * size + j] = synthesis[j * size + k] = Math.cos((Math.PI * (2 * j + 1) * k) / (2 * size));
    }
  }
  return { analysis, synthesis };
});

type LongOddTransform = (real: Float64Array, imaginary: Float64Array, chirp: Chirp) => void;

/** Multiplies rows by `matrix`, or, where there is none, sends each line through the chirp-z convolution. */
function multiplyOut(
  lines: Float64Array,
  start: number,
  size: number,
  scratch: Float64Array,
  matrix: Float64Array | undefined,
  long: LongOddTransform,
): void {
  if (!matrix) {
    convolveLines(lines, start, size, long);
    return;
  }
  for (let row = 0; row < size; row++) {
    const to = (start + row) * LANES;
    scratch.fill(0, to, to + LANES);
    for (let column = 0; column < size; column++) {
      const weight = matrix[row * size + column]!;
      const from = (start + column) * LANES;
      for (let lane = 0; lane < LANES; lane++) scratch[to + lane]! += weight * lines[from + lane]!;
    }
  }
  lines.set(scratch.subarray(start * LANES, (start + size) * LANES), start * LANES);
}

interface Chirp {
  size: number;
  /** Power of two, at least 2n − 1. */
  length: number;
  /** exp(−iπ j² / 2n) for j below n. */
  cos: Float64Array;
  sin: Float64Array;
  /** exp(−iπ k / 2n) for k below n. */
  phaseCos: Float64Array;
  phaseSin: Float64Array;
  /** Fourier transform of the conjugate chirp, wrapped around `length`. */
  kernelReal: Float64Array;
  kernelImaginary: Float64Array;
}

const chirpFor = remember((size): Chirp => {
  let length = 1;
  while (length < 2 * size - 1) length *= 2;
  // j² is taken modulo 4n, where the chirp repeats, so that the angle stays exact for large j.
  const angle = (j: number) => (Math.PI * ((j * j) % (4 * size))) / (2 * size);
  const table = (f: (j: number) => number) => Float64Array.from({ length: size }, (_, j) => f(j));
  const cos = table((j) => Math.cos(angle(j)));
  const sin = table((j) => -Math.sin(angle(j)));
  const kernelReal = new Float64Array(length);
  const kernelImaginary = new Float64Array(length);
  for (let j = 0; j < size; j++) {
    kernelReal[j] = kernelReal[(length - j) % length] = cos[j]!;
    kernelImaginary[j] = kernelImaginary[(length - j) % length] = -sin[j]!;
  }
  fourier(kernelReal, kernelImaginary);
  const phaseCos = table((k) => Math.cos((Math.PI * k) / (2 * size)));
  const phaseSin = table((k) => -Math.sin((Math.PI * k) / (2 * size)));
  return { size, length, cos, sin, phaseCos, phaseSin, kernelReal, kernelImaginary };
});

function convolveLines(lines: Float64Array, start: number, size: number, transform: LongOddTransform): void {
  const chirp = chirpFor(size);
  const real = new Float64Array(chirp.length);
  const imaginary = new Float64Array(chirp.length);
  for (let lane = 0; lane < LANES; lane++) {
    real.fill(0);
    imaginary.fill(0);
    for (let j = 0; j < size; j++) real[j] = lines[(start + j) * LANES + lane]!;
    transform(real, imaginary, chirp);
    for (let j = 0; j < size; j++) lines[(start + j) * LANES + lane] = real[j]!;
  }
}

/** Real part of exp(−iπk/2n) Σ x[j] exp(−iπjk/n). */
function chirpAnalysis(real: Float64Array, imaginary: Float64Array, chirp: Chirp): void {
  chirpSum(real, imaginary, chirp);
  for (let k = 0; k < chirp.size; k++) {
    real[k] = real[k]! * chirp.phaseCos[k]! - imaginary[k]! * chirp.phaseSin[k]!;
  }
}

/** Real part of Σ (X[k] exp(−iπk/2n)) exp(−iπjk/n); cosine is even, so the sign of the exponents is free. */
function chirpSynthesis(real: Float64Array, imaginary: Float64Array, chirp: Chirp): void {
  for (let k = 0; k < chirp.size; k++) {
    imaginary[k] = real[k]! * chirp.phaseSin[k]!;
    real[k]! *= chirp.phaseCos[k]!;
  }
  chirpSum(real, imaginary, chirp);
}

/** In place: z[k] ← Σ z[j] exp(−iπjk/n), by jk = (j² + k² − (k − j)²) / 2 and one circular convolution. */
function chirpSum(real: Float64Array, imaginary: Float64Array, chirp: Chirp): void {
  const { size, length, cos, sin, kernelReal, kernelImaginary } = chirp;
  multiply(real, imaginary, cos, sin, size);
  fourier(real, imaginary);
  multiply(real, imaginary, kernelReal, kernelImaginary, length);
  // The inverse transform is the forward one with real and imaginary parts exchanged.
  fourier(imaginary, real);
  for (let k = 0; k < length; k++) {
    real[k]! /= length;
    imaginary[k]! /= length;
  }
  multiply(real, imaginary, cos, sin, size);
}

function multiply(re: Float64Array, im: Float64Array, byRe: Float64Array, byIm: Float64Array, count: number): void {
  for (let j = 0; j < count; j++) {
    const a = re[j]!;
    const b = im[j]!;
    re[j] = a * byRe[j]! - b * byIm[j]!;
    im[j] = a * byIm[j]! + b * byRe[j]!;
  }
}

/** In-place radix-2 Fourier transform; the length is a power of two. */
function fourier(real: Float64Array, imaginary: Float64Array): void {
  const length = real.length;
  for (let i = 1, j = 0; i < length; i++) {
    let bit = length >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j]!, real[i]!];
      [imaginary[i], imaginary[j]] = [imaginary[j]!, imaginary[i]!];
    }
  }
  const { cos, sin } = twiddles(length);
  for (let half = 1; half < length; half *= 2) {
    const stride = length / (2 * half);
    for (let block = 0; block < length; block += 2 * half) {
      for (let j = 0; j < half; j++) {
        const c = cos[j * stride]!;
        const s = sin[j * stride]!;
        const a = block + j;
        const b = a + half;
        const re = real[b]! * c - imaginary[b]! * s;
        const im = real[b]! * s + imaginary[b]! * c;
        real[b] = real[a]! - re;
        imaginary[b] = imaginary[a]! - im;
        real[a]! += re;
        imaginary[a]! += im;
      }
    }
  }
}

const twiddles = remember((length) => ({
  cos: Float64Array.from({ length: length / 2 }, (_, j) => Math.cos((2 * Math.PI * j) / length)),
  sin: Float64Array.from({ length: length / 2 }, (_, j) => -Math.sin((2 * Math.PI * j) / length)),
}));

/** `make`, computed once per size. */
function remember<T>(make: (size: number) => T): (size: number) => T {
  const made = new Map<number, T>();
  return (size) => {
    let value = made.get(size);
    if (value === undefined) {
      value = make(size);
      made.set(size, value);
    }
    return value;
  };
}
