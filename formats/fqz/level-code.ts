/**
 * One quantised level (SPEC.md, "Levels"): what uniform levels and chains have in common.
 */
import { stridesOf } from '../../src/codec/einsum.ts';
import { type BitCoder, startingAt } from './bit-coder.ts';
import { atMost } from './format.ts';
import { mantissa } from './symbols.ts';

const LARGEST_CLASS = 24;
const MODELLED_BITS = 3;

/** Contexts of a level's class in one situation, and of the bits under the leading one. */
export const CLASSES = LARGEST_CLASS + 1;
export const MANTISSA_CONTEXTS = CLASSES << MODELLED_BITS;

/**
 * Probabilities of the classes to start from in one situation, where magnitudes fall off geometrically from a mean; in
 * integers, so that every machine computes the same.
 *
 * @param mean in parts of `unit`
 */
export function geometricPriors(mean: number, unit: number): number[] {
  // P(m ≥ 1) = mean / (mean + 1); from there the tail beyond 2^k is a power of the same ratio.
  let tail = Math.floor((mean * 65536) / (mean + unit));
  return Array.from({ length: CLASSES }, (_, bits) => {
    if (bits > 1) tail = Math.floor((tail * tail) / 65536);
    return tail;
  });
}

/**
 * Makes the code of levels: the class (bit length) in unary, in the contexts of its situation, the bits under the leading one,
 * the sign. `priors` are those of all situations.
 */
export function levelCode(coder: BitCoder, priors: readonly number[]): (situation: number) => number {
  const contexts = new Int32Array(priors.length + MANTISSA_CONTEXTS);
  contexts.set(priors.map(startingAt));
  return (situation) => {
    const value = coder.given();
    const magnitude = Math.abs(value);
    const target = 32 - Math.clz32(magnitude);
    const classes = situation * CLASSES;
    let bits = 0;
    while (coder.bit(contexts, classes + bits, bits < target ? 1 : 0)) {
      atMost('a coefficient', ++bits, LARGEST_CLASS);
    }
    if (bits === 0) return 0;
    const mantissas = priors.length + (bits << MODELLED_BITS);
    const number = mantissa(coder, contexts, mantissas, MODELLED_BITS, bits - 1, magnitude);
    return coder.direct(1, value < 0 ? 1 : 0) ? -number : number;
  };
}

/** Magnitudes next to an entry along each axis: one back has weight 2, two back 1. The weight is 0 where there are none. */
export interface Neighbours {
  sum: number;
  weight: number;
}

/** Makes the function that looks at the neighbours of an entry; what it returns holds until the next call. */
export function neighboursOf(
  shape: readonly number[],
  levels: Int32Array,
): (offset: number, index: Int32Array) => Neighbours {
  const axes = shape.map((_, axis) => axis).filter((axis) => shape[axis]! > 1);
  const strides = stridesOf(shape);
  const neighbours = { sum: 0, weight: 0 };
  return (offset, index) => {
    let sum = 0;
    let weight = 0;
    for (const axis of axes) {
      const back = index[axis]!;
      if (back === 0) continue;
      const stride = strides[axis]!;
      sum += 2 * Math.abs(levels[offset - stride]!);
      weight += 2;
      if (back > 1) {
        sum += Math.abs(levels[offset - 2 * stride]!);
        weight += 1;
      }
    }
    neighbours.sum = sum;
    neighbours.weight = weight;
    return neighbours;
  };
}
