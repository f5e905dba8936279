import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFqz } from '../../formats/fqz/read.ts';
import { readOnnx } from '../../formats/onnx/read.ts';
import { coefficientCount } from '../../src/codec/network.ts';
import type { TrainingData } from '../../src/fit/data.ts';
import { fit as fitModel } from '../../src/fit/fit.ts';
import type { FitProgress } from '../../src/fit/loop.ts';
import type { FitOptions } from '../../src/fit/options.ts';
import { node } from '../../src/graph/graph.ts';
import { toFloat32 } from '../../src/graph/numbers.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { unpack } from '../../src/unpack.ts';
import { buildModel, largestDifference, runModel } from '../support/run-model.ts';
import { execute, smallClassifier, spots } from './small-fit.ts';

const OPTIONS = {
  execute,
  targetSize: 200,
  coefficients: 60,
  epochs: 10,
  batch: 32,
  start: 'fresh',
  seed: 3,
} as const satisfies FitOptions;

const samples = spots(640);

/** Part of the samples that the model of a file gets right, in onnxruntime. */
async function accuracy(bytes: Uint8Array, data: TrainingData): Promise<number> {
  const { feeds, labels } = await data.batch(Uint32Array.from({ length: data.count }, (_, at) => at));
  const outputs = await runModel(unpack(readFqz(bytes)), feeds);
  const logits = toFloat32(outputs.get('logits')!);
  let right = 0;
  for (let row = 0; row < data.count; row++) {
    const own = logits.subarray(3 * row, 3 * row + 3);
    if (own.indexOf(Math.max(...own)) === labels![row]) right++;
  }
  return right / data.count;
}

describe('fit', () => {
  it('learns to classify in so many bytes, and says what is in them', async () => {
    const seen: FitProgress[] = [];
    const result = await fitModel(smallClassifier(), samples, {
      ...OPTIONS,
      onProgress: (progress) => void seen.push(progress),
    });
    expect(result.bytes.length).toBeLessThanOrEqual(200);
    expect(result.bytes.length).toBe(result.graphBytes + result.weightBytes);
    expect(await accuracy(result.bytes, samples)).toBeGreaterThan(0.95);
    expect(seen).toHaveLength(200);
    expect(seen.at(-1)).toMatchObject({ step: 200, steps: 200, rounded: true, isEpochEnd: true });
    expect(seen.at(-1)!.loss).toBeLessThan(seen[20]!.loss / 2);
    expect(seen.at(-1)!.accuracy).toBeGreaterThan(0.9);
    // The biases are gone, and no float but the coefficients is in the file.
    const { weights } = readFqz(result.bytes);
    expect(weights).toHaveLength(3);
    const counts = weights.map((weight) => ('network' in weight ? coefficientCount(weight.network) : Number.NaN));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(result.coefficients);
    expect(result.coefficients).toBeLessThanOrEqual(60);
    const { feeds } = await samples.batch(Uint32Array.of(1, 2, 3));
    const [stored, trainable] = await Promise.all([
      runModel(unpack(result.archive), feeds),
      runModel(result.trainable, feeds),
    ]);
    expect(largestDifference(stored, trainable)).toBeLessThan(1e-5);
    expect([...result.trainable.graph.initializers.keys()].filter((name) => name.endsWith('/core'))).toHaveLength(3);
    expect(result.parameters).toBe(8 * 9 + 8 + 24 * 72 + 24 + 3 * 24);
  });

  it('makes the same file of the same seed, and of a fit that was interrupted', async () => {
    const whole = await fitModel(smallClassifier(), samples, OPTIONS);
    for (const at of [37, 150]) {
      let checkpoint: Uint8Array | undefined;
      const interrupted = fitModel(smallClassifier(), samples, {
        ...OPTIONS,
        onProgress({ step }, snapshot) {
          if (step !== at) return;
          checkpoint = snapshot.checkpoint();
          throw new Error('interrupted');
        },
      });
      await expect(interrupted).rejects.toThrow('interrupted');
      const resumed = await fitModel(smallClassifier(), samples, { ...OPTIONS, resume: checkpoint! });
      expect(resumed.bytes).toEqual(whole.bytes);
    }
    const other = await fitModel(smallClassifier(), samples, { ...OPTIONS, seed: 4 });
    expect(other.bytes).not.toEqual(whole.bytes);
  });

  it('learns from a teacher without labels', async () => {
    const taught = await fitModel(smallClassifier(), samples, { ...OPTIONS, targetSize: 400, coefficients: 120 });
    const result = await fitModel(smallClassifier(), spots(640, 'none'), {
      ...OPTIONS,
      teacher: unpack(taught.archive),
    });
    expect(result.bytes.length).toBeLessThanOrEqual(200);
    expect(await accuracy(result.bytes, samples)).toBeGreaterThan(0.95);
  });

  it("goes on from a model's own coefficients, biases included", async () => {
    const result = await fitModel(smallClassifier(), samples, {
      ...OPTIONS,
      targetSize: 1200,
      coefficients: 800,
      start: 'trained',
      biases: true,
      epochs: 6,
    });
    expect(readFqz(result.bytes).weights).toHaveLength(5);
    expect(await accuracy(result.bytes, samples)).toBeGreaterThan(0.95);
  });

  it('makes a far smaller file of all numbers of a model', async () => {
    const sizes: number[] = [];
    const result = await fitModel(smallClassifier(), samples, {
      ...OPTIONS,
      coefficients: 2000,
      targetSize: 500,
      start: 'trained',
      roundFrom: 0.1,
      onProgress: ({ bytes, rounded }) => void (rounded && sizes.push(bytes)),
    });
    expect(sizes[0]).toBeGreaterThan(1000);
    // Steps grow until the size is reached, well before anything has to be cut off.
    expect(sizes[Math.round(0.5 * sizes.length)]).toBeLessThan(550);
    expect(result.bytes.length).toBeLessThanOrEqual(500);
    expect(await accuracy(result.bytes, samples)).toBeGreaterThan(0.95);
  });

  it('finds out which start is better', async () => {
    const { start } = await fitModel(smallClassifier(), samples, { ...OPTIONS, start: 'auto' });
    expect(start).toBe('fresh');
  });

  it('cuts tails off for good, as Frequency Regularization does', async () => {
    const schedule = { schedule: 'tail', floor: 0.5, dropRate: 0.05 } as const;
    const result = await fitModel(smallClassifier(), samples, { ...OPTIONS, ...schedule });
    expect(result.coefficients).toBeLessThanOrEqual(31);
    expect(await accuracy(result.bytes, samples)).toBeGreaterThan(0.6);
  });

  it('learns with tails cut at random', async () => {
    const schedule = { schedule: 'random-tail', floor: 0.3 } as const;
    const given = { ...OPTIONS, ...schedule, targetSize: 400, coefficients: 120, epochs: 20 };
    const result = await fitModel(smallClassifier(), samples, given);
    expect(await accuracy(result.bytes, samples)).toBeGreaterThan(0.9);
  });

  it('stops where it is told to', async () => {
    const controller = new AbortController();
    const stopped = fitModel(smallClassifier(), samples, {
      ...OPTIONS,
      signal: controller.signal,
      onProgress({ step }) {
        if (step === 5) controller.abort(new Error('enough'));
      },
    });
    await expect(stopped).rejects.toThrow('enough');
  });
});

