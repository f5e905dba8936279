import type { FactoredHessian } from '../../../src/codec/calibration/hessian.ts';
import { multipleOf, nextState, quantizerOf } from '../../../src/codec/dependent.ts';

interface Survivor {
  readonly cost: number;
  readonly error: number;
  readonly multiples: Int32Array;
  /** The row, plus what the columns before leave to it. */
  readonly targets: Float64Array;
}

/** Indices around the nearest that are tried. */
const SPREAD = 3;

/**
 * Dependent quantisation of one row in its plainest form: the Viterbi algorithm, with a whole row of targets for each state.
 *
 * @param rate bits of an index of a column in a quantiser
 */
export function viterbiMultiples(
  row: Float64Array,
  { size, upper, weights }: FactoredHessian,
  step: number,
  lambda = 0,
  rate: (column: number, quantizer: number, index: number) => number = () => 0,
): { multiples: Int32Array; error: number; cost: number } {
  const start = { cost: 0, error: 0, multiples: new Int32Array(size), targets: Float64Array.from(row) };
  let survivors = new Map<number, Survivor>([[0, start]]);
  for (let column = 0; column < size; column++) {
    const best = new Map<number, { from: Survivor; multiple: number; cost: number; error: number }>();
    for (const [state, from] of survivors) {
      const quantizer = quantizerOf(state);
      const target = from.targets[column]! / step;
      const nearest = Math.round((target + quantizer * Math.sign(target)) / 2);
      for (let index = nearest - SPREAD; index <= nearest + SPREAD; index++) {
        const multiple = multipleOf(quantizer, index);
        const error = weights[column]! * ((target - multiple) * step) ** 2;
        const cost = from.cost + error + lambda * rate(column, quantizer, index);
        const to = nextState(state, index);
        if (cost < (best.get(to)?.cost ?? Number.POSITIVE_INFINITY)) best.set(to, { from, multiple, cost, error });
      }
    }
    survivors = new Map();
    for (const [state, { from, multiple, cost, error }] of best) {
      const multiples = from.multiples.with(column, multiple);
      const left = row[column]! - multiple * step;
      const targets = from.targets.map((target, at) =>
        at > column ? target + left * upper[column * size + at]! : target,
      );
      survivors.set(state, { cost, error: from.error + error, multiples, targets });
    }
  }
  return [...survivors.values()].reduce((least, survivor) => (survivor.cost < least.cost ? survivor : least));
}
