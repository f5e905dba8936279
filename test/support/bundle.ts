/**
 * The runtime as a bundler packs it for a page.
 */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** One minified module with all that `fqz/runtime` (index) or `fqz/runtime/full` needs. Throws where that is not one module. */
export async function bundleRuntime(entry: 'index' | 'full' = 'index') {
  const build = await rolldown({ input: `${root}runtime/${entry}.ts`, platform: 'browser' });
  const { output } = await build.generate({ format: 'esm', minify: true });
  await build.close();
  const [chunk, ...others] = output;
  if (others.length > 0) throw new Error(`the bundle has ${output.length} parts`);
  return chunk;
}
