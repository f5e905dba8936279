import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFqz } from '../formats/fqz/read.ts';
import { readOnnx } from '../formats/onnx/read.ts';
import { writeOnnx } from '../formats/onnx/write.ts';
import { divergenceBudget, dropBudget, logProbabilities, meanDivergence } from '../src/budget.ts';
import { convert } from '../src/convert.ts';
import type { PictureDataset } from '../src/data/dataset.ts';
import { evaluate } from '../src/evaluate.ts';
import { float32Tensor } from '../src/graph/tensor.ts';
import { openOnnx, type Runnable } from '../src/onnxruntime.ts';
import { unpack } from '../src/unpack.ts';
import { random } from './support/random.ts';

const digits = () => readOnnx(new Uint8Array(readFileSync(new URL('../fixtures/digits-cnn.onnx', import.meta.url))));

/** Blots of ink, labelled as the fixture sees them, so that its own accuracy is 1. */
async function blots(count: number): Promise<PictureDataset> {
  const next = random(21);
  const pixels = Array.from({ length: count }, () => {
    const blot = [next() * 28, next() * 28, 2 + next() * 9] as const;
    const data = Uint8Array.from({ length: 784 }, (_, at) => {
      const distance = Math.hypot((at % 28) - blot[0], Math.floor(at / 28) - blot[1]) / blot[2];
      return 255 * Math.exp(-(distance ** 2));
    });
    return { width: 28, height: 28, channels: 1, data } as const;
  });
  const dataset = (labels: readonly number[]): PictureDataset => ({
    ...{ kind: 'pictures', name: 'images:blots', count, truth: 'label' },
    sample: async (index) => ({ name: `${index}`, pixels: pixels[index]!, label: labels[index] ?? 0 }),
  });
  const session = await openOnnx(writeOnnx(digits()));
  const { perSample } = await evaluate(session, dataset([]));
  await session.release();
  return dataset(perSample!.map(({ predicted }) => predicted!));
}

describe('a budget', () => {
  it.each([
    ['of accuracy', dropBudget, 10],
    ['of divergence', divergenceBudget, 0.01],
  ] as const)('%s gives the smallest file that keeps it', async (name, make, limit) => {
    const dataset = await blots(100);
    const reference = await openOnnx(writeOnnx(digits()));
    const budget = await make(reference, dataset, limit);
    const { bytes } = await convert(digits(), { budget });
    expect(await budget(bytes)).toBe(true);
    const session = await openOnnx(writeOnnx(unpack(readFqz(bytes))));
    const lost = 100 * (1 - (await evaluate(session, dataset)).value);
    const moved = meanDivergence(await logProbabilities(reference, dataset), await logProbabilities(session, dataset));
    expect(name === 'of accuracy' ? lost : moved).toBeLessThanOrEqual(limit);
    expect(name === 'of accuracy' ? lost : moved).toBeGreaterThan(0.3 * limit);
    await Promise.all([reference.release(), session.release()]);
    expect(bytes.length).toBeLessThan((await convert(digits())).bytes.length);
  });

  it('that no file keeps is refused', async () => {
    await expect(convert(digits(), { budget: async () => false })).rejects.toThrow('the budget cannot be kept');
  });
});

describe('divergence', () => {
  /** A model that tells of every picture what is given here. */
  const telling = (...scores: number[]): Runnable => ({
    inputs: [{ name: 'image', dtype: 'float32', shape: [null, 1, 28, 28] }],
    outputs: [{ name: 'scores', dtype: 'float32', shape: [null, scores.length] }],
    run: async (feeds) => {
      const rows = feeds.get('image')!.shape[0]!;
      const all = Float32Array.from({ length: rows * scores.length }, (_, at) => scores[at % scores.length]!);
      return new Map([['scores', float32Tensor([rows, scores.length], all)]]);
    },
  });

  it('is of probabilities, which may be given as logits', async () => {
    const dataset = await blots(3);
    const [fair, biased, logits] = await Promise.all(
      [telling(0.5, 0.5), telling(0.25, 0.75), telling(7, 7 + Math.log(3))].map((model) =>
        logProbabilities(model, dataset),
      ),
    );
    const expected = 0.5 * Math.log(0.5 / 0.25) + 0.5 * Math.log(0.5 / 0.75);
    expect(meanDivergence(fair!, biased!)).toBeCloseTo(expected, 6);
    expect(meanDivergence(fair!, logits!)).toBeCloseTo(expected, 5);
    expect(meanDivergence(biased!, biased!)).toBe(0);
  });

  it('stays finite where a probability is zero', async () => {
    const dataset = await blots(2);
    const [fair, sure] = await Promise.all(
      [telling(0.5, 0.5), telling(0, 1)].map((model) => logProbabilities(model, dataset)),
    );
    expect(meanDivergence(fair!, sure!)).toBeGreaterThan(5);
    expect(meanDivergence(fair!, sure!)).toBeLessThan(50);
  });

  it('wants classes', async () => {
    await expect(logProbabilities(telling(1), await blots(2))).rejects.toThrow(RangeError);
  });
});
