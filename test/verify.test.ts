import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { noiseFeeds, uniformNoise } from '../src/data/noise.ts';
import type { DType } from '../src/graph/dtype.ts';
import type { Dim } from '../src/graph/graph.ts';
import { fromFloats, toNumbers } from '../src/graph/numbers.ts';
import { float32Tensor, type Tensor } from '../src/graph/tensor.ts';
import { openOnnx, type Runnable } from '../src/onnxruntime.ts';
import { compareOutput } from '../src/output-comparison.ts';
import { verify } from '../src/verify.ts';
import { hasShared, sharedPath } from './support/shared-data.ts';

const tensor = (shape: number[], ...values: number[]) => float32Tensor(shape, Float32Array.from(values));
const compared = (a: Tensor, b: Tensor, rows?: number) => {
  const comparer = compareOutput('y');
  comparer.add(a, b, rows);
  return comparer.result();
};

describe('compareOutput', () => {
  it('computes the errors and the cosine over all runs', () => {
    const comparer = compareOutput('y');
    comparer.add(tensor([2], 1, 2), tensor([2], 1, 4));
    comparer.add(tensor([2], 3, 0), tensor([2], 3, -8));
    const result = comparer.result();
    expect(result).toMatchObject({ name: 'y', shape: [2], maxAbsoluteError: 8, maxRelativeError: 1 });
    expect(result.rmsRelativeError).toBeCloseTo(Math.sqrt((4 + 64) / (1 + 16 + 9 + 64)), 12);
    expect(result.cosine).toBeCloseTo((1 + 8 + 9) / Math.sqrt((1 + 4 + 9) * (1 + 16 + 9 + 64)), 12);
    expect(result.top1Agreement).toBeUndefined();
  });

  it('takes equal values as equal, whatever they are, and infinity against a number as infinite error', () => {
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, 1];
    expect(compared(tensor([3], ...odd), tensor([3], ...odd))).toMatchObject({ maxRelativeError: 0, cosine: 1 });
    expect(compared(tensor([2], 0, 0), tensor([2], 0, 0))).toMatchObject({
      maxRelativeError: 0,
      rmsRelativeError: 0,
      cosine: 1,
    });
    for (const value of odd.slice(0, 2)) {
      const result = compared(tensor([2], value, 1), tensor([2], 1, 1));
      expect(result).toMatchObject({
        maxAbsoluteError: Number.POSITIVE_INFINITY,
        maxRelativeError: Number.POSITIVE_INFINITY,
      });
    }
  });

  it('counts classes and pixels that agree', () => {
    const classes = compared(tensor([2, 3], 0, 1, 2, 5, 4, 3), tensor([2, 3], 0, 9, 2, 7, 0, 0));
    expect(classes.top1Agreement).toBe(0.5);
    // (1, 2, 1, 3): channels differ in their order at the last pixel only.
    const masks = compared(tensor([1, 2, 1, 3], 0, 0, 5, 1, 1, 1), tensor([1, 2, 1, 3], 0, 0, 0, 1, 1, 1));
    expect(masks.maskAgreement).toBeCloseTo(2 / 3, 12);
    expect(masks.top1Agreement).toBeUndefined();
  });

  it('leaves out rows that fill a batch', () => {
    const result = compared(tensor([2, 2], 0, 1, 0, 1), tensor([2, 2], 0, 1, 7, 1), 1);
    expect(result).toMatchObject({ maxAbsoluteError: 0, top1Agreement: 1 });
  });

  it('refuses outputs of different shapes', () => {
    expect(() => compared(tensor([1, 2], 0, 1), tensor([2, 1], 0, 1))).toThrow(
      'output y has shape [1,2], against [2,1]',
    );
  });
});

