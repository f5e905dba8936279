/**
 * The runtime as one module that a page can serve as it is.
 *
 * rolldown bundles and shortens, terser shortens again and gives names: together they leave less than either of them, or
 * swc or esbuild, after brotli; and terser is a well-kept minifier that can be told which properties to rename, and what to call
 * variables.
 */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { parseSync } from 'rolldown/utils';
import { minify } from 'terser';
import { eagerFunctions } from './eager-functions.mjs';
import { changeableNames } from './property-names.mjs';
import { squeezeShaders } from './squeeze-shaders.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The most frequent letters of JavaScript first. */
const LETTERS = [...'etnrioaslcdufpmhgvybwkxTSOCIEADPMRBjLNFqzHUWGVKJYXQZ'];
const PAIRS = LETTERS.flatMap((first) => LETTERS.map((second) => first + second));
const TAKEN = new Set(['do', 'if', 'in']);
const TWO_LETTERS = PAIRS.filter((name) => !TAKEN.has(name));

/** What pays after brotli, and holds here: no getter does anything but get, no class is called as a function. */
const COMPRESS = {
  ecma: 2022,
  passes: 4,
  pure_getters: true,
  keep_fargs: false,
  unsafe_arrows: true,
  unsafe_methods: true,
  if_return: false,
  join_vars: false,
  lhs_constants: false,
};

/** The bundle of runtime/index.ts, auto.ts, webgpu.ts or full.ts: see bundle-runtime.d.mts. */
export async function bundleRuntime(entry = 'index') {
  const input = `${root}runtime/${entry}.ts`;
  const { code, map, moduleIds } = await bundle(input, { minify: { compress: true, mangle: false }, sourcemap: true });
  const files = moduleIds.filter((id) => id.endsWith('.ts'));
  const renamed = changeableNames(code, files, input, await wasmNames());

  const short = await minify(code, { module: true, compress: COMPRESS, mangle: false, sourceMap: { content: map } });
  // All of one letter are left to local variables, which then have the same names in more functions.
  const named = await minify(short.code, {
    module: true,
    compress: false,
    mangle: { properties: { regex: new RegExp(`^(${renamed.join('|')})$`), builtins: true, keep_quoted: true } },
    nameCache: { vars: { props: namesFor(topNames(short.code), TWO_LETTERS) } },
    sourceMap: { content: short.map },
  });
  return { ...eagerFunctions(named.code, named.map), files, renamed };
}

/** Bundles `input`, all of which must fit in one module. */
async function bundle(input, options = {}) {
  const build = await rolldown({ input, platform: 'browser', plugins: [squeezeShaders('/runtime/webgpu/')] });
  const { output } = await build.generate({ format: 'esm', ...options });
  await build.close();
  const [chunk, ...others] = output.filter(({ type }) => type === 'chunk');
  const outside = [...chunk.imports, ...chunk.dynamicImports, ...others.map(({ fileName }) => fileName)];
  if (outside.length > 0) throw new Error(`${input} is not one module but needs ${outside.join(', ')}`);
  return chunk;
}

/** What the kernels import and export. */
async function wasmNames() {
  const { code } = await bundle(`${root}runtime/wasm/embedded.ts`);
  const { embeddedKernels } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const module = new WebAssembly.Module(embeddedKernels(false));
  const imports = WebAssembly.Module.imports(module).flatMap(({ module: from, name }) => [from, name]);
  return [...imports, ...WebAssembly.Module.exports(module).map(({ name }) => name)];
}

/** The names that a module declares at its top. */
function topNames(code) {
  return parseSync('bundle.js', code).program.body.flatMap((statement) => {
    const declared = statement.declarations ?? [statement];
    return declared.flatMap(({ id }) => (id?.type === 'Identifier' ? [id.name] : []));
  });
}

/** terser's cache of names in which each of `names` has been given one of `shorter`. */
function namesFor(names, shorter) {
  return Object.fromEntries(names.map((name, at) => [`$${name}`, shorter[at]]));
}
