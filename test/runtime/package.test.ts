/**
 * The package as its users get it: its entries after the build, and the runtime as a bundler packs it for a page.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { KERNELS } from '../../runtime/wasm/binaries.ts';
import { bundleRuntime, type RuntimeBundle } from '../../scripts/bundle-runtime.mjs';

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

  it.each(['auto', 'webgpu'])('exports sessions and tensors on the GPU as fqz/runtime/%s', (build) => {
    expect(exportsOf(`fqz/runtime/${build}`).sort()).toEqual([...SESSIONS, 'Tensor'].sort());
  });

  it('exports the same and the reference decoder as fqz/runtime/full', () => {
    expect(exportsOf('fqz/runtime/full').sort()).toEqual(
      [...SESSIONS, 'PREPARATION_DEFAULTS', 'Tensor', 'decodeFqz', 'isFqz'].sort(),
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

  it('exports the reader of Keras models as fqz/keras', () => {
    expect(exportsOf('fqz/keras').sort()).toEqual(['FormatError', 'UnsupportedError', 'readKeras']);
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

/** Bytes after brotli that the bundles may take, WebAssembly within: what they take now, and what brotli's luck adds. The aims are 40,000 for `index` and 60,000 for `auto`. */
const LARGEST = { index: 46_400, auto: 62_900, webgpu: 54_300, full: 76_700 };

/** The kernels, with quotes and backslashes escaped as the minifier likes: they begin with what WebAssembly begins with. */
const EMBEDDED = /(["'`])#\|\(\|:\|4\$(\\.|(?!\1)[^\\])*\1/;
/** What every shader begins with. */
const SHADER = '@workgroup_size';

describe.each(['index', 'auto', 'webgpu', 'full'] as const)('runtime/%s, bundled for a page', (entry) => {
  let bundle: RuntimeBundle;
  beforeAll(async () => {
    bundle = await bundleRuntime(entry);
  });

  it('holds no package and nothing of Node, and is small', () => {
    const { code, files } = bundle;
    expect(files.length).toBeGreaterThan(50);
    for (const file of files) expect(file).toMatch(/\/(runtime|formats\/fqz|src)\/[^:]*\.ts$/);
    expect(code).not.toMatch(/\bimport\b/);
    const own = code.replace(EMBEDDED, '');
    expect(own).not.toMatch(/\b(process|Buffer|require|eval|Function)\b/);
    const bytes = (text: string) => brotliCompressSync(text).length;
    const size = bytes(code);
    console.info(`runtime/${entry}: ${size} bytes after brotli, ${bytes(own)} of them without WebAssembly`);
    expect(size).toBeLessThanOrEqual(LARGEST[entry]);
  });

  it('has the backends that it is for', () => {
    const { code, files } = bundle;
    const holds = (folder: string) => files.some((file) => file.includes(`/runtime/${folder}/`));
    expect(code.includes(SHADER)).toBe(entry !== 'index');
    expect(holds('webgpu')).toBe(entry !== 'index');
    const kernels = code.match(EMBEDDED)?.[0].length ?? 0;
    if (entry === 'webgpu') expect(kernels).toBe(0);
    else expect(kernels).toBeGreaterThan(KERNELS.length);
    expect(holds('wasm')).toBe(entry !== 'webgpu');
  });

  it('has other names for what is of no concern outside only', () => {
    const { renamed } = bundle;
    expect(renamed.length).toBeGreaterThan(50);
    const outside = [
      'shape',
      'data',
      'dtype',
      'inputs',
      'onProgress',
      'phase',
      'memory',
      'variant',
      'fallback',
      'warmup',
    ];
    const byText = ['conv', 'matmul', 'decodeLevels', 'Conv', 'kernel_shape', 'customSections', 'throwIfAborted'];
    for (const name of [...outside, ...byText]) expect(renamed).not.toContain(name);
  });
});
