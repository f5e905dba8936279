/**
 * Layers as the symbols of a file (SPEC.md, "Refinements").
 */
import type { Layer, Refinement, StoredWeight } from '../../src/codec/archive.ts';
import { indexOf, nextState, quantizerOf } from '../../src/codec/dependent.ts';
import type { QuantizedOperand } from '../../src/codec/network.ts';
import { type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import { nearestIndex } from './refinements-code.ts';
import type { WeightHeader } from './weight-header.ts';
import { folded, type Symbols } from './written-symbols.ts';

/** The levels of an operand in front of layer `from`, of those behind the first. */
export function levelsBefore(operand: QuantizedOperand, layers: readonly Layer[], from: number): Int32Array {
  const next = layers.slice(from).find((layer) => layer.has(operand));
  return next ? next.get(operand)!.before : operand.levels;
}

/** The symbols of layer `at`. Throws `TypeError` where its levels are none of the operand's quantisers. */
export function* refinementSymbols(
  weights: readonly StoredWeight[],
  headers: readonly WeightHeader[],
  layers: readonly Layer[],
  at: number,
): Symbols {
  for (const [place, weight] of weights.entries()) {
    if ('tensor' in weight) continue;
    for (const [index, operand] of weight.network.operands.entries()) {
      const refinement = layers[at]!.get(operand);
      if (!refinement || operand.kind !== 'quantized') continue;
      const { layout } = headers[place]!.network!.operands[index]!;
      const { chainAxis, ...plain } = layout!;
      const isLast = layers.slice(at + 1).every((layer) => !layer.has(operand));
      const finer = levelsBefore(operand, layers, at + 1);
      yield changes(refinement, finer, isLast && chainAxis !== undefined ? { ...plain, chainAxis } : plain);
    }
  }
}

/** What is added to each level, or to the index of each multiple, away from 0. */
function changes({ before, factor }: Refinement, finer: Int32Array, layout: CoreLayout): Int32Array {
  const symbols = new Int32Array(codedCount(layout));
  const length = symbols.length / (layout.chainAxis === undefined ? 1 : layout.shape[layout.chainAxis]!);
  let count = 0;
  let state = 0;
  forEachCoded(layout, (offset) => {
    const coarse = factor * before[offset]!;
    let change = finer[offset]! - coarse;
    if (layout.chainAxis !== undefined) {
      if (count % length === 0) state = 0;
      const quantizer = quantizerOf(state);
      const index = indexOf(quantizer, finer[offset]!);
      change = index - nearestIndex(quantizer, coarse);
      state = nextState(state, index);
    }
    symbols[count++] = folded(coarse < 0 ? -change : change);
  });
  return symbols;
}
