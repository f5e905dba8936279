/**
 * The symbols of a file (SPEC.md, "Symbols"). Each is named for what it is and, where its statistics are its own there, for
 * the place where it stands; one name has one meaning in a section.
 */
import { type DType, dtypeFromCode } from '../../src/graph/dtype.ts';
import type { BitCoder, Contexts } from './bit-coder.ts';
import { atMost, damaged, MOST_ITEMS } from './format.ts';

/** The results of `make` for 0 to `count` − 1. */
export function times<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}

/** The contexts of a name, which come into being here. */
export function contextsOf(coder: BitCoder, name: string, size: number): Contexts {
  let contexts = coder.statistics.get(name);
  if (!contexts) {
    contexts = new Int32Array(size);
    coder.statistics.set(name, contexts);
  }
  return contexts;
}

/** A number of `width` bits (1 to 8) as a binary tree, highest bit first, in the `1 << width` contexts from `first` on. */
export function branch(coder: BitCoder, contexts: Contexts, first: number, width: number): number {
  const value = coder.given();
  let node = 1;
  for (let shift = width - 1; shift >= 0; shift--) {
    node = 2 * node + coder.bit(contexts, first + node, (value >> shift) & 1);
  }
  return node - (1 << width);
}

/** A number of `width` bits (1 to 8). */
export function tree(coder: BitCoder, name: string, width: number): number {
  return branch(coder, contextsOf(coder, name, 1 << width), 0, width);
}

export function flag(coder: BitCoder, name: string): boolean {
  return tree(coder, name, 1) === 1;
}

/** Largest number that `uint` takes. */
export const LARGEST_UINT = 2 ** 31 - 2;
const LARGEST_CLASS = 30;
/** Bits under the leading one that are modelled; the rest are as good as random. */
const MODELLED_BITS = 2;
const MANTISSAS = LARGEST_CLASS + 2;
const UINT_CONTEXTS = MANTISSAS + ((LARGEST_CLASS + 1) << MODELLED_BITS);

/**
 * A number from 0 to `LARGEST_UINT`, small ones cheap: Exp-Golomb, that is, the bit length of value + 1 in unary, then
 * the bits under its leading one. Of `situations` that have statistics of their own this is number `situation`.
 */
export function uint(coder: BitCoder, name: string, situation = 0, situations = 1): number {
  const contexts = contextsOf(coder, name, situations * UINT_CONTEXTS);
  const classes = situation * UINT_CONTEXTS;
  const value = coder.given() + 1;
  const target = 31 - Math.clz32(value);
  let bits = 0;
  while (coder.bit(contexts, classes + bits, bits < target ? 1 : 0)) {
    atMost(name, ++bits, LARGEST_CLASS);
  }
  return mantissa(coder, contexts, classes + MANTISSAS + (bits << MODELLED_BITS), MODELLED_BITS, bits, value) - 1;
}

/**
 * The `bits` bits under the leading one of `value`: the first `modelled` of them in `contexts` from `first` on, the rest
 * direct. Returns the whole number, leading one included.
 */
export function mantissa(
  coder: BitCoder,
  contexts: Contexts,
  first: number,
  modelled: number,
  bits: number,
  value: number,
): number {
  let number = 1;
  let left = bits;
  for (; left > 0 && bits - left < modelled; left--) {
    number = 2 * number + coder.bit(contexts, first + number, (value >>> (left - 1)) & 1);
  }
  return left > 0 ? direct(coder, left, value, number) : number;
}

/** The low `width` bits (at least 1) of `value`, behind those of `number`. */
export function direct(coder: BitCoder, width: number, value: number, number = 0): number {
  const part = Math.min(width, 16);
  const left = width - part;
  const longer = number * (1 << part) + coder.direct(part, (value >>> left) & ((1 << part) - 1));
  return left > 0 ? direct(coder, left, value, longer) : longer;
}

/** An integer of magnitude up to `LARGEST_UINT / 2`. Situations as of `uint`. */
export function int(coder: BitCoder, name: string, situation?: number, situations?: number): number {
  const folded = uint(coder, name, situation, situations);
  return folded % 2 === 1 ? -(folded + 1) / 2 : folded / 2;
}

/** The number of `what`, which a reader must not believe above `most`, nor above what the bytes can hold. */
export function count(coder: BitCoder, what: string, most = MOST_ITEMS): number {
  const items = atMost(what, uint(coder, what), most);
  coder.countItems(items);
  return items;
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 text, each byte in the context of the one before it. */
export function text(coder: BitCoder, name: string): string {
  const bytes = new Uint8Array(count(coder, `bytes of ${name}`));
  const contexts = contextsOf(coder, name, 1 << 16);
  for (let at = 0, before = 0; at < bytes.length; at++) bytes[at] = before = branch(coder, contexts, before << 8, 8);
  try {
    return DECODER.decode(bytes);
  } catch {
    throw damaged('a text is not UTF-8');
  }
}

/** An element type, by its number in ONNX. */
export function dtypeSymbol(coder: BitCoder, name: string): DType {
  const number = tree(coder, name, 5);
  const dtype = dtypeFromCode(number);
  if (!dtype) throw damaged(`${name} is ${number}, which no type has`);
  return dtype;
}

/** How many values a recency list remembers. */
const RECENT = 64;

/** A value that tends to come again: its place in `list`, or `fresh` where it is not in it. */
export function recent<T>(coder: BitCoder, name: string, list: T[], fresh: () => T): T {
  const place = atMost(name, uint(coder, name), list.length);
  return moveToFront(list, place, place === 0 ? fresh() : list[place - 1]!);
}

/** Puts `value` in front of a recency list, where it has been at `place`, counted from 1, or not at all. */
export function moveToFront<T>(list: T[], place: number, value: T): T {
  if (place > 0) list.splice(place - 1, 1);
  list.unshift(value);
  if (list.length > RECENT) list.pop();
  return value;
}

const LONGEST_QUOTE = 80;

/** A text of the file in quotes, on one line and of bearable length, for messages. */
export function quote(text: string): string {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}
