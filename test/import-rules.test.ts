import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  COMPUTED,
  cycles,
  type ImportRule,
  importsOf,
  matches,
  reachable,
  violations,
} from './support/import-graph.ts';

const GRAPH = ['src/graph/', 'src/errors.ts'];

/** The part of the codec that a decoder needs. */
const DECODE_HALF = [
  'archive',
  'chain-model',
  'cosines',
  'dct',
  'dependent',
  'einsum',
  'expand',
  'half',
  'narrowing',
  'network',
  'odd-dct',
  'remember',
  'step',
  'zigzag',
].map((name) => `src/codec/${name}.ts`);

/** The graph's types, and the tables that say what operators mean. */
const GRAPH_TYPES = ['dtype', 'graph', 'op-table', 'preparation', 'tensor', 'typed-arrays', 'unmodelled'].map(
  (name) => `src/graph/${name}.ts`,
);

/** What the runtime needs of the file format. */
const READ_HALF = ['read', 'weight-header'].map((name) => `formats/fqz/${name}.ts`);

/** The runtime without its adapter to onnxruntime. */
const RUNTIME = ['*', 'js/', 'kernels/', 'operators/', 'plan/', 'wasm/', 'webgpu/'].map((part) => `runtime/${part}`);

/** AssemblyScript, which has a compiler and paths of its own. */
const ASSEMBLY = 'runtime/wasm/assembly/';

/** What only a writer of `.fqz` files needs. */
const ENCODE_HALF = [
  'range-encoder',
  'write',
  'compact',
  'attribute-symbols',
  'graph-symbols',
  'header-of',
  'number-symbols',
  'refinement-symbols',
  'written-symbols',
].map((name) => `formats/fqz/${name}.ts`);

/** Large, and not needed to read a file and place its weights. */
const HEAVY = ['src/codec/dct.ts', 'src/codec/odd-dct.ts', 'src/graph/op-table.ts'];

/** Who may import whom. `ARCHITECTURE.md` tells why. */
const TABLE: readonly ImportRule[] = [
  { files: ['src/errors.ts'], may: [] },
  { files: ['src/graph/'], may: [...GRAPH, '@petamoriken/float16'] },
  { files: ['formats/onnx/file.ts'], may: ['formats/onnx/', ...GRAPH, 'node:fs', 'node:path'] },
  { files: ['formats/onnx/'], may: ['formats/onnx/', ...GRAPH, 'protobufjs/minimal.js'] },
  { files: ['formats/keras/file.ts'], may: ['formats/keras/', ...GRAPH, 'node:fs', 'node:path'] },
  { files: ['formats/keras/hdf5.ts'], may: ['formats/keras/', ...GRAPH, 'h5wasm'] },
  { files: ['formats/keras/zip.ts'], may: [...GRAPH, 'fflate'] },
  { files: ['formats/keras/'], may: ['formats/keras/', ...GRAPH] },
  { files: ['formats/fqz/'], may: ['formats/fqz/', ...GRAPH, ...DECODE_HALF] },
  { files: ['src/codec/'], may: ['src/codec/', ...GRAPH, '@petamoriken/float16'] },
  { files: ['src/onnxruntime.ts'], may: [...GRAPH, 'onnxruntime-web', COMPUTED] },
  { files: ['src/data/'], may: ['src/data/', ...GRAPH, 'src/onnxruntime.ts', 'node:', 'fflate', 'sharp'] },
  {
    files: ['src/fit/rules/', 'src/fit/gradient.ts', 'src/fit/emit.ts'],
    may: ['src/fit/rules/', 'src/fit/emit.ts', ...GRAPH],
  },
  {
    files: ['src/fit/'],
    may: ['src/fit/', 'src/codec/', 'src/foreign-graph.ts', 'formats/onnx/', 'formats/fqz/', ...GRAPH],
  },
  { files: ['src/*'], may: ['src/*', 'src/codec/', 'src/data/', 'src/fit/', ...GRAPH, 'formats/', 'fflate'] },
  {
    files: ['src/cli/'],
    may: ['src/', 'formats/', 'runtime/', 'node:', 'commander', 'cli-progress'],
  },
  {
    files: ['runtime/ort/'],
    may: [
      'runtime/ort/',
      'formats/fqz/read.ts',
      'formats/onnx/',
      'src/codec/archive.ts',
      'src/onnxruntime.ts',
      'src/unpack.ts',
      ...GRAPH,
    ],
  },
  {
    files: ['runtime/'],
    may: [...RUNTIME, ...READ_HALF, ...DECODE_HALF, ...GRAPH_TYPES, 'src/errors.ts'],
  },
];

const root = fileURLToPath(new URL('..', import.meta.url));

/** The sources of the package, by path. */
const sources = new Map(
  ['src', 'formats', 'runtime'].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
      .filter((path) => !path.startsWith(ASSEMBLY))
      .map((path) => [path, readFileSync(`${root}${path}`, 'utf8')] as const),
  ),
);
const imports = importsOf(sources);
const packagesIn = (paths: Iterable<string>) => [...paths].filter((path) => !sources.has(path));

