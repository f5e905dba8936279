import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../src/data/data-spec.ts';
import type { ArrayDataset, PictureDataset, PictureSample, Pixels } from '../src/data/dataset.ts';
import { evaluate } from '../src/evaluate.ts';
import { fromFloats } from '../src/graph/numbers.ts';
import { float32Tensor, int64Tensor, type Tensor } from '../src/graph/tensor.ts';
import { OnnxruntimeError, openOnnx, type Runnable } from '../src/onnxruntime.ts';
import { hasShared, sharedPath } from './support/shared-data.ts';

/** A model over pictures of 2×2 grey pixels, in plain code; `compute` gets one sample's four values. */
function fakeModel(compute: (pixels: Float32Array) => number[], shape: number[], batch: number | 'N' = 'N') {
  const runs: number[] = [];
  const model: Runnable = {
    inputs: [{ name: 'x', dtype: 'float32', shape: [batch, 1, 2, 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [batch, ...shape] }],
    async run(feeds) {
      const { data } = feeds.get('x') as Extract<Tensor, { data: Uint8Array }>;
      const values = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
      const rows = values.length / 4;
      runs.push(rows);
      const outputs = Array.from({ length: rows }, (_, row) => compute(values.subarray(4 * row, 4 * row + 4)));
      return new Map([['y', float32Tensor([rows, ...shape], Float32Array.from(outputs.flat()))]]);
    },
  };
  return { model, runs };
}

const grey = (...values: number[]): Pixels => ({ width: 2, height: 2, channels: 1, data: Uint8Array.from(values) });

function pictures(truth: 'label' | 'mask', samples: PictureSample[]): PictureDataset {
  return { kind: 'pictures', name: 'test', count: samples.length, truth, sample: async (index) => samples[index]! };
}

/** Class 1 where the first pixel is bright. */
const brightness = (pixels: Float32Array) => [0.5, pixels[0]!];
const labelled = pictures('label', [
  { pixels: grey(255, 0, 0, 0), label: 1 },
  { pixels: grey(0, 0, 0, 0), label: 0 },
  { pixels: grey(200, 0, 0, 0), label: 0 },
]);

describe('evaluate', () => {
  it('counts the samples whose class is the largest output', async () => {
    const { model, runs } = fakeModel(brightness, [2]);
    expect(await evaluate(model, labelled)).toEqual({ metric: 'top1', value: 2 / 3, samples: 3 });
    expect(runs.at(-1)).toBe(3);
    expect(await evaluate(model, labelled, { limit: 2 })).toEqual({ metric: 'top1', value: 1, samples: 2 });
    // At this scale every pixel is darker than the threshold.
    const dark = await evaluate(model, labelled, { preparation: { scale: 1000 } });
    expect(dark.value).toBe(2 / 3);
    const darkest = await evaluate(model, labelled, { preparation: { scale: 1000 }, limit: 1 });
    expect(darkest.value).toBe(0);
  });

  it('fills up the last batch of a model of fixed batch size, and does not count the filling', async () => {
    const { model, runs } = fakeModel(brightness, [2], 2);
    expect(await evaluate(model, labelled)).toEqual({ metric: 'top1', value: 2 / 3, samples: 3 });
    expect(runs).toEqual([2, 2]);
    await expect(evaluate(model, labelled, { batch: 3 })).rejects.toThrow("the model's batch size is fixed at 2");
  });

  it('runs a model one by one that declares a free batch size but works at 1 only', async () => {
    const { model, runs } = fakeModel(brightness, [2]);
    const run = model.run;
    const stubborn: Runnable = {
      ...model,
      run: (feeds) =>
        feeds.get('x')!.shape[0] === 1 ? run(feeds) : Promise.reject(new OnnxruntimeError('onnxruntime: Reshape')),
    };
    expect((await evaluate(stubborn, labelled)).value).toBe(2 / 3);
    expect(runs).toEqual([1, 1, 1]);
  });

  it('names the samples that have names', async () => {
    const named = pictures('label', [{ name: '1_a.png', pixels: grey(0, 0, 0, 0), label: 1 }]);
    const { perSample } = await evaluate(fakeModel(brightness, [2]).model, named);
    expect(perSample).toEqual([{ name: '1_a.png', value: 0, label: 1, predicted: 0 }]);
  });

  it('refuses classes that the model or the data do not know', async () => {
    const { model } = fakeModel(brightness, [2]);
    const beyond = pictures('label', [{ pixels: grey(0, 0, 0, 0), label: 2 }]);
    await expect(evaluate(model, beyond)).rejects.toThrow('has class 2, the model tells 2 classes apart');
    const unlabelled = pictures('label', [{ name: 'cat.png', pixels: grey(0, 0, 0, 0) }]);
    await expect(evaluate(model, unlabelled)).rejects.toThrow('cat.png does not start with its class number');
    await expect(evaluate(fakeModel(() => [1], [1]).model, labelled)).rejects.toThrow(RangeError);
  });

  it('computes Dice from one logit per pixel and from two', async () => {
    const masked = pictures('mask', [
      // Predicted {0, 1}, true {1, 2, 3}: 2·1 / (2 + 3).
      { name: 'a', pixels: grey(255, 255, 0, 0), mask: grey(0, 1, 255, 9) },
      // Nothing predicted, nothing true.
      { name: 'b', pixels: grey(0, 0, 0, 0), mask: grey(0, 0, 0, 0) },
    ]);
    const expected = {
      metric: 'dice',
      samples: 2,
      perSample: [
        { name: 'a', value: 0.4 },
        { name: 'b', value: 1 },
      ],
    };
    const single = fakeModel((pixels) => [...pixels].map((value) => value - 0.5), [1, 2, 2]);
    expect(await evaluate(single.model, masked)).toEqual({ ...expected, value: 0.7 });
    const double = fakeModel((pixels) => [0.5, 0.5, 0.5, 0.5, ...pixels], [2, 2, 2]);
    expect(await evaluate(double.model, masked)).toEqual({ ...expected, value: 0.7 });
    await expect(evaluate(fakeModel(brightness, [2]).model, masked)).rejects.toThrow('masks need [2, channels');
  });

  it('compares arrays with expected outputs, or counts classes where there are labels', async () => {
    const { model } = fakeModel((pixels) => [pixels[0]! + pixels[1]!, pixels[2]!], [2]);
    const x = fromFloats('float64', [2, 1, 2, 2], [1, 2, 4, 0, 5, 6, 7, 0]);
    const arrays = (more: [string, Tensor][]): ArrayDataset => ({
      kind: 'arrays',
      name: 'test',
      count: 2,
      arrays: new Map([['x', x], ...more]),
    });
    const outputs = arrays([['out0', fromFloats('float32', [2, 2], [3, 4, 11, 8])]]);
    expect(await evaluate(model, outputs)).toEqual({ metric: 'maxRelativeError', value: 1 / 11, samples: 2 });
    const labels = arrays([['labels', int64Tensor([1, 1])]]);
    expect(await evaluate(model, labels)).toEqual({ metric: 'top1', value: 0.5, samples: 2 });
    await expect(evaluate(model, arrays([]))).rejects.toThrow('neither labels nor expected outputs');
  });

  it('reports progress and stops at an aborted signal', async () => {
    const { model } = fakeModel(brightness, [2], 1);
    const done: number[] = [];
    await evaluate(model, labelled, { onProgress: (state) => done.push(state.done / state.total) });
    expect(done).toEqual([1 / 3, 2 / 3, 1]);
    await expect(evaluate(model, labelled, { signal: AbortSignal.abort() })).rejects.toThrow('abort');
  });
});

describe.skipIf(!hasShared('models/onnx'))('published accuracies (skipped without the shared models)', () => {
  const evaluateFile = async (model: string, data: string, options: Parameters<typeof evaluate>[2]) => {
    const session = await openOnnx(new Uint8Array(readFileSync(sharedPath(`models/onnx/${model}.onnx`))));
    try {
      return await evaluate(session, await openDataset(data), options);
    } finally {
      await session.release();
    }
  };
  const mnist = `mnist:${sharedPath('data/mnist')}`;

  it('LeNet-5 on MNIST: 99.34 %', async () => {
    const result = await evaluateFile('lenet5-mnist', mnist, { preparation: { mean: [0.1307], std: [0.3081] } });
    expect(result).toEqual({ metric: 'top1', value: 0.9934, samples: 10_000 });
  });

  it("onnxruntime's MNIST example on pixels 0 to 255: 98.7 % of the first 1,000", async () => {
    const result = await evaluateFile('mnist-ort-examples', mnist, { preparation: { scale: 1 }, limit: 1000 });
    expect(result).toEqual({ metric: 'top1', value: 0.987, samples: 1000 });
  });

  it('ResNet-20 on the JPEG copies of CIFAR-10, channels first: about 81 %', async () => {
    const preparation = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const data = `cifar10:${sharedPath('data/cifar10/test_2000.bin.gz')}`;
    const { value, samples } = await evaluateFile('cifar10-resnet20-akamaster', data, { preparation });
    expect(samples).toBe(2000);
    expect(value).toBeCloseTo(0.81, 1.5);
  });

  it('SqueezeNet on float16 BGR photos: about 77 %', async () => {
    const preparation = { scale: 1, mean: [104, 117, 123], channels: 'bgr' } as const;
    const data = `images:${sharedPath('data/imagenet-sample')}`;
    const { value } = await evaluateFile('squeezenet-fp16-imagenet-winml', data, {
      preparation: { ...preparation, mean: [104, 117, 123] },
      limit: 30,
    });
    expect(Math.abs(value - 0.77)).toBeLessThan(0.1);
  });

  it("the outputs that Keras itself gives, channels last: within float32's rounding", async () => {
    const data = `npz:${sharedPath('models/keras/golden/mlperf-tiny-resnet8-cifar10.h5.npz')}`;
    const result = await evaluateFile('keras-mlperf-tiny-resnet8-cifar10-export', data, {});
    expect(result).toMatchObject({ metric: 'maxRelativeError', samples: 1 });
    expect(result.value).toBeLessThan(1e-5);
  });
});
