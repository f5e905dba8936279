/**
 * Levels of dependent quantisation (SPEC.md, "Chains"): chain by chain, each number in the context of its quantiser and of the
 * magnitude that is to be expected there.
 */
import { chainModel, MAGNITUDE_CLASSES, magnitudeClass } from '../../src/codec/chain-model.ts';
import { multipleOf, nextState, quantizerOf } from '../../src/codec/dependent.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import type { BitCoder } from './bit-coder.ts';
import { type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import { CLASSES, geometricPriors, levelCode, MANTISSA_CONTEXTS, neighboursOf } from './level-code.ts';

const QUANTIZERS = 2;

/** Probabilities of the classes to start from: those of each magnitude class, for either quantiser. */
export function chainPriors(): number[] {
  const priors: number[] = [];
  for (let own = 0; own < MAGNITUDE_CLASSES; own++) {
    // The middle of the class, in quarters of an eighth of a step; an index is worth two steps.
    const quarters = [2, 6][own] ?? (5 + 2 * (own & 1)) << (own >> 1);
    priors.push(...geometricPriors(quarters, 64));
  }
  return [...priors, ...priors];
}

/** Contexts of the classes of indices, and of the bits under the leading one. */
export const CHAIN_CONTEXTS = QUANTIZERS * MAGNITUDE_CLASSES * CLASSES + MANTISSA_CONTEXTS;

/**
 * Makes the code of a file's chains: the multiples of the step, row-major over the layout's shape. The statistics are shared by
 * all operands. What is coded are the indices within the quantisers.
 */
export function chainsCode(coder: BitCoder): (layout: CoreLayout) => Int32Array {
  const level = levelCode(coder, chainPriors());
  return (layout) => {
    const { shape, chainAxis } = layout;
    coder.expect(codedCount(layout));
    const multiples = new Int32Array(elementCount(shape));
    const length = codedCount(layout) / shape[chainAxis!]!;
    const model = chainModel(length);
    const neighbours = neighboursOf(shape, multiples);
    let place = length;
    let state = 0;
    let before = 0;
    forEachCoded(layout, (offset, index) => {
      if (place === length) {
        model.begin();
        place = state = before = 0;
      }
      const expected = model.expected(place, before);
      const { sum, weight } = neighbours(offset, index);
      const quantizer = quantizerOf(state);
      const magnitudes = magnitudeClass(expected, weight > 0 ? sum * (1 / weight) : expected);
      const coded = level(quantizer * MAGNITUDE_CLASSES + magnitudes);
      const multiple = multipleOf(quantizer, coded);
      multiples[offset] = multiple;
      state = nextState(state, coded);
      before += Math.abs(multiple);
      model.add(place++, Math.abs(multiple));
    });
    return multiples;
  };
}
