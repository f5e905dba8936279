/**
 * The WebAssembly builds that the runtime carries: the one with SIMD as printable text, and the one with relaxed SIMD made from
 * it, which saves the bytes of a second.
 */
import { SIMD } from './binaries.ts';

/** Characters of the text that stand for bytes of their own; two more move on by so many. */
const DIGITS = 88;
/** The byte of the first character: those from here on are the most frequent. */
const FIRST = -8;

// f32x4.mul, what pushes one more vector, f32x4.add: local.get, local.tee, global.get, i32.const, i32.add, loads of vectors,
// and products and sums that have been found before. It does not count what those push and take: a plain sum must not stand
// within a `madd`'s last argument. The tests of the kernels in a browser, where the build with relaxed SIMD runs, would tell.
const PRODUCT_AND_SUM =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the opcodes of WebAssembly are such
  /\xfd\xe6\x01((?=[ #A])(?:[ "#].|A[\x80-\xff]*.|j|\xfd[\0\t].[\x80-\xff]*.|\xfd\x85\x02\x01{3})+?)\xfd\xe4\x01/gs;
/** f32x4.relaxed_madd and, so that nothing moves, three times nop. */
const MADD = '$1\xfd\x85\x02\x01\x01\x01';

/** The bytes of the build with SIMD, or of that with relaxed SIMD, where a product and its sum are rounded at once. */
export function embeddedBuild(relaxed: boolean): Uint8Array<ArrayBuffer> {
  let bytes = textOf(SIMD);
  if (relaxed) {
    // From the inside of a chain of products to its outside.
    for (let before = ''; before !== bytes; ) {
      before = bytes;
      bytes = before.replace(PRODUCT_AND_SUM, MADD);
    }
    bytes = bytes.replace('plain', 'fused');
  }
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
}

/** The bytes, as characters, that scripts/build-wasm.mjs wrote as digits: # to ~ but for apostrophe and backslash. */
function textOf(digits: string): string {
  let bytes = '';
  let byte = FIRST;
  for (const character of digits) {
    const code = character.charCodeAt(0);
    const digit = code - 35 - Number(code > 39) - Number(code > 92);
    if (digit < DIGITS) {
      bytes += String.fromCharCode((byte + digit) & 255);
      byte = FIRST;
    } else byte += DIGITS * (digit - DIGITS + 1);
  }
  return bytes;
}
