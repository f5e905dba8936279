/**
 * The two builds that come from one text: `WebAssembly.validate` knows which instructions a module has.
 */
import { describe, expect, it } from 'vitest';
import { embeddedKernels } from '../../../runtime/wasm/embedded.ts';
import { hasRelaxedSimd } from '../../../runtime/wasm/instantiate.ts';

describe('the embedded kernels', () => {
  it('are a module that every engine with SIMD takes, and one for those with relaxed SIMD', () => {
    expect(WebAssembly.validate(embeddedKernels(false))).toBe(true);
    expect(WebAssembly.validate(embeddedKernels(true))).toBe(hasRelaxedSimd());
  });

  it('differ in their multiply-adds only, in place', () => {
    const [plain, relaxed] = [false, true].map((isRelaxed) => Buffer.from(embeddedKernels(isRelaxed)).toString('hex'));
    expect(relaxed!.length).toBe(plain!.length);
    // local.set, f32x4.mul, local.get, f32x4.add; f32x4.relaxed_madd and seven times nop.
    const apart = /21(..)fde60120\1fde401/g;
    expect(plain!.match(apart)!.length).toBeGreaterThan(50);
    expect(plain!.replace(apart, 'fd850201010101010101')).toBe(relaxed);
  });
});
