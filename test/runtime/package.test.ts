/**
 * The package as its users get it: its entries after the build, and the runtime as a bundler packs it for a page.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { describe, expect, it } from 'vitest';
import * as runtime from '../../runtime/index.ts';
import { convert } from '../../src/convert.ts';
import { smallModel } from '../support/small-model.ts';

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

  it('exports the reference decoder as fqz/runtime', () => {
    expect(exportsOf('fqz/runtime').sort()).toEqual([
      'FormatError',
      'PREPARATION_DEFAULTS',
      'UnsupportedError',
      'decodeFqz',
      'isFqz',
    ]);
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

describe('fqz/runtime, bundled for a page', () => {
  /** Bytes after minifying and brotli that the reference decoder may take. */
  const LARGEST = 20_000;

  it('holds no package and nothing of Node, and is small', async () => {
    const build = await rolldown({ input: `${root}runtime/index.ts`, platform: 'browser' });
    const { output } = await build.generate({ format: 'esm', minify: true });
    await build.close();
    expect(output).toHaveLength(1);
    const [chunk] = output;
    expect([...chunk.imports, ...chunk.dynamicImports]).toEqual([]);
    expect(chunk.moduleIds.length).toBeGreaterThan(15);
    for (const id of chunk.moduleIds) expect(id).toMatch(/\/(runtime|formats\/fqz|src)\/[^:]*\.ts$/);
    expect(chunk.code).not.toMatch(/\b(process|Buffer|require|eval|globalThis)\b/);
    const size = brotliCompressSync(chunk.code).length;
    console.info(`fqz/runtime: ${chunk.code.length} bytes minified, ${size} after brotli`);
    expect(size).toBeLessThan(LARGEST);

    const folder = mkdtempSync(join(tmpdir(), 'fqz-'));
    try {
      const path = join(folder, 'runtime.mjs');
      writeFileSync(path, chunk.code);
      const bundled: typeof runtime = await import(/* @vite-ignore */ pathToFileURL(path).href);
      const { bytes } = await convert(smallModel());
      const [ours, theirs] = [runtime.decodeFqz(bytes), bundled.decodeFqz(bytes)];
      for (const name of ours.weights.keys()) expect(theirs.weight(name)).toEqual(ours.weight(name));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
