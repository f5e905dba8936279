/**
 * Deterministic noise as model inputs, the same on every machine for one seed.
 */
import { UnsupportedError } from '../errors.ts';
import { isFloat } from '../graph/numbers.ts';
import { elementCount, type Tensor } from '../graph/tensor.ts';
import type { TensorInfo } from '../onnxruntime.ts';
import { tensorFromNumbers } from './tensor-numbers.ts';

/** Uniform numbers in [0, 1): a 32-bit Weyl sequence through the finaliser of MurmurHash3 (A. Appleby). */
export function uniformNoise(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let hash = state ^ (state >>> 16);
    hash = Math.imul(hash, 0x85ebca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2ae35);
    hash ^= hash >>> 16;
    return (hash >>> 0) / 2 ** 32;
  };
}

/** More elements than any input of a model that runs on one machine. */
const MAX_ELEMENTS = 2 ** 28;

/**
 * A value for every input: N(0, 1) for float types, 0 to 255 for bytes, 0 or 1 for bool and the wider integers, which
 * often are indices. Unknown dimensions are 1 unless `shapes` gives the input's shape. Throws `RangeError` where that
 * contradicts the model or is unreasonably large, `TypeError` where it names no input, `UnsupportedError` for strings.
 */
export function noiseFeeds(
  inputs: readonly TensorInfo[],
  seed: number,
  shapes: ReadonlyMap<string, readonly number[]> = new Map(),
): Map<string, Tensor> {
  for (const name of shapes.keys()) {
    if (!inputs.some((input) => input.name === name)) throw new TypeError(`the model has no input ${name}`);
  }
  const uniform = uniformNoise(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const feeds = new Map<string, Tensor>();
  for (const { name, dtype, shape } of inputs) {
    if (dtype === 'string') throw new UnsupportedError(`input ${name} takes strings, noise has none`);
    const given = shapes.get(name);
    const fits =
      given?.length === shape.length && shape.every((dim, axis) => typeof dim !== 'number' || dim === given[axis]);
    if (given && shape.length > 0 && !fits) {
      throw new RangeError(`shape ${given.join('x')} given, input ${name} has [${shape.map((dim) => dim ?? '?')}]`);
    }
    const dims = given ?? shape.map((dim) => (typeof dim === 'number' ? dim : 1));
    const count = elementCount(dims);
    if (count > MAX_ELEMENTS) throw new RangeError(`input ${name} of shape [${dims}] is too large for noise`);
    const draw = isFloat(dtype)
      ? normal
      : dtype === 'uint8'
        ? () => Math.floor(256 * uniform())
        : () => Math.floor(2 * uniform());
    feeds.set(name, tensorFromNumbers(dtype, dims, Float32Array.from({ length: count }, draw)));
  }
  return feeds;
}
