import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFqz } from '../formats/fqz/read.ts';
import { readOnnx } from '../formats/onnx/read.ts';
import { convert } from '../src/convert.ts';
import type { ConvertOptions } from '../src/convert-options.ts';
import { onnxruntimeEvaluate } from '../src/evaluate-constants.ts';
import { type Model, node } from '../src/graph/graph.ts';
import { fromFloats, isFloat, toFloat32 } from '../src/graph/numbers.ts';
import { unpack } from '../src/unpack.ts';
import { normal } from './support/random.ts';
import { buildModel, copyOf, largestDifference, runModel, seededFeeds } from './support/run-model.ts';

const FIXTURES = ['smooth-unet', 'digits-cnn', 'control-flow', 'shapes'];
const load = (name: string): Model =>
  readOnnx(new Uint8Array(readFileSync(new URL(`../fixtures/${name}.onnx`, import.meta.url))));
const convertFixture = (name: string, options: ConvertOptions = {}) =>
  convert(load(name), { evaluate: onnxruntimeEvaluate, ...options });

/** Inputs for a fixture; the one that is no number is a flag. */
function feedsOf(model: Model) {
  const flags = model.graph.inputs.filter(({ type }) => type?.kind === 'tensor' && type.dtype === 'bool');
  const rest = {
    ...model,
    graph: { ...model.graph, inputs: model.graph.inputs.filter((input) => !flags.includes(input)) },
  };
  const feeds = seededFeeds(rest, (axis) => (axis === 0 ? 2 : 12));
  for (const { name } of flags) feeds.set(name, { dtype: 'bool', shape: [], data: Uint8Array.of(0) });
  return feeds;
}

/** ‖stored − original‖ / ‖original‖ of a weight that kept its name. */
function relativeError(original: Model, stored: Model, name: string): number {
  const [a, b] = [original, stored].map(({ graph }) => toFloat32(graph.initializers.get(name)!));
  const squares = (value: (at: number) => number) => a!.reduce((sum, _, at) => sum + value(at) ** 2, 0);
  return Math.sqrt(squares((at) => a![at]! - b![at]!) / squares((at) => a![at]!));
}

