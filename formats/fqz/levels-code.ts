/**
 * Quantised levels (SPEC.md, "Levels"): frequency by frequency in zigzag order, each magnitude in the context of its
 * already coded neighbours along every axis.
 */
import { stridesOf } from '../../src/codec/einsum.ts';
import { type BitCoder, startingAt } from './bit-coder.ts';
import { type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import { atMost } from './format.ts';
import { mantissa } from './symbols.ts';

/** Magnitudes of neighbours are averaged and put into this many classes: about two to the octave. */
const NEIGHBOURHOODS = 24;
/** Neighbourhood of an entry that has no coded neighbour. */
const ALONE = 0;
const LARGEST_CLASS = 24;
const MODELLED_BITS = 3;

/**
 * Probabilities of the classes to start from: magnitudes that fall off geometrically with the mean that the neighbourhood suggests,
 * in integers so that every machine computes the same.
 */
export function classPriors(): number[] {
  const priors: number[] = [];
  for (let neighbourhood = 0; neighbourhood < NEIGHBOURHOODS; neighbourhood++) {
    // The mean in 1/8: just above where the neighbourhood begins.
    const half = neighbourhood - 1;
    const mean = [64, 1][neighbourhood] ?? (((2 + (half & 1)) << (half >> 1)) >> 1) + 1;
    // P(m ≥ 1) = mean / (mean + 1); from there the tail beyond 2^k is a power of the same ratio.
    let tail = Math.floor((mean * 65536) / (mean + 8));
    for (let bits = 0; bits <= LARGEST_CLASS; bits++) {
      if (bits > 1) tail = Math.floor((tail * tail) / 65536);
      priors.push(tail);
    }
  }
  return priors;
}

/** Contexts of the classes of levels, and of the bits under the leading one. */
export const CLASS_CONTEXTS = NEIGHBOURHOODS * (LARGEST_CLASS + 1);
export const MANTISSA_CONTEXTS = (LARGEST_CLASS + 1) << MODELLED_BITS;

/** Makes the code of a file's levels, row-major over the layout's shape; the statistics are shared by all operands. */
export function levelsCode(coder: BitCoder): (layout: CoreLayout) => Int32Array {
  const contexts = new Int32Array(CLASS_CONTEXTS + MANTISSA_CONTEXTS);
  contexts.set(classPriors().map(startingAt));

  /** One level: its class (bit length) in unary, the bits under the leading one, the sign. */
  const level = (neighbourhood: number): number => {
    const value = coder.given();
    const magnitude = Math.abs(value);
    const target = 32 - Math.clz32(magnitude);
    const classes = neighbourhood * (LARGEST_CLASS + 1);
    let bits = 0;
    while (coder.bit(contexts, classes + bits, bits < target ? 1 : 0)) {
      atMost('a coefficient', ++bits, LARGEST_CLASS);
    }
    if (bits === 0) return 0;
    const mantissas = CLASS_CONTEXTS + (bits << MODELLED_BITS);
    const number = mantissa(coder, contexts, mantissas, MODELLED_BITS, bits - 1, magnitude);
    return coder.direct(1, value < 0 ? 1 : 0) ? -number : number;
  };

  return (layout) => {
    coder.expect(codedCount(layout));
    const levels = new Int32Array(layout.shape.reduce((product, size) => product * size, 1));
    const neighbourhood = neighbourhoodsOf(layout.shape, levels);
    forEachCoded(layout, (offset, index) => {
      levels[offset] = level(neighbourhood(offset, index));
    });
    return levels;
  };
}

/** The neighbourhood of an entry: the mean magnitude one (weight 2) and two (weight 1) entries back along each axis. */
function neighbourhoodsOf(shape: readonly number[], levels: Int32Array): (offset: number, index: Int32Array) => number {
  const axes = shape.map((_, axis) => axis).filter((axis) => shape[axis]! > 1);
  const strides = stridesOf(shape);
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
    if (weight === 0) return ALONE;
    const eighths = Math.floor((8 * sum) / weight);
    if (eighths < 2) return 1 + eighths;
    const octave = 31 - Math.clz32(eighths);
    return Math.min(2 * octave + 1 + ((eighths >> (octave - 1)) & 1), NEIGHBOURHOODS - 1);
  };
}
