/**
 * Writes the WebAssembly that the built runtime embeds as files beside it, for pages and platforms that host or compile it
 * themselves. A custom section says of the relaxed build what it is.
 */
import { writeFileSync } from 'node:fs';
import { embeddedKernels } from '../dist/runtime/wasm/embedded.js';

const NAME = Buffer.from('\x07relaxed');
const MARKS = { simd: [], 'relaxed-simd': [Buffer.of(0, NAME.length), NAME] };

for (const [name, marks] of Object.entries(MARKS)) {
  const bytes = Buffer.concat([embeddedKernels(marks.length > 0), ...marks]);
  writeFileSync(new URL(`../dist/runtime/wasm/${name}.wasm`, import.meta.url), bytes);
}
