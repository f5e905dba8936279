/**
 * Writes the WebAssembly that the built runtime embeds as files beside it, for pages and platforms that host or compile it
 * themselves.
 */
import { writeFileSync } from 'node:fs';
import { RELAXED, SIMD } from '../dist/runtime/wasm/binaries.js';

for (const [name, digits] of Object.entries({ simd: SIMD, 'relaxed-simd': RELAXED })) {
  writeFileSync(new URL(`../dist/runtime/wasm/${name}.wasm`, import.meta.url), Buffer.from(digits, 'hex'));
}
