/**
 * Tables that Gather takes rows of, such as embeddings. As a layer, a table is multiplied with vectors that hold a single one, so that the
 * second moments of its inputs are a diagonal: how often each row is taken. No row can make up for another, and a row that the
 * samples never take may be the next one to be taken: the step alone comes from the samples.
 */
import { toNumbers } from '../../graph/numbers.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { plainNetwork } from '../network.ts';
import { nearestStepCode, stepOf } from '../step.ts';
import type { CodedLayer } from './code-layer.ts';
import type { Layer } from './layers.ts';

/** Adds to `counts` how often each row is taken by these indices, which count from the end where they are negative. */
export function countRows(counts: Float64Array, indices: Tensor): void {
  for (const index of toNumbers(indices)) {
    const row = index < 0 ? index + counts.length : index;
    if (row >= 0 && row < counts.length) counts[row]!++;
  }
}

/** Levels beyond this are no fair trade, and not what samples that all take the same small rows should lead to. */
const LARGEST_LEVEL = 2 ** 20;

/**
 * Codes the table `elements`, in the order of its tensor, by the rule of other layers: step = scale √(tr(W H Wᵀ) / mean diag H), with
 * the diagonal H = `counts`. `undefined` where the rows that are taken are zero, or none is.
 */
export function codeTable(
  layer: Layer,
  elements: ArrayLike<number>,
  counts: Float64Array,
  scale: number,
): CodedLayer | undefined {
  const { rows, shape } = layer;
  let [energy, taken, largest] = [0, 0, 0];
  for (const [row, count] of counts.entries()) {
    taken += count;
    for (let at = row * rows; at < (row + 1) * rows; at++) {
      energy += count * elements[at]! ** 2;
      largest = Math.max(largest, Math.abs(elements[at]!));
    }
  }
  if (!(taken > 0 && energy > 0 && energy < Number.MAX_VALUE)) return undefined;
  const wanted = scale * Math.sqrt((energy / taken) * counts.length);
  const step = stepOf(nearestStepCode(Math.max(wanted, largest / LARGEST_LEVEL)));
  const levels = Int32Array.from({ length: elements.length }, (_, at) => Math.round(elements[at]! / step));
  return {
    network: plainNetwork({ kind: 'quantized', shape, levels, step }),
    elements: Float64Array.from(levels, (level) => level * step),
    outputError: step ** 2 / 12,
  };
}
