/**
 * The package as its users get it: its entries after the build, and the runtime as a bundler packs it for a page.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import * as runtime from '../../runtime/index.ts';
import { KERNELS } from '../../runtime/wasm/binaries.ts';
import { convert } from '../../src/convert.ts';
import { bundleRuntime } from '../support/bundle.ts';
import { noise, smallModel } from '../support/small-model.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe.skipIf(!existsSync(`${root}dist/runtime/index.js`))('the built package (skipped before npm run build)', () => {
  /** Names that an entry exports, seen from a program in the repository that imports it by name. */
  const exportsOf = (entry: string): string[] => {
    const script = `console.log(JSON.stringify(Object.keys(await import('${entry}'))))`;
    return JSON.parse(
      execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        cwd: root,
        encoding: 'utf8',
        stdio: 'pipe',
      }),
    );
  };

  const SESSIONS = ['FormatError', 'LOAD_DEFAULTS', 'UnsupportedError', 'load', 'tensor'];

  it('exports sessions as fqz/runtime', () => {
    expect(exportsOf('fqz/runtime').sort()).toEqual(SESSIONS);
  });

  it('exports the same and the reference decoder as fqz/runtime/full', () => {
    expect(exportsOf('fqz/runtime/full').sort()).toEqual(
      [...SESSIONS, 'PREPARATION_DEFAULTS', 'decodeFqz', 'isFqz'].sort(),
    );
  });

  it('exports sessions as fqz/ort', () => {
    expect(exportsOf('fqz/ort').sort()).toEqual([
      'FormatError',
      'OnnxruntimeError',
      'SESSION_DEFAULTS',
      'UnsupportedError',
      'createSession',
    ]);
  });

  it('exports the converter as fqz', () => {
    const names = exportsOf('fqz');
    for (const name of [
      'convert',
      'evaluate',
      'inspectArchive',
      'readFqz',
      'readOnnx',
      'unpack',
      'verify',
      'writeOnnx',
    ]) {
      expect(names).toContain(name);
    }
  });

  it('exports nothing else by path', () => {
    expect(() => exportsOf('fqz/dist/src/convert.js')).toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
});

/** Bytes after minifying and brotli that the builds may take, WebAssembly within: what they take now. The aim for `index` is 40,000. */
const LARGEST = { index: 45_900, full: 59_400 };

describe.each(['index', 'full'] as const)('runtime/%s, bundled for a page', (entry) => {
  it('holds no package and nothing of Node, and is small', async () => {
    const chunk = await bundleRuntime(entry);
    expect([...chunk.imports, ...chunk.dynamicImports]).toEqual([]);
    expect(chunk.moduleIds.length).toBeGreaterThan(50);
    for (const id of chunk.moduleIds) expect(id).toMatch(/\/(runtime|formats\/fqz|src)\/[^:]*\.ts$/);
    // Within, quotes and backslashes are escaped as the minifier likes.
    const [first, last] = [KERNELS.slice(0, 10), KERNELS.slice(-10)].map((part) => chunk.code.indexOf(part));
    expect(last! - first!).toBeGreaterThanOrEqual(KERNELS.length - 10);
    const code = chunk.code.slice(0, first) + chunk.code.slice(last! + 10);
    expect(code).not.toMatch(/\b(process|Buffer|require|eval|Function)\b/);
    const bytes = (text: string) => brotliCompressSync(text).length;
    const size = bytes(chunk.code);
    console.info(`runtime/${entry}: ${size} bytes after brotli, ${bytes(code)} of them without WebAssembly`);
    expect(size).toBeLessThanOrEqual(LARGEST[entry]);
  });

  it('computes what it does unbundled', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fqz-'));
    try {
      const path = join(folder, 'runtime.mjs');
      writeFileSync(path, (await bundleRuntime(entry)).code);
      const bundled: typeof runtime = await import(/* @vite-ignore */ pathToFileURL(path).href);
      const { bytes } = await convert(smallModel());
      const image = { data: noise([1, 3, 8, 8]).data, shape: [1, 3, 8, 8] };
      const run = async ({ load }: typeof runtime) => (await (await load(bytes)).run({ image })).logits;
      expect(await run(bundled)).toEqual(await run(runtime));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
