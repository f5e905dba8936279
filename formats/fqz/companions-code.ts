/**
 * Code for what may travel with a model: how its input is prepared, and the names of its classes (SPEC.md, "Companions").
 * Nothing given costs two flags.
 */
import type { Preparation } from '../../src/graph/preparation.ts';
import type { BitCoder } from './bit-coder.ts';
import { damaged, LIMITS } from './format.ts';
import { countCode, flagCode, textCode, times } from './symbols.ts';

export interface Companions {
  readonly preparation?: Preparation;
  readonly labels?: readonly string[];
}

export function codeCompanions(coder: BitCoder, given: Companions): Companions {
  const present = flagCode(coder);
  const text = textCode(coder);
  const numbers = (values: readonly number[]) => text(values.join(' ')).split(' ').map(finite);
  const companions: { preparation?: Preparation; labels?: string[] } = {};
  if (present(given.preparation !== undefined)) {
    const { scale = 1, mean = [], std = [], channels = 'rgb' } = given.preparation ?? {};
    companions.preparation = {
      scale: numbers([scale])[0]!,
      mean: numbers(mean),
      std: numbers(std),
      channels: flagCode(coder)(channels === 'bgr') ? 'bgr' : 'rgb',
    };
  }
  if (present(given.labels !== undefined)) {
    const count = countCode(coder, 'labels', LIMITS.labels);
    companions.labels = times(count(given.labels?.length), (at) => text(given.labels?.[at]));
  }
  return companions;
}

const DECIMAL = /^-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?$/;

function finite(text: string): number {
  const value = Number(text);
  if (!DECIMAL.test(text) || !Number.isFinite(value)) throw damaged('the preparation has no numbers');
  return value;
}