describe('fit of a model of open size', () => {
  const smoothUnet = () =>
    readOnnx(new Uint8Array(readFileSync(new URL('../../fixtures/smooth-unet.onnx', import.meta.url))));

  /** Pictures of waves, of this size. */
  const waves = (height: number, width: number): TrainingData => ({
    count: 12,
    truth: 'none',
    async batch(indices) {
      const plane = height * width;
      const values = Float32Array.from({ length: indices.length * plane }, (_, at) => {
        const [y, x] = [Math.floor((at % plane) / width) / height, (at % width) / width];
        const picture = 1 + indices[Math.floor(at / plane)]!;
        return Math.sin(picture * x + 5 * y) + Math.cos((13 - picture) * y * x);
      });
      return { feeds: new Map([['image', float32Tensor([indices.length, 1, height, width], values)]]) };
    },
  });
  const options = {
    ...{ execute, targetSize: 330, epochs: 8, batch: 4, start: 'trained', width: 0.5, seed: 5 },
    finish: { part: 0.25, data: waves(24, 16) },
  } as const satisfies FitOptions;

  it('begins small and narrow, ends at full size, and can be interrupted in between', async () => {
    const steps = { small: 0, full: 0 };
    const counted = (data: TrainingData, kind: keyof typeof steps): TrainingData => ({
      ...data,
      batch(indices) {
        steps[kind]++;
        return data.batch(indices);
      },
    });
    const { finish } = options;
    const whole = await fitModel(smoothUnet(), counted(waves(16, 12), 'small'), {
      ...options,
      finish: { ...finish, data: counted(finish.data, 'full') },
    });
    // One batch each tells the shapes.
    expect(steps).toEqual({ small: 1 + 18, full: 1 + 6 });
    expect(whole.bytes.length).toBeLessThanOrEqual(330);
    const { feeds } = await finish.data.batch(Uint32Array.of(2, 9));
    const [original, found] = await Promise.all([
      runModel(smoothUnet(), feeds),
      runModel(unpack(readFqz(whole.bytes)), feeds),
    ]);
    expect(largestDifference(original, found)).toBeLessThan(0.5);

    let checkpoint: Uint8Array | undefined;
    const interrupted = fitModel(smoothUnet(), waves(16, 12), {
      ...options,
      onProgress({ step }, snapshot) {
        if (step !== 20) return;
        checkpoint = snapshot.checkpoint();
        throw new Error('interrupted');
      },
    });
    await expect(interrupted).rejects.toThrow('interrupted');
    const resumed = await fitModel(smoothUnet(), waves(16, 12), { ...options, resume: checkpoint! });
    expect(resumed.bytes).toEqual(whole.bytes);
  });

  it('refuses a size that the model does not run at', async () => {
    const message = /^the model does not run on a batch of x 4x1x12x12: onnxruntime: /;
    const data = spots(64);
    const larger: TrainingData = {
      ...data,
      batch: async (indices) => ({
        ...(await data.batch(indices)),
        feeds: new Map([['x', float32Tensor([indices.length, 1, 12, 12], new Float32Array(indices.length * 144))]]),
      }),
    };
    await expect(fitModel(smallClassifier(), larger, { ...OPTIONS, batch: 4 })).rejects.toThrow(message);
  });
});

