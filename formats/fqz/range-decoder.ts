/** Range decoder: the inverse of range-encoder.ts, bit-exact in 32-bit arithmetic. */
import { adapted, type BitCoder, type Contexts, shareOfOne } from './bit-coder.ts';
import type { RangeState } from './bulk-decoder.ts';
import { atMost, damaged, largestItemCount } from './format.ts';

const TOP = 2 ** 24;
/** A stream is read four bytes ahead, and up to four zeros may have been left out at its end. */
export const LARGEST_OVERRUN = 8;
/** A decision costs at least −log2(1 − 512/65536 × 255/256) bits, so that fewer than 720 go into a byte. */
const MOST_DECISIONS_PER_BYTE = 720;

export class RangeDecoder implements BitCoder, RangeState {
  readonly statistics = new Map<string, Contexts>();
  readonly bytes: Uint8Array;
  next = 0;
  range = 2 ** 32 - 1;
  code = 0;
  private items = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    for (let byte = 0; byte < 4; byte++) this.code = this.code * 256 + this.take();
  }

  given(): number {
    return 0;
  }

  bit(contexts: Contexts, at: number): number {
    const context = contexts[at]!;
    const bound = shareOfOne(this.range, context);
    const value = this.code < bound ? 1 : 0;
    if (value) {
      this.range = bound;
    } else {
      this.code -= bound;
      this.range -= bound;
    }
    contexts[at] = adapted(context, value);
    this.fill();
    return value;
  }

  direct(width: number): number {
    this.range = this.range >>> width;
    const value = Math.min(Math.floor(this.code / this.range), (1 << width) - 1);
    this.code -= value * this.range;
    this.fill();
    return value;
  }

  expect(decisions: number): void {
    const left = this.bytes.length + LARGEST_OVERRUN + 4 - this.next;
    atMost('coded numbers', decisions, MOST_DECISIONS_PER_BYTE * left);
  }

  countItems(items: number): void {
    this.items += items;
    atMost('counted items', this.items, largestItemCount(this.bytes.length));
  }

  /** Throws unless the whole stream has been used up. */
  finish(): void {
    atMost('coded bytes', this.bytes.length, this.next);
  }

  private fill(): void {
    while (this.range < TOP) {
      this.range *= 256;
      this.code = ((this.code << 8) | this.take()) >>> 0;
    }
  }

  private take(): number {
    if (this.next >= this.bytes.length + LARGEST_OVERRUN) throw damaged('coded data end too early');
    return this.bytes[this.next++] ?? 0;
  }
}
