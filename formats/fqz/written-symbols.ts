/**
 * Symbols as a writer hands them to the encoder: numbers in the order of the file (SPEC.md, "Symbols"; `BitCoder.given`).
 */
import { moveToFront } from './symbols.ts';

/** Lists of symbols may stand among symbols: that is faster than to pass each on through generators. */
export type Symbols = Iterable<number | Symbols>;

/** An integer as a symbol. */
export function folded(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

const ENCODER = new TextEncoder();

export function* textSymbols(text: string): Symbols {
  const bytes = ENCODER.encode(text);
  yield bytes.length;
  yield bytes;
}

/** A value of a recency list, with the symbols that it has where it is new. */
export function* recentSymbols<T>(list: T[], value: T, fresh: Symbols): Symbols {
  const place = list.indexOf(value) + 1;
  moveToFront(list, place, value);
  yield place;
  if (place === 0) yield fresh;
}
