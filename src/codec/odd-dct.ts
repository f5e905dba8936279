/**
 * The unnormalised DCT-II and its transpose for odd lengths: multiplied out where they are short, by a chirp-z
 * convolution (L. I. Bluestein, "A linear filtering approach to the computation of discrete Fourier transform", IEEE
 * AU 1970) where they are long.
 */
import { remember } from './remember.ts';

/** Longest odd length that is multiplied out; above it the chirp-z convolution is faster. */
const LONGEST_DIRECT = 63;

/**
 * X[k] = Σ x[j] cos(π(2j+1)k / 2n), in place on `lanes` interleaved lines from offset `start`. The same part of `scratch`
 * is overwritten.
 */
export function analyseOdd(
  lines: Float64Array,
  start: number,
  size: number,
  lanes: number,
  scratch: Float64Array,
): void {
  transformOdd(lines, start, size, lanes, scratch, oddTables(size).analysis, chirpAnalysis);
}

/** x[j] = Σ X[k] cos(π(2j+1)k / 2n), as `analyseOdd`. */
export function synthesiseOdd(
  lines: Float64Array,
  start: number,
  size: number,
  lanes: number,
  scratch: Float64Array,
): void {
  transformOdd(lines, start, size, lanes, scratch, oddTables(size).synthesis, chirpSynthesis);
}

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

type LongTransform = (real: Float64Array, imaginary: Float64Array, chirp: Chirp) => void;

/** Multiplies rows by `matrix`, or, where there is none, sends each line through the chirp-z convolution. */
function transformOdd(
  lines: Float64Array,
  start: number,
  size: number,
  lanes: number,
  scratch: Float64Array,
  matrix: Float64Array | undefined,
  long: LongTransform,
): void {
  if (!matrix) {
    convolveLines(lines, start, size, lanes, long);
    return;
  }
  for (let row = 0; row < size; row++) {
    const to = start + row * lanes;
    scratch.fill(0, to, to + lanes);
    for (let column = 0; column < size; column++) {
      const weight = matrix[row * size + column]!;
      const from = start + column * lanes;
      for (let lane = 0; lane < lanes; lane++) scratch[to + lane]! += weight * lines[from + lane]!;
    }
  }
  lines.set(scratch.subarray(start, start + size * lanes), start);
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

function convolveLines(
  lines: Float64Array,
  start: number,
  size: number,
  lanes: number,
  transform: LongTransform,
): void {
  const chirp = chirpFor(size);
  const real = new Float64Array(chirp.length);
  const imaginary = new Float64Array(chirp.length);
  for (let lane = 0; lane < lanes; lane++) {
    real.fill(0);
    imaginary.fill(0);
    for (let j = 0; j < size; j++) real[j] = lines[start + j * lanes + lane]!;
    transform(real, imaginary, chirp);
    for (let j = 0; j < size; j++) lines[start + j * lanes + lane] = real[j]!;
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