describe('noise', () => {
  it('is the same for one seed on every machine', () => {
    const first = (seed: number) => Array.from({ length: 3 }, uniformNoise(seed)).map((value) => value * 2 ** 32);
    expect(first(1)).toEqual(first(1));
    expect(first(1)).not.toEqual(first(2));
    expect(first(1)).toMatchInlineSnapshot(`
      [
        2527132011,
        314344336,
        2535364964,
      ]
    `);
  });

  it('is normal for floats, bytes for uint8, 0 or 1 for other integers', () => {
    const input = (name: string, dtype: DType, shape: Dim[]) => ({ name, dtype, shape });
    const inputs = [input('f', 'float16', ['N', 100, 100]), input('b', 'uint8', [10_000]), input('i', 'int64', [1000])];
    const feeds = noiseFeeds(inputs, 1);
    const values = toNumbers(feeds.get('f')!);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(feeds.get('f')).toMatchObject({ dtype: 'float16', shape: [1, 100, 100] });
    // Four standard errors of 10,000 samples.
    expect(Math.abs(mean)).toBeLessThan(0.04);
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / 10_000));
    expect(new Set(toNumbers(feeds.get('b')!)).size).toBe(256);
    expect([...new Set(toNumbers(feeds.get('i')!))].sort()).toEqual([0, 1]);
  });

  it('takes shapes for what the model leaves open, and refuses others', () => {
    const inputs = [{ name: 'x', dtype: 'float32', shape: ['N', 3] }] as const;
    const shaped = (shape: number[]) => noiseFeeds(inputs, 1, new Map([['x', shape]])).get('x')!.shape;
    expect(shaped([4, 3])).toEqual([4, 3]);
    expect(() => shaped([4, 2])).toThrow(RangeError);
    expect(() => shaped([3])).toThrow(RangeError);
    expect(() => shaped([2 ** 30, 3])).toThrow('too large');
    expect(() => noiseFeeds(inputs, 1, new Map([['y', [1]]]))).toThrow('no input y');
  });
});

/** A model (N, 2) → (N, 2) in plain code. */
function fakeModel(input: string, output: string, compute: (value: number) => number): Runnable {
  return {
    inputs: [{ name: input, dtype: 'float32', shape: ['N', 2] }],
    outputs: [{ name: output, dtype: 'float32', shape: ['N', 2] }],
    run: async (feeds) => {
      const x = feeds.get(input)!;
      return new Map([[output, fromFloats('float32', x.shape, toNumbers(x).map(compute))]]);
    },
  };
}

describe('verify', () => {
  it('matches values by position where the names differ', async () => {
    const result = await verify(
      fakeModel('a', 'b', (x) => x),
      fakeModel('x', 'y', (x) => 2 * x),
    );
    expect(result).toMatchObject({ inputs: 'noise', samples: 4, maxRelativeError: 0.5 });
    expect(result.outputs).toMatchObject([{ name: 'y', shape: [1, 2], rmsRelativeError: 0.5, top1Agreement: 1 }]);
    expect(result.outputs[0]!.cosine).toBeCloseTo(1, 12);
  });

  it('runs on data in batches', async () => {
    const arrays = new Map([
      [
        'x',
        fromFloats(
          'float32',
          [70, 2],
          Array.from({ length: 140 }, (_, index) => index),
        ),
      ],
    ]);
    const dataset = { kind: 'arrays', name: 'test', count: 70, arrays } as const;
    const sign = (value: number) => fakeModel('x', 'y', (x) => (x === 139 ? value * x : x));
    const result = await verify(sign(-1), sign(1), { dataset });
    expect(result).toMatchObject({ inputs: 'data', samples: 70, maxRelativeError: 2 });
    expect(result.outputs[0]!.top1Agreement).toBeCloseTo(69 / 70, 12);
    expect(await verify(sign(-1), sign(1), { dataset, samples: 69 })).toMatchObject({
      samples: 69,
      maxRelativeError: 0,
    });
  });

  it('refuses models that differ in their inputs or outputs', async () => {
    const two = fakeModel('x', 'y', (x) => x);
    const three = { ...two, inputs: [...two.inputs, { name: 'z', dtype: 'float32', shape: [] }] } as const;
    await expect(verify(two, three)).rejects.toThrow('the models differ in their inputs: 1 against 2');
  });

  it.skipIf(!hasShared('models/onnx'))(
    'finds two exports of one network the same, and two networks not (skipped without the shared models)',
    async () => {
      const open = (name: string) => openOnnx(new Uint8Array(readFileSync(sharedPath(`models/onnx/${name}.onnx`))));
      const exports = await Promise.all(
        ['cifar10-resnet20-akamaster', 'cifar10-resnet20-akamaster-dynamo-op20'].map(open),
      );
      const same = await verify(exports[0]!, exports[1]!, { shapes: new Map([['input', [2, 3, 32, 32]]]) });
      expect(same.maxRelativeError).toBeLessThan(1e-5);
      const others = await Promise.all(['lenet5-mnist', 'mnist-ort-examples'].map(open));
      const different = await verify(others[0]!, others[1]!);
      expect(different.maxRelativeError).toBeGreaterThan(0.5);
      await Promise.all([...exports, ...others].map((session) => session.release()));
    },
  );
});
