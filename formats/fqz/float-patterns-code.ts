/**
 * Code for the bit patterns of floating-point numbers that must come back bit for bit (SPEC.md, "Float patterns").
 */
import type { BitCoder } from './bit-coder.ts';
import { damaged } from './format.ts';
import { type Code, flagCode, perKey, treeCode } from './symbols.ts';

/** The floating-point types whose patterns are modelled, with their bit widths. */
export const FLOAT_LAYOUTS = {
  float32: { exponent: 8, mantissa: 23 },
  float16: { exponent: 5, mantissa: 10 },
  bfloat16: { exponent: 8, mantissa: 7 },
} as const;

export type PatternDType = keyof typeof FLOAT_LAYOUTS;

export function hasPatterns(dtype: string): dtype is PatternDType {
  return dtype in FLOAT_LAYOUTS;
}

/** Bits of the mantissa that are modelled; in trained weights the rest are noise. */
const MODELLED_BITS = 2;

/** What a file says of patterns. */
export interface PatternSymbols {
  /** How many low mantissa bits are zero in all of them: 13 in float32 weights that were float16 once. */
  readonly zeroBits: number;
  readonly patterns: Uint32Array;
}

/** Takes the patterns when writing, and returns `count` of them. */
export type FloatPatternsCode = (dtype: PatternDType, count: number, given?: PatternSymbols) => Uint32Array;

/** Makes the code of bit patterns of the float types; each type has statistics of its own. */
export function floatPatternsCode(coder: BitCoder): FloatPatternsCode {
  const codes = perKey((dtype: PatternDType) => floatLayoutCode(coder, FLOAT_LAYOUTS[dtype]));
  return (dtype, count, given) => codes(dtype)(count, given);
}

/** Makes the code of how many low mantissa bits are zero in all patterns. */
export function zeroBitsCode(coder: BitCoder, mantissaBits: number): Code<number> {
  const code = treeCode(coder, 5);
  return (given) => {
    const bits = code(given);
    if (bits > mantissaBits) throw damaged('a float has no mantissa');
    return bits;
  };
}

/** Patterns of one float layout: exponent in the context of the one before, sign, mantissa. */
function floatLayoutCode(coder: BitCoder, layout: { exponent: number; mantissa: number }) {
  const { exponent: exponentBits, mantissa: mantissaBits } = layout;
  const zeroBits = zeroBitsCode(coder, mantissaBits);
  const exponentAfter = perKey(() => treeCode(coder, exponentBits));
  const zero = flagCode(coder);
  const zeroSign = flagCode(coder);
  const top = treeCode(coder, MODELLED_BITS);

  return (count: number, given?: PatternSymbols): Uint32Array => {
    coder.expect(count * exponentBits);
    const values = new Uint32Array(count);
    const patterns = given?.patterns ?? values;
    const unused = zeroBits(given?.zeroBits);
    const direct = Math.max(0, mantissaBits - MODELLED_BITS - unused);
    const signPlace = exponentBits + mantissaBits;
    for (let at = 0, before = 0; at < count; at++) {
      const pattern = patterns[at]!;
      const exponent = exponentAfter(before)((pattern >>> mantissaBits) & ((1 << exponentBits) - 1));
      before = exponent;
      if (exponent === 0 && zero((pattern & ((1 << mantissaBits) - 1)) === 0)) {
        values[at] = (zeroSign(pattern >>> signPlace === 1) ? 1 << signPlace : 0) >>> 0;
        continue;
      }
      const sign = coder.direct(1, pattern >>> signPlace);
      const high = top((pattern >>> (mantissaBits - MODELLED_BITS)) & ((1 << MODELLED_BITS) - 1));
      let low = 0;
      for (let left = direct; left > 0; ) {
        const width = Math.min(left, 16);
        left -= width;
        low = (low << width) | coder.direct(width, (pattern >>> (unused + left)) & ((1 << width) - 1));
      }
      values[at] =
        ((sign << signPlace) |
          (exponent << mantissaBits) |
          (high << (mantissaBits - MODELLED_BITS)) |
          (low << unused)) >>>
        0;
    }
    return values;
  };
}

/** The symbols of patterns; for a writer. */
export function patternSymbols(dtype: PatternDType, patterns: Uint32Array): PatternSymbols {
  const { mantissa } = FLOAT_LAYOUTS[dtype];
  let union = 0;
  for (const pattern of patterns) union |= pattern;
  const lowest = union & ((1 << mantissa) - 1);
  const zeros = lowest === 0 ? mantissa : 31 - Math.clz32(lowest & -lowest);
  return { zeroBits: Math.min(zeros, mantissa - MODELLED_BITS), patterns };
}
