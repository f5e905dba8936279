/**
 * Writes what a page serves, with source maps: dist/fqz-runtime.js for `fqz/runtime`, dist/fqz-runtime-full.js for
 * `fqz/runtime/full`, and so on.
 */
import { writeFileSync } from 'node:fs';
import { bundleRuntime } from './bundle-runtime.mjs';

const FILES = {
  index: 'fqz-runtime.js',
  auto: 'fqz-runtime-auto.js',
  webgpu: 'fqz-runtime-webgpu.js',
  full: 'fqz-runtime-full.js',
};

for (const [entry, name] of Object.entries(FILES)) {
  const { code, map } = await bundleRuntime(entry);
  writeFileSync(new URL(`../dist/${name}`, import.meta.url), code);
  writeFileSync(new URL(`../dist/${name}.map`, import.meta.url), map);
}
