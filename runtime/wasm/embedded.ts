/**
 * The WebAssembly kernels that the runtime carries, from the characters of scripts/build-wasm.mjs.
 */
import { APART, FUSED, KERNELS } from './binaries.ts';

/** The build with or without relaxed SIMD. */
export function embeddedKernels(relaxed: boolean): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(KERNELS.replace(/~(.)/g, relaxed ? FUSED : APART));
  let length = 0;
  let page = 0;
  bytes.forEach((code) => {
    if (code > 123) {
      page = 92 * (code - 123);
    } else {
      bytes[length++] = code - 35 + page;
      page = 0;
    }
  });
  return bytes.subarray(0, length);
}
