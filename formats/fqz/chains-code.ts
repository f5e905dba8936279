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

/** Situations of a number in a chain: its quantiser, and the class of the magnitude to be expected. */
export const CHAIN_SITUATIONS = QUANTIZERS * MAGNITUDE_CLASSES;

/**
 * Goes along the chains of an operand in the order of the file and enters multiples.
 *
 * @param multiples row-major over the layout's shape, of which those to come are not looked at
 * @param indexAt the index of each number within its quantiser
 */
export function enterChains(
  layout: CoreLayout,
  multiples: Int32Array,
  indexAt: (offset: number, quantizer: number, situation: number) => number,
): void {
  const { shape, chainAxis } = layout;
  const length = codedCount(layout) / shape[chainAxis!]!;
  const model = chainModel(length);
  const neighbours = neighboursOf(shape, multiples);
  let place = length;
  let state = 0;
  let row = 0;
  forEachCoded(layout, (offset, index) => {
    if (place === length) {
      row = model.begin();
      place = state = 0;
    }
    const { sum, weight } = neighbours(offset, index);
    const quantizer = quantizerOf(state);
    const magnitudes = magnitudeClass(row, model.share(place), sum, weight);
    const own = indexAt(offset, quantizer, quantizer * MAGNITUDE_CLASSES + magnitudes);
    const multiple = multipleOf(quantizer, own);
    multiples[offset] = multiple;
    state = nextState(state, own);
    row += Math.abs(multiple);
    model.add(place++, Math.abs(multiple));
  });
}

/**
 * Makes the code of a file's chains: the multiples of the step, row-major over the layout's shape. The statistics are shared by
 * all operands. What is coded are the indices within the quantisers.
 */
export function chainsCode(coder: BitCoder): (layout: CoreLayout) => Int32Array {
  const level = levelCode(coder, chainPriors());
  return (layout) => {
    coder.expect(codedCount(layout));
    const multiples = new Int32Array(elementCount(layout.shape));
    enterChains(layout, multiples, (_offset, _quantizer, situation) => level(situation));
    return multiples;
  };
}
