/**
 * Range encoder with carry propagation (G. N. N. Martin 1979; byte-wise renormalisation as in the LZMA specification).
 */
import { adapted, type BitCoder, type Contexts, shareOfOne } from './bit-coder.ts';
import { largestItemCount } from './format.ts';
import type { Symbols } from './written-symbols.ts';

const TOP = 2 ** 24;
const WORD = 2 ** 32;

export class RangeEncoder implements BitCoder {
  readonly statistics = new Map<string, Contexts>();
  /** Those that are left, the list that is being taken last. */
  private readonly symbols: Iterator<number | Symbols>[];
  private bytes = new Uint8Array(1024);
  private length = 0;
  /** Below 2³² plus a carry. */
  private low = 0;
  private range = WORD - 1;
  /** The last byte, still open to a carry, and how many 0xFF wait behind it; -1 before the first byte. */
  private held = -1;
  private waiting = 0;
  private items = 0;

  /** An encoder of these symbols: each is taken when it is its turn. */
  constructor(symbols: Symbols) {
    this.symbols = [symbols[Symbol.iterator]()];
  }

  /** Throws `TypeError` behind the last symbol. */
  given(): number {
    for (;;) {
      const list = this.symbols.at(-1);
      if (!list) throw new TypeError('a symbol is missing');
      const { value, done } = list.next();
      if (done) this.symbols.pop();
      else if (typeof value === 'number') return value;
      else this.symbols.push(value[Symbol.iterator]());
    }
  }

  bit(contexts: Contexts, at: number, value: number): number {
    const context = contexts[at]!;
    const bound = shareOfOne(this.range, context);
    if (value) {
      this.range = bound;
    } else {
      this.low += bound;
      this.range -= bound;
    }
    contexts[at] = adapted(context, value);
    while (this.range < TOP) this.shift();
    return value;
  }

  direct(width: number, value: number): number {
    this.range = this.range >>> width;
    this.low += this.range * value;
    while (this.range < TOP) this.shift();
    return value;
  }

  expect(): void {}

  countItems(items: number): void {
    this.items += items;
  }

  /** Bits spent until now, with fractions; for reports. */
  get position(): number {
    return 8 * (this.length + this.waiting + (this.held < 0 ? 0 : 1)) + 32 - Math.log2(this.range);
  }

  /**
   * Ends the stream and returns its bytes. A reader takes bytes after the end as zeros, so final zeros are left out.
   * Throws `RangeError` where so many items are in so few bytes that a reader would not believe them.
   */
  finish(): Uint8Array {
    // The number in [low, low + range) with the most trailing zeros.
    let step = WORD;
    while (step > 1 && Math.ceil(this.low / step) * step >= this.low + this.range) step /= 256;
    this.low = Math.ceil(this.low / step) * step;
    for (let byte = 0; byte < 5; byte++) this.shift();
    let end = this.length;
    const first = Math.max(0, end - 4);
    while (end > first && this.bytes[end - 1] === 0) end--;
    if (this.items > largestItemCount(end)) {
      throw new RangeError(`${this.items} items in ${end} bytes are beyond what a .fqz file may hold`);
    }
    return this.bytes.subarray(0, end);
  }

  private shift(): void {
    if (this.low < 0xff000000 || this.low >= WORD) {
      const carry = this.low >= WORD ? 1 : 0;
      if (this.held >= 0) this.put(this.held + carry);
      for (; this.waiting > 0; this.waiting--) this.put(0xff + carry);
      this.held = Math.floor(this.low / TOP) & 255;
    } else {
      this.waiting++;
    }
    this.low = (this.low % TOP) * 256;
    this.range = this.range * 256;
  }

  private put(byte: number): void {
    if (this.length === this.bytes.length) {
      const grown = new Uint8Array(2 * this.length);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes[this.length++] = byte;
  }
}
