import { describe, expect, it } from 'vitest';
import type { ArrayDataset, PictureDataset } from '../src/data/dataset.ts';
import { randomStream } from '../src/fit/random.ts';
import { toFloat32 } from '../src/graph/numbers.ts';
import { float32Tensor, int64Tensor } from '../src/graph/tensor.ts';
import type { TensorInfo } from '../src/onnxruntime.ts';
import { trainingData } from '../src/training-data.ts';

const input = (shape: TensorInfo['shape']): TensorInfo => ({ name: 'x', dtype: 'float32', shape });
const output: TensorInfo = { name: 'y', dtype: 'float32', shape: ['N', 3] };

/** Grey pictures of 6×5 with one bright pixel, at (2, 1); the label is the index. */
const pictures: PictureDataset = {
  kind: 'pictures',
  name: 'test',
  count: 40,
  truth: 'label',
  sample: async (label) => {
    const data = new Uint8Array(30);
    data[2 * 5 + 1] = 200;
    return { pixels: { width: 5, height: 6, channels: 1, data }, label };
  },
};

const brightest = (values: Float32Array): [row: number, column: number] => {
  const at = values.indexOf(Math.max(...values));
  return [Math.floor(at / 5), at % 5];
};

describe('training data of pictures', () => {
  const model = { inputs: [input(['N', 1, 6, 5])], outputs: [output] };

  it('have the samples that are asked for, prepared, with their labels', async () => {
    const data = trainingData(model, pictures, { preparation: { mean: [0.5], std: [2] }, limit: 30 });
    expect(data).toMatchObject({ count: 30, truth: 'labels' });
    const { feeds, labels } = await data.batch(Uint32Array.of(7, 3));
    expect(labels).toEqual([7, 3]);
    expect(feeds.get('x')!.shape).toEqual([2, 1, 6, 5]);
    expect(toFloat32(feeds.get('x')!)[11]).toBeCloseTo((200 / 255 - 0.5) / 2, 6);
  });

  it('are fed at another size than the declared one where that is asked for', async () => {
    const { feeds } = await trainingData(model, pictures, { size: [12, 10] }).batch(Uint32Array.of(7, 3));
    const { shape } = feeds.get('x')!;
    expect(shape).toEqual([2, 1, 12, 10]);
    // The bright pixel at (2, 1) is four now.
    const values = toFloat32(feeds.get('x')!);
    const at = values.indexOf(Math.max(...values.subarray(0, 120)));
    expect([Math.floor(at / 20), Math.floor((at % 10) / 2)]).toEqual([2, 1]);
  });

  it('are varied only with random numbers, by shifts and flips within their bounds', async () => {
    const data = trainingData(model, pictures, { shift: 1, flip: true });
    const places = new Set<string>();
    for (let at = 0; at < 200; at++) {
      const { feeds } = await data.batch(Uint32Array.of(at % 40), randomStream(1, at));
      places.add(`${brightest(toFloat32(feeds.get('x')!))}`);
    }
    const rows = [1, 2, 3];
    // Column 1, or 3 when mirrored, moved by up to one.
    const columns = [0, 1, 2, 3, 4];
    expect([...places].sort()).toEqual(rows.flatMap((row) => columns.map((column) => `${row},${column}`)));
    const plain = await data.batch(Uint32Array.of(5));
    expect(brightest(toFloat32(plain.feeds.get('x')!))).toEqual([2, 1]);
  });

  it('vary a mask as they do its picture', async () => {
    const masks: PictureDataset = {
      ...pictures,
      truth: 'mask',
      sample: async (index) => {
        const { pixels } = await pictures.sample(index);
        return { pixels, mask: pixels };
      },
    };
    const data = trainingData(model, masks, { shift: 1, flip: true });
    expect(data.truth).toBe('masks');
    for (let at = 0; at < 10; at++) {
      const batch = await data.batch(Uint32Array.of(at, at + 1), randomStream(2, at));
      const values = toFloat32(batch.feeds.get('x')!);
      expect(batch.masks!.map((value) => value)).toEqual(values.map((value) => (value > 0 ? 1 : 0)));
    }
  });
});

describe('training data of arrays', () => {
  const model = { inputs: [input(['N', 2])], outputs: [output] };
  const x = float32Tensor([4, 2], Float32Array.of(0, 1, 10, 11, 20, 21, 30, 31));
  const arrays = (more: ArrayDataset['arrays']): ArrayDataset => ({
    kind: 'arrays',
    name: 'test',
    count: 4,
    arrays: new Map([['x', x], ...more]),
  });

  it('have rows in the order asked for, with labels or expected outputs', async () => {
    const labelled = trainingData(model, arrays(new Map([['labels', int64Tensor([5, 6, 7, 8])]])));
    expect(labelled.truth).toBe('labels');
    const batch = await labelled.batch(Uint32Array.of(3, 0));
    expect([...toFloat32(batch.feeds.get('x')!)]).toEqual([30, 31, 0, 1]);
    expect(batch.labels).toEqual([8, 5]);

    const y = float32Tensor(
      [4, 3],
      Float32Array.from({ length: 12 }, (_, at) => at),
    );
    const expecting = trainingData(model, arrays(new Map([['y', y]])));
    expect(expecting.truth).toBe('outputs');
    expect([...(await expecting.batch(Uint32Array.of(2))).outputs!.get('y')!]).toEqual([6, 7, 8]);

    expect(trainingData(model, arrays(new Map())).truth).toBe('none');
  });

  it('refuse labels that are not one for each sample', () => {
    const wrong = arrays(new Map([['labels', int64Tensor([1, 2, 3])]]));
    expect(() => trainingData(model, wrong)).toThrow('test has 3 labels, expected 4');
  });
});
