/**
 * The numbers of a file decoded by WebAssembly: an instance with a memory of its own, which goes when the weights are where
 * they belong.
 */
import { axesOf, type BulkDecoder, type CoreLayout, LARGEST_OVERRUN, type RangeState } from '../../formats/fqz/read.ts';
import { FormatError } from '../../src/errors.ts';

/** What assembly/range-decoder.ts exports. */
export interface DecoderExports {
  readonly next: WebAssembly.Global;
  readonly range: WebAssembly.Global;
  readonly code: WebAssembly.Global;
  prepareDecoder(): void;
  resumeDecoder(next: number, limit: number, range: number, code: number): void;
  decodeLevels(
    contexts: number,
    out: number,
    shape: number,
    frequencyRank: number,
    rank: number,
    frequencies: number,
    model: number,
  ): number;
  decodePatterns(
    contexts: number,
    out: number,
    count: number,
    exponentBits: number,
    mantissaBits: number,
    unused: number,
    before: number,
  ): number;
}

const PAGE_BYTES = 65536;
/** Bytes that a number may take beyond the end of the section before that is noticed. */
const SLACK = 64;
/** A context at one half, and how near to certainty one may begin. */
const HALF = 1 << 23;
const FLOOR = 512;
/** Observations that an initial probability counts for. */
const INITIAL_WEIGHT = 2;
const OUT_OF_RANGE = 1;
/** So many patterns a call, so that the engine can change to better code in between. */
const PATTERNS = 4096;

/** A decoder over `memory`, which is free from byte `base` on. */
export function bulkDecoder(exports: DecoderExports, memory: WebAssembly.Memory, base: number): BulkDecoder {
  let free = base;
  let start = 0;
  let limit = 0;
  let state: RangeState;

  /** The memory as words, which reaches at least to byte `end`. */
  const reaching = (end: number): Int32Array => {
    const missing = Math.ceil((end - memory.buffer.byteLength) / PAGE_BYTES);
    if (missing > 0) memory.grow(missing);
    return new Int32Array(memory.buffer);
  };

  /** Takes `bytes` bytes for good, and returns where they are. */
  const take = (bytes: number): number => {
    const at = free;
    free = (free + bytes + 15) & -16;
    reaching(free);
    return at;
  };

  /** Lets WebAssembly go on from the decoder's state. */
  const enter = () => exports.resumeDecoder(start + state.next, limit, state.range, state.code);

  const leave = (): void => {
    state.next = exports.next.value - start;
    state.range = exports.range.value >>> 0;
    state.code = exports.code.value >>> 0;
  };

  const tooEarly = () => new FormatError('fqz', 'coded data end too early: the file is damaged');

  return {
    open(bytes, given) {
      state = given;
      start = take(bytes.length + LARGEST_OVERRUN + SLACK);
      new Uint8Array(memory.buffer).set(bytes, start);
      limit = start + bytes.length + LARGEST_OVERRUN;
      exports.prepareDecoder();
    },
    contexts(size, initial = []) {
      const at = take(4 * size);
      const words = reaching(free);
      words.fill(HALF, at / 4, at / 4 + size);
      for (let i = 0; i < initial.length; i++) {
        const probability = Math.min(Math.max(initial[i]!, FLOOR), 65536 - FLOOR);
        words[at / 4 + i] = (probability << 8) | INITIAL_WEIGHT;
      }
      return at;
    },
    levels(contexts, layout: CoreLayout) {
      const { shape, frequencyAxes, frequencies, chainAxis } = layout;
      const sizes = axesOf(layout).map((axis) => shape[axis]!);
      const count = sizes.reduce((product, size) => product * size, 1);
      const out = free + 64;
      // Rows are looked at by fours.
      const behind = (out + 4 * count + 31) & -16;
      const isChains = chainAxis !== undefined;
      const end = behind + (isChains ? 16 * (count / sizes[0]!) : 0);
      const words = reaching(end);
      words.set(sizes, free / 4);
      words.fill(0, out / 4, end / 4);
      enter();
      const model = isChains ? behind : 0;
      const error = exports.decodeLevels(contexts, out, free, frequencyAxes.length, sizes.length, frequencies, model);
      if (error) {
        if (error !== OUT_OF_RANGE) throw tooEarly();
        throw new FormatError('fqz', 'a coefficient is out of range: the file is damaged');
      }
      leave();
      return words.slice(out / 4, out / 4 + count);
    },
    patterns(contexts, count, exponentBits, mantissaBits, unused) {
      const words = reaching(free + 4 * count);
      enter();
      for (let done = 0, before = 0; done < count; done += PATTERNS) {
        const part = Math.min(PATTERNS, count - done);
        before = exports.decodePatterns(contexts, free + 4 * done, part, exponentBits, mantissaBits, unused, before);
        if (before < 0) throw tooEarly();
      }
      leave();
      return new Uint32Array(words.buffer).slice(free / 4, free / 4 + count);
    },
  };
}
