/**
 * Which coefficients exist: those whose removal would cost the loss least make room for those that the loss asks for most,
 * across all weights (the prune-and-grow of Evci et al. 2020, with the sensitivity of optimal brain damage, LeCun et al. 1990).
 */
import type { Moments } from './optimizer.ts';
import { levelsOf, liveCount, type Parameter } from './parameter.ts';

interface Candidate {
  readonly parameter: number;
  readonly at: number;
  readonly score: number;
}

/** What the loss would lose without a coefficient, up to a factor: its square times the mean square of its slope. */
function saliencies(
  parameters: readonly Parameter[],
  moments: readonly Moments[],
  counts: (parameter: Parameter) => ArrayLike<number>,
): Candidate[] {
  const found: Candidate[] = [];
  parameters.forEach((own, parameter) => {
    const { second } = moments[parameter]!;
    const chosen = counts(own);
    for (let at = 0; at < own.values.length; at++) {
      if (chosen[at]) found.push({ parameter, at, score: own.values[at]! ** 2 * second[at]! });
    }
  });
  return found.sort((a, b) => a.score - b.score);
}

function remove(parameters: readonly Parameter[], chosen: readonly Candidate[]): number {
  for (const { parameter, at } of chosen) {
    const { live, values } = parameters[parameter]!;
    live[at] = 0;
    values[at] = 0;
  }
  return chosen.length;
}

/** Removes the `count` live coefficients that matter least; returns how many there were to remove. */
export function prune(parameters: readonly Parameter[], moments: readonly Moments[], count: number): number {
  return remove(parameters, saliencies(parameters, moments, ({ live }) => live).slice(0, count));
}

/** The same of those that do not round to 0 anyway. */
export function pruneLevels(parameters: readonly Parameter[], moments: readonly Moments[], count: number): number {
  return remove(parameters, saliencies(parameters, moments, levelsOf).slice(0, count));
}

/**
 * How far behind its last live coefficient a support may grow, as a part of its size: far ones cost the zeros between.
 */
const REACH = 0.25;

/** Adds the `count` coefficients whose absence the loss feels most, by the mean of their slopes; they start at 0. */
export function grow(parameters: readonly Parameter[], moments: readonly Moments[], count: number): void {
  const found: Candidate[] = [];
  parameters.forEach((own, parameter) => {
    const { live, order } = own;
    const { first } = moments[parameter]!;
    const end = order.findLastIndex((at) => live[at] === 1) + 1 + Math.ceil(REACH * liveCount(own));
    for (const at of order.subarray(0, end)) {
      if (!live[at]) found.push({ parameter, at, score: Math.abs(first[at]!) });
    }
  });
  found.sort((a, b) => b.score - a.score);
  for (const { parameter, at } of found.slice(0, count)) {
    parameters[parameter]!.live[at] = 1;
    moments[parameter]!.first[at] = 0;
  }
}
