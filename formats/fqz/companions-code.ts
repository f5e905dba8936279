/**
 * What may travel with a model: how its input is prepared, and the names of its classes (SPEC.md, "Companions"). Nothing
 * given costs two flags.
 */
import type { Preparation } from '../../src/graph/preparation.ts';
import type { BitCoder } from './bit-coder.ts';
import { damaged, MOST_LABELS } from './format.ts';
import { count, flag, text, times } from './symbols.ts';

export interface Companions {
  readonly preparation?: Preparation;
  readonly labels?: readonly string[];
}

export function companions(coder: BitCoder): Companions {
  const isGiven = () => flag(coder, 'companion is given');
  const own = () => text(coder, 'companion');
  const numbers = () => own().split(' ').map(finite);
  const preparation = isGiven() && {
    scale: numbers()[0]!,
    mean: numbers(),
    std: numbers(),
    channels: flag(coder, 'channels are BGR') ? ('bgr' as const) : ('rgb' as const),
  };
  const labels = isGiven() && times(count(coder, 'labels', MOST_LABELS), own);
  return { ...(preparation && { preparation }), ...(labels && { labels }) };
}

const DECIMAL = /^-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?$/;

function finite(text: string): number {
  const value = Number(text);
  if (!DECIMAL.test(text) || !Number.isFinite(value)) throw damaged('the preparation has no numbers');
  return value;
}