describe('fit refuses, in one line,', () => {
  const refused = async (options: Partial<FitOptions>, message: string | RegExp, data: TrainingData = samples) => {
    const error = await fitModel(smallClassifier(), data, { ...OPTIONS, ...options }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('\n');
  };

  it('a size that the graph alone takes', () =>
    refused({ targetSize: 60 }, /^60 bytes are too few: the graph alone takes \d+/));
  it('empty data', () => refused({}, 'the data hold no samples', { ...samples, count: 0 }));
  it('data without truth where there is no teacher', () =>
    refused({ distillation: 0 }, 'the data tell no truth to train towards', spots(64, 'none')));
  it('samples without labels', () =>
    refused({}, 'the samples tell no class to train towards', { ...spots(64, 'none'), truth: 'labels' }));
  it('labels that the model does not have', () =>
    refused({}, 'a sample has class 7, the model tells 3 classes apart', {
      ...samples,
      batch: async (indices) => ({ ...(await samples.batch(indices)), labels: Array.from(indices, () => 7) }),
    }));
  it('a loss that is not finite', () =>
    refused({}, /^the loss became NaN at step 1/, {
      ...samples,
      async batch(indices) {
        const batch = await samples.batch(indices);
        for (const { data } of batch.feeds.values() as Iterable<{ data: Uint8Array }>) data.fill(0xff);
        return batch;
      },
    }));
  it('too few coefficients', () => refused({ coefficients: 5 }, '5 coefficients are too few: 3 weights need 12'));
  it('neither a size nor coefficients', () =>
    refused({ targetSize: undefined, coefficients: undefined } as never, 'a fit needs a target size or a number'));
  it('other samples in the end', () =>
    refused({ finish: { part: 0.1, data: spots(64) } }, 'the data of the last part have 64 samples, those before 640'));
  it('options out of range', async () => {
    await refused({ epochs: 0 }, 'epochs must be positive, not 0');
    await refused({ batch: 1.5 }, 'batch must be a positive integer, not 1.5');
    await refused({ roundFrom: 2 }, 'roundFrom must be from 0 to 1, not 2');
    await refused({ width: 0 }, 'width must be above 0 and at most 1, not 0');
    await refused({ finish: { part: 2, data: samples } }, 'the last part must be from 0 to 1, not 2');
  });
  it('what is no checkpoint, or one of another fit', async () => {
    await refused({ resume: new TextEncoder().encode('hello') }, 'this is no checkpoint');
    let checkpoint = new Uint8Array();
    const onProgress: FitOptions['onProgress'] = ({ step }, snapshot) => {
      if (step === 2) checkpoint = snapshot.checkpoint() as Uint8Array<ArrayBuffer>;
    };
    await fitModel(smallClassifier(), samples, { ...OPTIONS, epochs: 0.2, onProgress });
    await refused({ resume: checkpoint }, 'it is of another fit');
    await refused({ epochs: 0.2, resume: checkpoint.subarray(0, -3) }, /^checkpoint.*: \d+ bytes, expected \d+/);
  });
  it('an operator without a gradient', async () => {
    const model = smallClassifier();
    const odd = buildModel(
      21,
      { x: ['N', 1, 8, 8] },
      [
        ...model.graph.nodes.slice(0, -1),
        node('Gemm', ['a', 'last'], ['g'], { transB: { type: 'int', value: 1 } }),
        node('Det', ['g'], ['logits']),
      ],
      ['logits'],
      Object.fromEntries(model.graph.initializers),
    );
    await expect(fitModel(odd, samples, OPTIONS)).rejects.toThrow();
  });
});
