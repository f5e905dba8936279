/**
 * Writes the WebAssembly that the built runtime embeds as files beside it, for pages and platforms that host or compile it
 * themselves.
 */
import { writeFileSync } from 'node:fs';
import { embeddedBuild } from '../dist/runtime/wasm/embedded.js';

for (const [name, relaxed] of Object.entries({ simd: false, 'relaxed-simd': true })) {
  writeFileSync(new URL(`../dist/runtime/wasm/${name}.wasm`, import.meta.url), embeddedBuild(relaxed));
}
