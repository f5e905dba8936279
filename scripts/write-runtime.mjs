/**
 * Writes what a page serves, `fqz/runtime` and `fqz/runtime/full` bundled, with source maps: dist/fqz-runtime.js and
 * dist/fqz-runtime-full.js.
 */
import { writeFileSync } from 'node:fs';
import { bundleRuntime } from './bundle-runtime.mjs';

const FILES = { index: 'fqz-runtime.js', full: 'fqz-runtime-full.js' };

for (const [entry, name] of Object.entries(FILES)) {
  const { code, map } = await bundleRuntime(entry);
  writeFileSync(new URL(`../dist/${name}`, import.meta.url), code);
  writeFileSync(new URL(`../dist/${name}.map`, import.meta.url), map);
}
