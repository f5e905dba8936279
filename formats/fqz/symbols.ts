/**
 * Codes for the small things of a graph: flags, integers, texts, recently seen values. Each function reserves its
 * contexts once and returns the code itself, which works in both directions (see bit-coder.ts).
 */
import { DTYPES, type DType, dtypeFromCode } from '../../src/graph/dtype.ts';
import type { BitCoder } from './bit-coder.ts';
import { damaged, LIMITS } from './format.ts';

/** Takes the value when writing, nothing when reading, and returns the value. */
export type Code<T> = (value?: T) => T;

/** The results of `make` for 0 to `count` − 1. */
export function times<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}

/** A code that is made on first use for each key: adaptive statistics of their own for every situation. */
export function perKey<K extends string | number, T>(make: (key: K) => T): (key: K) => T {
  const made = new Map<K, T>();
  return (key) => {
    let code = made.get(key);
    if (code === undefined) {
      code = make(key);
      made.set(key, code);
    }
    return code;
  };
}

export function flagCode(coder: BitCoder): Code<boolean> {
  const context = coder.contexts(1);
  return (value) => coder.bit(context, value ? 1 : 0) === 1;
}

/** Symbols of `width` bits (1 to 8) as a binary tree, highest bit first. */
export function treeCode(coder: BitCoder, width: number): Code<number> {
  const contexts = coder.contexts(1 << width);
  return (value = 0) => {
    let node = 1;
    for (let shift = width - 1; shift >= 0; shift--) {
      node = 2 * node + coder.bit(contexts + node, (value >> shift) & 1);
    }
    return node - (1 << width);
  };
}

/** Largest number that `uintCode` takes. */
export const LARGEST_UINT = 2 ** 31 - 2;
const LARGEST_CLASS = 30;
/** Bits under the leading one that are modelled; the rest are as good as random. */
const MODELLED_BITS = 2;

/**
 * Numbers from 0 to `LARGEST_UINT`, small ones cheap: Exp-Golomb, that is, the bit length of value + 1 in unary, then
 * the bits under its leading one.
 */
export function uintCode(coder: BitCoder): Code<number> {
  const classes = coder.contexts(LARGEST_CLASS + 1);
  const mantissas = coder.contexts((LARGEST_CLASS + 1) << MODELLED_BITS);
  return (value = 0) => {
    const target = 31 - Math.clz32(value + 1);
    let bits = 0;
    while (coder.bit(classes + bits, bits < target ? 1 : 0)) {
      if (++bits > LARGEST_CLASS) throw damaged('a number is too large');
    }
    return mantissa(coder, mantissas + (bits << MODELLED_BITS), MODELLED_BITS, bits, value + 1) - 1;
  };
}

/**
 * The `bits` bits under the leading one of `value`: the first `modelled` of them with contexts, the rest direct.
 * Returns the whole number, leading one included.
 */
export function mantissa(coder: BitCoder, contexts: number, modelled: number, bits: number, value: number): number {
  let number = 1;
  let left = bits;
  for (; left > 0 && bits - left < modelled; left--) {
    number = 2 * number + coder.bit(contexts + number, (value >>> (left - 1)) & 1);
  }
  while (left > 0) {
    const width = Math.min(left, 16);
    left -= width;
    number = number * 2 ** width + coder.direct(width, (value >>> left) & (2 ** width - 1));
  }
  return number;
}

/** Integers of magnitude up to `LARGEST_UINT / 2`. */
export function intCode(coder: BitCoder): Code<number> {
  const code = uintCode(coder);
  return (value = 0) => {
    const folded = code(value < 0 ? -2 * value - 1 : 2 * value);
    return folded % 2 === 1 ? -(folded + 1) / 2 : folded / 2;
  };
}

/** A count of items, which a reader must not believe above `limit`, nor above what the bytes can hold. */
export function countCode(coder: BitCoder, what: string, limit: number): Code<number> {
  const code = uintCode(coder);
  return (value) => {
    const count = code(value);
    if (count > limit) throw damaged(`${count} ${what}, more than ${limit}`);
    coder.countItems(count);
    return count;
  };
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 text, each byte in the context of the one before it. */
export function textCode(coder: BitCoder): Code<string> {
  const length = countCode(coder, 'bytes of text', LIMITS.list);
  const after = perKey((_: number) => treeCode(coder, 8));
  return (value = '') => {
    const bytes = ENCODER.encode(value);
    const read = new Uint8Array(length(bytes.length));
    let previous = 0;
    for (let at = 0; at < read.length; at++) read[at] = previous = after(previous)(bytes[at]);
    try {
      return DECODER.decode(read);
    } catch {
      throw damaged('a text is not UTF-8');
    }
  };
}

/** Element types, by their numbers in ONNX. */
export function dtypeCode(coder: BitCoder): Code<DType> {
  const code = treeCode(coder, 5);
  return (dtype) => {
    const number = code(dtype && DTYPES[dtype].code);
    const found = dtypeFromCode(number);
    if (!found) throw damaged(`element type ${number} is unknown`);
    return found;
  };
}

const LONGEST_QUOTE = 80;

/** A text of the file in quotes, on one line and of bearable length, for messages. */
export function quote(text: string): string {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}

/** How many values a recency list remembers. */
const RECENT = 64;

/**
 * Values that tend to come again: the place in a move-to-front list, with statistics of its own for each key, or `fresh`
 * for one that is not in it.
 */
export function recentCode<T>(coder: BitCoder, fresh: Code<T>): (key: string, value?: T) => T {
  const places = perKey(() => uintCode(coder));
  const recent: T[] = [];
  return (key, value) => {
    const at = places(key)(coder.reading ? 0 : recent.indexOf(value!) + 1);
    if (at > recent.length) throw damaged('a back-reference points before its list');
    const known = at === 0 ? fresh(value) : recent.splice(at - 1, 1)[0]!;
    recent.unshift(known);
    recent.length = Math.min(recent.length, RECENT);
    return known;
  };
}
