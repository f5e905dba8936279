/**
 * The bundled runtime against its sources: shorter names and all, every file gives the same results there, or is refused in
 * the same words.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOnnx } from '../../formats/onnx/read.ts';
import { type ElementType, elementsOf } from '../../runtime/elements.ts';
import * as full from '../../runtime/full.ts';
import * as index from '../../runtime/index.ts';
import { bundleRuntime } from '../../scripts/bundle-runtime.mjs';
import { convert } from '../../src/convert.ts';
import { noiseFeeds } from '../../src/data/noise.ts';
import type { NumericTensor, Tensor } from '../../src/graph/tensor.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';
import { readTarGz } from '../support/tar.ts';
import { nodeTests } from './conformance/node-tests.ts';

type Runtime = typeof index;

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));
const files = ['v1', 'malformed'].flatMap((folder) =>
  readdirSync(`${FIXTURES}${folder}`).flatMap((name) => (name.endsWith('.fqz') ? [`${folder}/${name}`] : [])),
);
const MODELS = 'models/onnx';
/** Models that are coded and run in a second or two. */
const isQuick = (name: string) => statSync(sharedPath(`${MODELS}/${name}`)).size < 2.5e6 && !name.startsWith('style');
const models = hasShared(MODELS) ? readdirSync(sharedPath(MODELS)).filter(isQuick) : [];
const CONFORMANCE = 'conformance/onnx-node-tests-1.18.tar.gz';

/** Noise for every input; sizes left open are those of two small pictures. */
function noiseFor(ports: readonly index.Port[]): ReadonlyMap<string, Tensor> {
  const known = ports.map(({ name, dtype, shape = [] }) => ({
    name,
    dtype,
    shape: shape.map((size, axis) => (typeof size === 'number' ? size : [2, 3, 24, 20][axis]!)),
  }));
  return noiseFeeds(known, 1);
}

/** The bytes of an array as a text, which is quick to compare. */
const bytesOf = ({ buffer, byteOffset, byteLength }: index.Tensor['data']) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

/** All that a page sees of a file that is loaded and run: results and session, or what is thrown. */
async function outcome(
  { load }: Runtime,
  file: Uint8Array,
  options: index.LoadOptions,
  inputs?: ReadonlyMap<string, Tensor>,
): Promise<Record<string, unknown>> {
  const progress: index.LoadProgress[] = [];
  try {
    const session = await load(file, { ...options, onProgress: (step) => progress.push(step) });
    const feeds = [...(inputs ?? noiseFor(session.inputs))].map(([name, value]) => {
      const { dtype, shape } = value as NumericTensor & { dtype: ElementType };
      return [name, { dtype, shape, data: elementsOf(value as NumericTensor) }];
    });
    const tensors = Object.entries(await session.run(Object.fromEntries(feeds)));
    const results = tensors.map(([name, { data, ...tensor }]) => ({ name, ...tensor, data: bytesOf(data) }));
    const seen = { results, progress, ...session, info: session.info };
    session.dispose();
    return Object.fromEntries(Object.entries(seen).filter(([, value]) => typeof value !== 'function'));
  } catch (error) {
    const { name, message } = error as Error;
    return { name, message, progress };
  }
}

describe('the bundled runtime', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fqz-'));
  const bundled = {} as { index: Runtime; full: typeof full };

  beforeAll(async () => {
    for (const entry of ['index', 'full'] as const) {
      const path = join(folder, `${entry}.mjs`);
      writeFileSync(path, (await bundleRuntime(entry)).code);
      Object.assign(bundled, { [entry]: await import(/* @vite-ignore */ pathToFileURL(path).href) });
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Expects of each bundle and backend what its sources give, and returns whether that was a result. */
  async function expectSame(
    file: Uint8Array,
    inputs?: ReadonlyMap<string, Tensor>,
    backends: readonly index.Backend[] = ['wasm', 'js'],
  ): Promise<boolean> {
    expect(await outcome(bundled.index, file, {}, inputs)).toEqual(await outcome(index, file, {}, inputs));
    let isResult = true;
    for (const backend of backends) {
      const expected = await outcome(full, file, { backend }, inputs);
      expect(await outcome(bundled.full, file, { backend }, inputs)).toEqual(expected);
      isResult &&= 'results' in expected;
    }
    return isResult;
  }

  it('exports what its sources do', () => {
    expect(Object.keys(bundled.index)).toEqual(Object.keys(index).sort());
    expect(Object.keys(bundled.full)).toEqual(Object.keys(full).sort());
    expect(bundled.full.LOAD_DEFAULTS).toEqual(full.LOAD_DEFAULTS);
  });

  it.each(files)('fixtures/%s', async (name) => {
    const isSound = await expectSame(new Uint8Array(readFileSync(FIXTURES + name)));
    if (/digits|unet/.test(name)) expect(isSound).toBe(true);
    if (/malformed/.test(name)) expect(isSound).toBe(false);
  });

  it('narrower', async () => {
    const file = new Uint8Array(readFileSync(`${FIXTURES}v1/smooth-unet.quality.fqz`));
    const expected = await outcome(index, file, { width: 0.5 });
    expect(expected).toHaveProperty('results');
    expect(await outcome(bundled.index, file, { width: 0.5 })).toEqual(expected);
  });

  it('decodes weights', () => {
    const file = new Uint8Array(readFileSync(`${FIXTURES}v1/digits-cnn.quality.fqz`));
    const weights = ({ decodeFqz }: typeof full) => {
      const model = decodeFqz(file);
      return [model.graph(), [...model.weights].map(([name, stored]) => [name, stored, model.weight(name)])];
    };
    expect(weights(bundled.full)).toEqual(weights(full));
  });

  it.skipIf(!hasShared(CONFORMANCE))(
    'ONNX node tests (skipped without the shared conformance archive)',
    async () => {
      let results = 0;
      for (const test of await nodeTests(readTarGz(sharedPath(CONFORMANCE)))) {
        if ('file' in test && (await expectSame(test.file, test.inputs))) results++;
      }
      expect(results).toBeGreaterThan(1000);
    },
    300_000,
  );

  it.each(models)('shared model %s', async (name) => {
    const { bytes } = await convert(readOnnx(readFileSync(sharedPath(`${MODELS}/${name}`))), { precision: 'lossless' });
    // Plain JavaScript takes minutes.
    expect(await expectSame(bytes, undefined, ['wasm'])).toBe(true);
  });
});
