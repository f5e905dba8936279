/**
 * Uniformly quantised levels (SPEC.md, "Levels"): frequency by frequency in zigzag order, each magnitude in the context of its
 * already coded neighbours along every axis.
 */
import { elementCount } from '../../src/graph/tensor.ts';
import type { BitCoder } from './bit-coder.ts';
import { type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import { CLASSES, geometricPriors, levelCode, MANTISSA_CONTEXTS, type Neighbours, neighboursOf } from './level-code.ts';

/** Magnitudes of neighbours are averaged and put into this many classes: about two to the octave. */
const NEIGHBOURHOODS = 24;
/** Neighbourhood of an entry that has no coded neighbour. */
const ALONE = 0;

/** Probabilities of the classes to start from, by the mean that the neighbourhood suggests. */
export function classPriors(): number[] {
  const priors: number[] = [];
  for (let neighbourhood = 0; neighbourhood < NEIGHBOURHOODS; neighbourhood++) {
    // The mean in 1/8: just above where the neighbourhood begins.
    const half = neighbourhood - 1;
    const mean = [64, 1][neighbourhood] ?? (((2 + (half & 1)) << (half >> 1)) >> 1) + 1;
    priors.push(...geometricPriors(mean, 8));
  }
  return priors;
}

/** Contexts of the classes of levels, and of the bits under the leading one. */
export const LEVEL_CONTEXTS = NEIGHBOURHOODS * CLASSES + MANTISSA_CONTEXTS;

/** Makes the code of a file's levels, row-major over the layout's shape; the statistics are shared by all operands. */
export function levelsCode(coder: BitCoder): (layout: CoreLayout) => Int32Array {
  const level = levelCode(coder, classPriors());
  return (layout) => {
    coder.expect(codedCount(layout));
    const levels = new Int32Array(elementCount(layout.shape));
    const neighbours = neighboursOf(layout.shape, levels);
    forEachCoded(layout, (offset, index) => {
      levels[offset] = level(neighbourhoodOf(neighbours(offset, index)));
    });
    return levels;
  };
}

/** The neighbourhood of an entry, from 0 to 23. */
/** The class of the neighbours' mean magnitude: 0 without any, otherwise two to the octave, in eighths. */
export function neighbourhoodOf({ sum, weight }: Neighbours): number {
  if (weight === 0) return ALONE;
  const eighths = Math.floor((8 * sum) / weight);
  if (eighths < 2) return 1 + eighths;
  const octave = 31 - Math.clz32(eighths);
  return Math.min(2 * octave + 1 + ((eighths >> (octave - 1)) & 1), NEIGHBOURHOODS - 1);
}