describe('convert', () => {
  it.each(FIXTURES)('%s: lossless and fp16 compute what the model does', async (name) => {
    const original = load(name);
    const feeds = feedsOf(original);
    const expected = await runModel(original, feeds);
    for (const [precision, tolerance] of [
      ['lossless', 1e-5],
      ['fp16', 1e-2],
    ] as const) {
      const { bytes, report } = await convertFixture(name, { precision });
      expect(report.output.bytes).toBe(bytes.length);
      expect(largestDifference(expected, await runModel(unpack(readFqz(bytes)), feeds))).toBeLessThan(tolerance);
    }
  });

  it('finds the few frequencies of a smooth net', async () => {
    const { bytes, report } = await convertFixture('smooth-unet');
    expect(report.parameters).toBe(123_200);
    expect(report.weightBytesFp32).toBe(4 * report.parameters);
    expect(bytes.length).toBeLessThan(400);
    const networks = report.tensors.filter(({ method }) => method !== 'exact');
    expect(networks.map(({ method }) => method)).toEqual(['dct', 'dct', 'dct', 'dct', 'dct']);
    const sum = report.tensors.reduce((total, tensor) => total + tensor.bytes, 0);
    expect(sum).toBeCloseTo(report.output.weightBytes, 6);
    expect(report.output.graphBytes + report.output.weightBytes).toBe(bytes.length);
    expect(report.storedAsOnnx).toBeUndefined();
  });

  it('makes layers, each prefix a model that comes nearer to the original', async () => {
    const options = { quality: 97 } as const;
    const single = await convertFixture('digits-cnn', options);
    const { bytes, report } = await convertFixture('digits-cnn', { ...options, layers: 3 });
    const { layerEnds } = report.output;
    expect(layerEnds).toHaveLength(3);
    expect(layerEnds!.at(-1)).toBe(bytes.length);
    expect(single.report.output.layerEnds).toBeUndefined();
    expect(readFqz(bytes).weights).toEqual(readFqz(single.bytes).weights);
    // 23 KB of weights: what layers cost is below 3 %, the layer's own statistics included.
    expect(bytes.length).toBeLessThan(1.03 * single.bytes.length);

    const original = load('digits-cnn');
    const feeds = feedsOf(original);
    const expected = await runModel(original, feeds);
    const differences: number[] = [];
    for (const end of layerEnds!) {
      differences.push(largestDifference(expected, await runModel(unpack(readFqz(bytes.subarray(0, end))), feeds)));
    }
    expect(differences).toEqual(differences.toSorted((a, b) => b - a));
    expect(differences[0]).toBeGreaterThan(2 * differences[2]!);
    expect(layerEnds![0]).toBeLessThan(0.75 * bytes.length);
  });

  it('keeps to a size with all layers, and refuses layers that cannot be', async () => {
    const { bytes } = await convertFixture('digits-cnn', { targetSize: 9000, layers: 2 });
    expect(bytes.length).toBeLessThanOrEqual(9000);
    expect(bytes.length).toBeGreaterThan(8500);
    await expect(convertFixture('digits-cnn', { layers: 0 })).rejects.toThrow(
      'layers must be a whole number from 1 to 8',
    );
    await expect(convertFixture('digits-cnn', { layers: 2, precision: 'fp16' })).rejects.toThrow(TypeError);
  });

  it('stores as ONNX what the operator table does not know, and says why', async () => {
    const { report, bytes } = await convertFixture('control-flow');
    expect(report.storedAsOnnx).toBe('model-local functions');
    expect(readFqz(bytes).graph.kind).toBe('onnx');
  });

  it('gets larger with quality, and closer', async () => {
    let [bytesBefore, errorBefore] = [0, Number.POSITIVE_INFINITY];
    for (const quality of [1, 20, 50, 70, 90, 97, 100]) {
      const { bytes, report } = await convertFixture('digits-cnn', { quality });
      const error = Math.max(...report.tensors.map((tensor) => tensor.relativeError));
      expect(bytes.length).toBeGreaterThan(bytesBefore);
      expect(error).toBeLessThan(errorBefore);
      [bytesBefore, errorBefore] = [bytes.length, error];
    }
  });

  it.each([0.3, 0.05, 0.002, 1e-4, 1e-7])('keeps every tensor within a maxError of %d', async (maxError) => {
    const model = load('digits-cnn');
    const { bytes, report } = await convert(model, { maxError, keepNames: true });
    const stored = unpack(readFqz(bytes));
    // `model` has been simplified, but its initialisers were taken: the simplified originals are those of a lossless file.
    const lossless = unpack(
      readFqz((await convert(load('digits-cnn'), { precision: 'lossless', keepNames: true })).bytes),
    );
    for (const { name, relativeError: reported } of report.tensors) {
      if (!isFloat(stored.graph.initializers.get(name)!.dtype)) continue;
      const error = relativeError(lossless, stored, name);
      expect(error).toBeLessThanOrEqual(maxError * 1.0001 + 1e-7);
      expect(Math.abs(error - reported)).toBeLessThan(1e-6);
    }
  });

  it('reaches a size from below, near it', async () => {
    for (const targetSize of [4000, 9000, 20_000]) {
      const { bytes } = await convertFixture('digits-cnn', { targetSize });
      expect(bytes.length).toBeLessThanOrEqual(targetSize);
      expect(bytes.length).toBeGreaterThan(0.9 * targetSize);
    }
    const best = await convertFixture('digits-cnn', { quality: 100 });
    const { bytes } = await convertFixture('digits-cnn', { targetSize: 10_000_000 });
    expect(bytes).toEqual(best.bytes);
  });

  it('says which size can be reached where the wanted one cannot', async () => {
    await expect(convertFixture('digits-cnn', { targetSize: 50 })).rejects.toThrow(RangeError);
    await expect(convertFixture('digits-cnn', { targetSize: 50 })).rejects.toThrow(
      /50 bytes cannot be reached: .* \d+$/,
    );
  });

  it.each<[string, ConvertOptions]>([
    ['only one of', { quality: 90, maxError: 0.1 }],
    ['only one of', { targetSize: 900, precision: 'fp16' }],
    ['quality must be', { quality: 0 }],
    ['quality must be', { quality: 101 }],
    ['quality must be', { quality: Number.NaN }],
    ['maxError must be', { maxError: 0 }],
    ['maxError must be', { maxError: 1 }],
    ['targetSize must be', { targetSize: 0 }],
    ['precision must be', { precision: 'int8' as 'fp16' }],
    ['labels must be', { labels: 'abc' as unknown as string[] }],
    ['preparation.scale must be', { preparation: { scale: 0, mean: [0], std: [1], channels: 'rgb' } }],
    ['preparation.mean must be', { preparation: { scale: 255, mean: [Number.NaN], std: [1], channels: 'rgb' } }],
    ['preparation.std must be', { preparation: { scale: 255, mean: [0], std: [0], channels: 'rgb' } }],
    ['preparation.channels is', { preparation: { scale: 255, mean: [0], std: [1], channels: 'grey' as 'rgb' } }],
  ])('refuses options: %s %j', async (message, options) => {
    await expect(convertFixture('shapes', options)).rejects.toThrow(TypeError);
    await expect(convertFixture('shapes', options)).rejects.toThrow(message);
  });

  it('stops when it is told to, and says how far it is', async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const onProgress = ({ phase, done }: { phase: string; done: number }) => {
      seen.push(phase);
      if (phase === 'coding weights' && done === 2) controller.abort();
    };
    await expect(convertFixture('digits-cnn', { signal: controller.signal, onProgress })).rejects.toThrow('abort');
    expect(seen[0]).toBe('simplifying the graph');
    expect(seen.filter((phase) => phase === 'coding weights')).toHaveLength(3);
  });

  it('keeps preparation and labels', async () => {
    const preparation = { scale: 255, mean: [0.5], std: [0.25], channels: 'rgb' as const };
    const labels = ['a', 'b'];
    expect(readFqz((await convertFixture('shapes', { preparation, labels })).bytes)).toMatchObject({
      preparation,
      labels,
    });
  });

  it('keeps a tensor exact that no network can hold: tiny, huge, far apart, not finite', async () => {
    const next = normal(4);
    const weights: Record<string, (at: number) => number> = {
      tiny: () => 1e-35 * next(),
      huge: () => 1e35 * next(),
      apart: (at) => (at === 0 ? 1e15 : 1e-9 * next()),
      infinite: (at) => (at === 3 ? Number.POSITIVE_INFINITY : next()),
      nan: (at) => (at === 3 ? Number.NaN : next()),
      zero: () => 0,
    };
    for (const [name, element] of Object.entries(weights)) {
      const weight = fromFloats(
        'float32',
        [40, 30],
        Float64Array.from({ length: 1200 }, (_, at) => element(at)),
      );
      const model = buildModel(21, { x: [2, 40] }, [node('MatMul', ['x', 'w'], ['y'])], ['y'], { w: weight });
      model.graph.outputs[0]!.type = { kind: 'tensor', dtype: 'float32' };
      for (const options of [{ quality: 90 }, { maxError: 1e-6 }, { precision: 'fp16' }] satisfies ConvertOptions[]) {
        const { bytes } = await convert(copyOf(model), options);
        const [stored] = unpack(readFqz(bytes)).graph.initializers.values();
        const [a, b] = [toFloat32(weight), toFloat32(stored!)];
        const largest = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const close = a.every((value, at) => Object.is(value, b[at]) || Math.abs(value - b[at]!) < 0.2 * largest);
        expect(close, `${name} ${JSON.stringify(options)}`).toBe(true);
      }
    }
  });
});
