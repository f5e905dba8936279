/**
 * An archive's weights in layers: coarser levels made from the levels that the file is to end with.
 *
 * Made top down, a coarser level is a function of the finer one, so that it tells nothing that the finer one does not, and what
 * layers cost is what their contexts are worse (Equitz and Cover, "Successive refinement of information", IEEE Transactions on
 * Information Theory 1991, have it that for good codes nothing is lost). Levels that are quantised anew for every layer make
 * ordinary nets 12 to 23 % larger with two layers; these 0.3 to 0.8 % with four, and with sums kept 1.4 to 3 %. Of chains, whose
 * coarser levels are in none, it is 3 % with two layers and 6 to 7 % with three.
 *
 * What this costs is the coarser layers of calibrated files, which are rounded without feedback. A calibration of its own for the
 * first layer, with final levels as they are and a price on what their refinement takes, brings ResNet-20's first 42 KB from a
 * divergence of about 0.9 to 0.27, for files 13 to 18 % larger instead of 5.
 */
import type { Layer, Refinement, StoredWeight } from './archive.ts';
import { keepSums, sumGroups } from './keep-sums.ts';
import { cosineAxes, type Operand, type QuantizedOperand } from './network.ts';

/** The smallest operands, with so large a part of all numbers, come whole with the first layer: every output feels them. */
const WHOLE_PART = 0.02;

/** By how much each layer behind the first is finer: 3 is the most efficient, 2 the least coarse. */
function factorsOf(layers: number): number[] {
  return layers === 2 ? [3] : new Array<number>(layers - 1).fill(2);
}

/**
 * The layers behind the first of a file with so many layers.
 *
 * @param outputAxes of the weights that belong to a layer of the net: the axis of its outputs
 */
export function layersOf(
  weights: readonly StoredWeight[],
  layers: number,
  outputAxes: ReadonlyMap<string, number>,
): Layer[] {
  const factors = factorsOf(layers);
  const made = factors.map(() => new Map<Operand, Refinement>());
  for (const { operand, sums } of largeOperands(weights, outputAxes)) {
    let { levels } = operand;
    for (const [at, usual] of [...factors.entries()].reverse()) {
      // The levels of chains are twice as fine as their quantisers.
      const isOfChains = at === factors.length - 1 && operand.chainAxis !== undefined;
      const factor = isOfChains ? 2 * usual : usual;
      const before = levels.map((level) => coarser(level, factor));
      if (sums) keepSums(Float64Array.from(levels), before, factor, sums);
      made[at]!.set(operand, { factor, before });
      levels = before;
    }
  }
  return made;
}

/** The nearest level of a step that is `factor` times as coarse; of two the even one, which is nobody's side. */
export function coarser(level: number, factor: number): number {
  const size = Math.abs(level) / factor;
  const below = Math.floor(size);
  const rest = size - below;
  const nearest = rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
  return level < 0 ? -nearest : nearest;
}

function largeOperands(weights: readonly StoredWeight[], outputAxes: ReadonlyMap<string, number>) {
  const all = weights.flatMap((weight) => {
    if ('tensor' in weight) return [];
    const { letters, cosines } = cosineAxes(weight.network);
    return weight.network.operands.flatMap((operand, at) => {
      if (operand.kind !== 'quantized') return [];
      const frequencyAxes = [...letters[at]!].flatMap((letter, axis) => (cosines.has(letter) ? [axis] : []));
      return [{ operand, sums: sumsOf(weight.name, operand, frequencyAxes) }];
    });
  });
  const count = all.reduce((sum, { operand }) => sum + operand.levels.length, 0);
  let left = WHOLE_PART * count;
  return all
    .toSorted((a, b) => a.operand.levels.length - b.operand.levels.length)
    .filter(({ operand }) => {
      left -= operand.levels.length;
      return left < 0;
    });

  function sumsOf(name: string, { shape }: QuantizedOperand, frequencyAxes: readonly number[]) {
    const axis = outputAxes.get(name);
    return axis === undefined || axis >= shape.length || shape.length < 2
      ? undefined
      : sumGroups(shape, axis, frequencyAxes);
  }
}