describe('the sources', () => {
  it('import only what the table allows', () => {
    expect(sources.size).toBeGreaterThan(100);
    expect(violations(sources, TABLE)).toEqual([]);
  });

  it('have no row in the table that matches nothing', () => {
    for (const { files } of TABLE) {
      for (const pattern of files)
        expect(
          [...sources.keys()].some((path) => matches(path, pattern)),
          pattern,
        ).toBe(true);
    }
  });

  it('import each other in no circle, other than by type', () => {
    expect(cycles(imports)).toEqual([]);
  });

  it.each(['runtime/index.ts', 'formats/fqz/read.ts'])(
    '%s reaches no package, no encoder, and nothing of Node',
    (entry) => {
      const reached = reachable(imports, entry);
      expect(reached).toContain('formats/fqz/range-decoder.ts');
      expect(packagesIn(reached)).toEqual([]);
      for (const path of [...ENCODE_HALF, ...HEAVY]) expect(reached).not.toContain(path);
      for (const path of reached) expect(path).not.toMatch(/^src\/(cli|data|fit|convert)/);
      const codec = [...reached].filter((path) => path.startsWith('src/codec/'));
      expect(codec.filter((path) => !DECODE_HALF.includes(path))).toEqual([]);
    },
  );

  it('keep the AssemblyScript to itself and the constants that both halves share', () => {
    const names = readdirSync(`${root}${ASSEMBLY}`).filter((name) => name.endsWith('.ts'));
    const imported = names.flatMap((name) =>
      [...readFileSync(`${root}${ASSEMBLY}${name}`, 'utf8').matchAll(/from '([^']+)'/g)].map(([, path]) => path!),
    );
    expect(imported.length).toBeGreaterThan(20);
    expect(imported.filter((path) => !path.startsWith('./') && path !== '../../kernels/opcodes')).toEqual([]);
  });

  it('reach nothing of Node from fqz/ort', () => {
    expect(packagesIn(reachable(imports, 'runtime/ort/index.ts')).sort()).toEqual([
      COMPUTED,
      '@petamoriken/float16',
      'fflate',
      'onnxruntime-web',
      'protobufjs/minimal.js',
    ]);
  });

  it('reach nothing of Node from fqz/keras', () => {
    expect(packagesIn(reachable(imports, 'formats/keras/index.ts')).sort()).toEqual([
      '@petamoriken/float16',
      'fflate',
      'h5wasm',
    ]);
  });

  it('depend on the packages that they import, and on no other', () => {
    const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
    const names = packagesIn(imports.map(({ to }) => to)).filter((to) => !to.startsWith('node:') && to !== COMPUTED);
    const packages = names.map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    );
    expect([...new Set(packages)].sort()).toEqual(Object.keys(dependencies).sort());
  });
});

describe('the rules', () => {
  const files = (entries: Record<string, string>) => new Map(Object.entries(entries));
  const broken = (entries: Record<string, string>) => violations(files(entries), TABLE);

  it.each([
    ['src/graph/a.ts', "import { x } from '../codec/network.ts';"],
    ['src/graph/a.ts', "import type { X } from '../codec/network.ts';"],
    ['src/codec/a.ts', "export * from '../../formats/fqz/read.ts';"],
    ['src/codec/a.ts', "export { x } from '../../formats/fqz/read.ts';"],
    ['formats/onnx/a.ts', "const { x } = await import('../fqz/read.ts');"],
    ['formats/onnx/a.ts', "import { readFileSync } from 'node:fs';"],
    ['formats/fqz/a.ts', "import { deflate } from 'fflate';"],
    ['formats/keras/a.ts', "import { File } from 'h5wasm';"],
    ['formats/keras/a.ts', "import { readOnnx } from '../onnx/read.ts';"],
    ['formats/fqz/a.ts', "import { planWeight } from '../../src/codec/plan.ts';"],
    ['runtime/a.ts', "import { toFloat32 } from '../src/graph/numbers.ts';"],
    ['runtime/a.ts', "import { createSession } from './ort/session.ts';"],
    ['runtime/a.ts', "import '../formats/fqz/write.ts';"],
    ['runtime/ort/a.ts', "import { convert } from '../../src/convert.ts';"],
    ['src/convert.ts', "type Io = import('./cli/io.ts').Io;"],
    ['src/convert.ts', 'const name = "x"; await import(name);'],
  ])('are broken by %s: %s', (path, source) => {
    const targets = importsOf(files({ [path]: source })).map(({ to }) => [to, ''] as const);
    expect(targets).toHaveLength(1);
    const found = broken({ ...Object.fromEntries(targets.filter(([to]) => to.endsWith('.ts'))), [path]: source });
    expect(found).toEqual([`${path} imports ${targets[0]![0]}`]);
  });

  it('are kept by imports that the table allows, and by what only looks like an import', () => {
    const kept = {
      'src/errors.ts': '/** See import("node:fs"). */ export const text = "import x from \'node:fs\'";',
      'src/graph/a.ts': "import { FormatError } from '../errors.ts'; // import './b.ts'",
      'formats/onnx/file.ts': "import { readFileSync } from 'node:fs';",
    };
    expect(broken(kept)).toEqual([]);
  });

  it('find a file without a row, and a file that is not there', () => {
    expect(broken({ 'src/new/a.ts': '' })).toEqual(['src/new/a.ts has no row in the table']);
    expect(broken({ 'src/graph/a.ts': "import './b.ts';" })).toEqual([
      'src/graph/a.ts imports src/graph/b.ts, which is not there',
    ]);
  });

  it('find circles, but not circles of types', () => {
    const circle = (kind: string) =>
      importsOf(
        files({
          'a.ts': "import './b.ts';",
          'b.ts': "export * from './c.ts'; import './d.ts';",
          'c.ts': `import ${kind} { A } from './a.ts';`,
          'd.ts': '',
        }),
      );
    expect(cycles(circle(''))).toEqual([['a.ts', 'b.ts', 'c.ts']]);
    expect(cycles(circle('type'))).toEqual([]);
  });

  it('follow imports through other files', () => {
    const chain = importsOf(
      files({
        'a.ts': "import './b.ts'; import type { T } from 'types';",
        'b.ts': "await import('./c.ts')",
        'c.ts': "import 'node:fs'",
      }),
    );
    expect([...reachable(chain, 'a.ts')]).toEqual(['a.ts', 'b.ts', 'c.ts', 'node:fs']);
  });
});
