/**
 * The reader as a bundler packs it for a page: nothing of Node, and the HDF5 library apart, for who reads an HDF5 file.
 */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { expect, it } from 'vitest';

it('bundles for a page, with the HDF5 library in a part of its own', async () => {
  const input = fileURLToPath(new URL('../../../formats/keras/index.ts', import.meta.url));
  const build = await rolldown({ input, platform: 'browser' });
  const { output } = await build.generate({ format: 'esm', minify: true });
  await build.close();
  const chunks = output.filter((part) => part.type === 'chunk');
  const [entry, ...others] = chunks;
  const names = new Set(chunks.map(({ fileName }) => fileName));
  for (const { imports, dynamicImports } of chunks) {
    for (const name of [...imports, ...dynamicImports]) expect(names).toContain(name);
  }
  expect(entry!.exports.sort()).toEqual(['FormatError', 'UnsupportedError', 'readKeras']);
  expect(entry!.code.length).toBeLessThan(200_000);
  expect(entry!.moduleIds.filter((id) => id.includes('h5wasm'))).toEqual([]);
  expect(others.some(({ moduleIds }) => moduleIds.some((id) => id.includes('h5wasm')))).toBe(true);
});
