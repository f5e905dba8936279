/**
 * Levels made finer, layer by layer (SPEC.md, "Refinements"): what a layer adds to an operand's coarser levels.
 */
import type { QuantizedOperand } from '../../src/codec/network.ts';
import type { BitCoder } from './bit-coder.ts';
import { CHAIN_SITUATIONS, enterChains } from './chains-code.ts';
import { type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import { atMost, LARGEST_LEVEL } from './format.ts';
import { neighboursOf } from './level-code.ts';
import { neighbourhoodOf } from './levels-code.ts';
import { int } from './symbols.ts';

/** Levels that are 0 so far, odd ones and other even ones: halves can be rounded by the parity of what they are rounded to. */
const KINDS = 3;
const SITUATIONS = KINDS * CHAIN_SITUATIONS;

/** Makes levels `factor` times as fine, in place; where the layout has chains, multiples of them. */
export type Refine = (layout: CoreLayout, levels: Int32Array, factor: number) => void;

/** Of the quantiser's multiples, the one that is nearest to `value`, and of two the one nearer to 0: its index. */
export function nearestIndex(quantizer: number, value: number): number {
  return Math.sign(value) * Math.floor((Math.abs(value) + quantizer) / 2);
}

/** Makes the code of a layer; its statistics are shared by all operands. */
export function refinementsCode(coder: BitCoder): Refine {
  return (layout, levels, factor) => {
    coder.expect(codedCount(layout));
    const refine = (offset: number, situation: number, predict: (scaled: number) => number) => {
      const coarse = levels[offset]!;
      const kind = coarse ? 2 - (coarse & 1) : 0;
      const change = int(coder, 'refinement', kind * CHAIN_SITUATIONS + situation, SITUATIONS);
      const own = predict(factor * coarse) + (coarse < 0 ? -change : change);
      atMost('a coefficient', Math.abs(own), LARGEST_LEVEL);
      return own;
    };
    if (layout.chainAxis !== undefined) {
      enterChains(layout, levels, (offset, quantizer, situation) =>
        refine(offset, situation, (scaled) => nearestIndex(quantizer, scaled)),
      );
      return;
    }
    const neighbours = neighboursOf(layout.shape, levels);
    forEachCoded(layout, (offset, index) => {
      levels[offset] = refine(offset, neighbourhoodOf(neighbours(offset, index)), (scaled) => scaled);
    });
  };
}

/**
 * A coarse operand (which it spends) after the layers that are there.
 *
 * @param layout of the finest levels, with axes as the operand has them
 * @param factors of all layers that a file may have, 0 for those that leave the operand as it is
 * @param layers those that are there
 */
export function refined(
  operand: QuantizedOperand,
  { chainAxis, ...plain }: CoreLayout,
  factors: readonly number[],
  layers: readonly Refine[],
): QuantizedOperand {
  const last = factors.findLastIndex(Boolean);
  const finest = chainAxis === undefined ? plain : { ...plain, chainAxis };
  let { step } = operand;
  for (const [layer, factor] of factors.entries()) {
    if (factor === 0) continue;
    const refine = layers[layer];
    if (refine) refine(layer === last ? finest : plain, operand.levels, factor);
    else step *= factor;
  }
  const isFinest = last < layers.length;
  return { ...operand, step, ...(isFinest && chainAxis !== undefined && { chainAxis }) };
}
