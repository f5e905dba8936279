/** Range decoder: the inverse of range-encoder.ts, bit-exact in 32-bit arithmetic. */
import { type BitCoder, ContextModel } from './bit-coder.ts';
import type { RangeState } from './bulk-decoder.ts';
import { damaged, largestItemCount } from './format.ts';

const TOP = 2 ** 24;
/** A stream is read four bytes ahead, and up to four zeros may have been left out at its end. */
export const LARGEST_OVERRUN = 8;
/** A decision costs at least −log2(1 − 512/65536 × 255/256) bits, so that fewer than 720 go into a byte. */
const MOST_DECISIONS_PER_BYTE = 720;

export class RangeDecoder implements BitCoder, RangeState {
  readonly reading = true;
  private readonly model = new ContextModel();
  readonly bytes: Uint8Array;
  next = 0;
  range = 2 ** 32 - 1;
  code = 0;
  private itemsLeft: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.itemsLeft = largestItemCount(bytes.length);
    for (let byte = 0; byte < 4; byte++) this.code = this.code * 256 + this.take();
  }

  contexts(size: number, initial?: ArrayLike<number>): number {
    return this.model.allocate(size, initial);
  }

  bit(context: number): number {
    const bound = (this.range >>> 16) * this.model.probability(context);
    const value = this.code < bound ? 1 : 0;
    if (value) {
      this.range = bound;
    } else {
      this.code -= bound;
      this.range -= bound;
    }
    this.model.update(context, value);
    if (this.range < TOP) this.shift();
    return value;
  }

  direct(width: number): number {
    this.range = this.range >>> width;
    const value = Math.min(Math.floor(this.code / this.range), (1 << width) - 1);
    this.code -= value * this.range;
    while (this.range < TOP) this.shift();
    return value;
  }

  expect(decisions: number): void {
    if (decisions > MOST_DECISIONS_PER_BYTE * (this.bytes.length + LARGEST_OVERRUN + 4 - this.next)) {
      throw damaged('more is promised than the bytes can hold');
    }
  }

  countItems(items: number): void {
    this.itemsLeft -= items;
    if (this.itemsLeft < 0) throw damaged('too much is counted for the bytes');
  }

  get position(): number {
    return 8 * (this.next - 4) + 32 - Math.log2(this.range);
  }

  /** Throws unless the whole stream has been used up. */
  finish(): void {
    if (this.next < this.bytes.length) throw damaged('coded data left over');
  }

  private shift(): void {
    this.code = ((this.code << 8) | this.take()) >>> 0;
    this.range = (this.range << 8) >>> 0;
  }

  private take(): number {
    if (this.next >= this.bytes.length + LARGEST_OVERRUN) {
      throw damaged('coded data end too early');
    }
    return this.bytes[this.next++] ?? 0;
  }
}
