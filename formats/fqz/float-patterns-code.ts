/**
 * The bit patterns of floating-point numbers that must come back bit for bit (SPEC.md, "Float patterns").
 */
import type { BitCoder } from './bit-coder.ts';
import { atMost } from './format.ts';
import { branch, contextsOf, direct, tree } from './symbols.ts';

/** The floating-point types whose patterns are modelled, with the bits of their exponents and mantissas. */
export const FLOAT_LAYOUTS = {
  float32: [8, 23],
  float16: [5, 10],
  bfloat16: [8, 7],
} as const;

export type PatternDType = keyof typeof FLOAT_LAYOUTS;

export function hasPatterns(dtype: string): dtype is PatternDType {
  return dtype in FLOAT_LAYOUTS;
}

/** Bits of the mantissa that are modelled; in trained weights the rest are noise. */
export const MODELLED_BITS = 2;

/** How many low mantissa bits are 0 in all patterns that follow. */
export function zeroBits(coder: BitCoder, name: string, mantissaBits: number): number {
  const what = `zero bits of ${name}`;
  return atMost(what, tree(coder, what, 5), mantissaBits);
}

/** Codes `count` patterns, with the statistics of `where` they stand. */
export type PatternsCode = (where: string, dtype: PatternDType, count: number) => Uint32Array;

/**
 * Contexts of patterns with so many exponent bits: a tree of the exponent behind each exponent, flags of zero and of its sign, a
 * tree of the highest mantissa bits.
 */
export function patternContexts(exponentBits: number): number {
  return (1 << (2 * exponentBits)) + 2 + (1 << MODELLED_BITS);
}

/** Codes patterns one by one. */
export function floatPatternsCode(coder: BitCoder): PatternsCode {
  return (where, dtype, count) => {
    const [exponentBits, mantissaBits] = FLOAT_LAYOUTS[dtype];
    const name = `${where} ${dtype}`;
    coder.expect(count * exponentBits);
    const unused = zeroBits(coder, name, mantissaBits);
    const lowBits = Math.max(0, mantissaBits - MODELLED_BITS - unused);
    const contexts = contextsOf(coder, name, patternContexts(exponentBits));
    const zero = 1 << (2 * exponentBits);
    const patterns = new Uint32Array(count);
    for (let at = 0, exponent = 0; at < count; at++) {
      exponent = branch(coder, contexts, exponent << exponentBits, exponentBits);
      const isZero = exponent === 0 && coder.bit(contexts, zero, coder.given());
      let pattern = exponent << mantissaBits;
      const sign = isZero ? coder.bit(contexts, zero + 1, coder.given()) : coder.direct(1, coder.given());
      if (!isZero) {
        pattern |= branch(coder, contexts, zero + 2, MODELLED_BITS) << (mantissaBits - MODELLED_BITS);
        if (lowBits) pattern |= direct(coder, lowBits, coder.given()) << unused;
      }
      patterns[at] = pattern | (sign << (exponentBits + mantissaBits));
    }
    return patterns;
  };
}
