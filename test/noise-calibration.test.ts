import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFqz } from '../formats/fqz/read.ts';
import { readOnnx } from '../formats/onnx/read.ts';
import { convert } from '../src/convert.ts';
import { deadLeavesPicture, PHOTO_STATISTICS } from '../src/data/dead-leaves.ts';
import { onnxruntimeEvaluate } from '../src/evaluate-constants.ts';
import { type Attribute, type Model, node } from '../src/graph/graph.ts';
import { toFloat32, toNumbers } from '../src/graph/numbers.ts';
import { float32Tensor, int64Tensor, type Tensor } from '../src/graph/tensor.ts';
import { noiseCalibration } from '../src/noise-calibration.ts';
import { unpack } from '../src/unpack.ts';
import { normal } from './support/random.ts';
import { buildModel, runModel } from './support/run-model.ts';

const digits = (): Model =>
  readOnnx(new Uint8Array(readFileSync(new URL('../fixtures/digits-cnn.onnx', import.meta.url))));

const drawn = (shape: number[], scale: number) => {
  const next = normal(3);
  return float32Tensor(
    shape,
    Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => scale * next()),
  );
};

/** Mean and deviation of all values. */
function statistics(values: ArrayLike<number>): { mean: number; deviation: number } {
  let [sum, squares] = [0, 0];
  for (let at = 0; at < values.length; at++) {
    sum += values[at]!;
    squares += values[at]! ** 2;
  }
  const mean = sum / values.length;
  return { mean, deviation: Math.sqrt(squares / values.length - mean ** 2) };
}

describe('pictures of dead leaves', () => {
  const pictures = Array.from({ length: 24 }, (_, seed) => deadLeavesPicture(seed, 48, 64));

  it('have the mean and the deviation of photographs, and differ', () => {
    const { mean, deviation } = statistics(pictures.flatMap(({ data }) => [...data]));
    expect(mean / 255).toBeCloseTo(PHOTO_STATISTICS.mean, 1);
    expect(deviation / 255).toBeCloseTo(PHOTO_STATISTICS.deviation, 1);
    expect(new Set(pictures.map(({ data }) => data.join())).size).toBe(pictures.length);
    expect(deadLeavesPicture(5, 48, 64)).toEqual(pictures[5]);
  });

  it('are alike over short distances, and less so over every longer one', () => {
    const correlation = (distance: number) => {
      const pairs = pictures.flatMap(({ data, width, height }) =>
        Array.from({ length: height * (width - distance) }, (_, at) => {
          const pixel = Math.floor(at / (width - distance)) * width + (at % (width - distance));
          return [data[3 * pixel]!, data[3 * (pixel + distance)]!] as const;
        }),
      );
      const { mean, deviation } = statistics(pairs.flat());
      return pairs.reduce((sum, [a, b]) => sum + (a - mean) * (b - mean), 0) / pairs.length / deviation ** 2;
    };
    const [next, near, far] = [1, 4, 16].map(correlation) as [number, number, number];
    expect(next).toBeGreaterThan(0.6);
    expect(near).toBeLessThan(0.8 * next);
    expect(far).toBeLessThan(0.5 * near);
  });
});

const batchesOf = (model: Model, options?: Parameters<typeof noiseCalibration>[0]) =>
  noiseCalibration({ samples: 8, ...options }).batches(model);

/** A convolution that makes outputs of deviation about 1 from pictures of this deviation. */
const filtering = (deviation: number, channelsLast = false): Model => {
  const perm = (value: number[]): Attribute => ({ type: 'ints', value });
  const turned = channelsLast ? [node('Transpose', ['x'], ['t'], { perm: perm([0, 3, 1, 2]) })] : [];
  return buildModel(
    17,
    { x: channelsLast ? ['n', 24, 20, 3] : ['n', 3, 24, 20] },
    [...turned, node('Conv', [channelsLast ? 't' : 'x', 'w', 'b'], ['y'])],
    ['y'],
    { w: drawn([8, 3, 3, 3], 0.3 / deviation), b: drawn([8], 100) },
  );
};

describe('noise in place of samples', () => {
  it('comes in the range that the first convolution is made for', async () => {
    for (const [channelsLast, deviation, mean] of [
      [false, 1, 0],
      [true, 0.24, 0.46],
      [false, 61, 117],
    ] as const) {
      const [feeds, ...others] = await batchesOf(filtering(deviation, channelsLast));
      expect(others).toEqual([]);
      const x = feeds!.get('x')!;
      expect(x.shape).toEqual(channelsLast ? [8, 24, 20, 3] : [8, 3, 24, 20]);
      const found = statistics(toFloat32(x));
      expect(found.deviation / deviation).toBeCloseTo(1, 0);
      expect((found.mean - mean) / deviation).toBeCloseTo(0, 0);
    }
  });

  it('is prepared as real pictures would be', async () => {
    const options = { preparation: { scale: 1, mean: [10], std: [2] }, size: [6, 5] as const };
    const model = buildModel(17, { x: ['n', 1, 'h', 'w'] }, [node('Relu', ['x'], ['y'])], ['y']);
    const [feeds] = await batchesOf(model, options);
    const x = feeds!.get('x')!;
    expect(x.shape).toEqual([8, 1, 6, 5]);
    for (const value of toFloat32(x)) expect(2 * value + 10).toBeCloseTo(Math.round(2 * value + 10), 5);
  });

  it('is of fewer pictures where they are large', async () => {
    const model = buildModel(17, { x: [1, 1, 512, 512] }, [node('Relu', ['x'], ['y'])], ['y']);
    expect(await batchesOf(model, { samples: 100 })).toHaveLength(16);
  });

  it('chooses rows of tables, and is normal for other inputs', async () => {
    const model = buildModel(
      17,
      { ids: ['n', 'length'], z: ['n', 7] },
      [
        node('Gather', ['table', 'ids'], ['h']),
        node('ReduceMean', ['h'], ['m'], { axes: { type: 'ints', value: [1] }, keepdims: { type: 'int', value: 0 } }),
        node('Add', ['m', 'z'], ['y']),
      ],
      ['y'],
      { table: drawn([50, 7], 1) },
    );
    model.graph.inputs[0]!.type = { kind: 'tensor', dtype: 'int64', shape: ['n', 'length'] };
    const batches = await batchesOf(model, { samples: 64 });
    const ids = batches.flatMap((feeds) => toNumbers(feeds.get('ids')!));
    expect([Math.min(...ids), Math.max(...ids)]).toEqual([0, 49]);
    const { mean, deviation } = statistics(batches.flatMap((feeds) => toNumbers(feeds.get('z')!)));
    expect(mean).toBeCloseTo(0, 0);
    expect(deviation).toBeCloseTo(1, 0);
  });

  it('runs one sample at a time where the model cannot do otherwise', async () => {
    const model = buildModel(17, { x: ['n', 5] }, [node('Reshape', ['x', 'shape'], ['y'])], ['y'], {
      shape: int64Tensor([1, 5]),
    });
    const batches = await batchesOf(model, { samples: 3 });
    expect(batches.map((feeds) => feeds.get('x')!.shape)).toEqual([
      [1, 5],
      [1, 5],
      [1, 5],
    ]);
  });

  it('makes files that are closer to the original on real pictures than rounding does', async () => {
    const pictures = strokes(64);
    const expected = (await runModel(digits(), pictures)).values().next().value!;
    const errorOf = async (bytes: Uint8Array) => {
      const found = (await runModel(unpack(readFqz(bytes)), pictures)).values().next().value!;
      const [a, b] = [toFloat32(found), toFloat32(expected)];
      return a.reduce((sum, value, at) => sum + (value - b[at]!) ** 2, 0);
    };
    const options = { targetSize: 6000, evaluate: onnxruntimeEvaluate };
    const rounded = await convert(digits(), options);
    const calibrated = await convert(digits(), { ...options, calibrate: noiseCalibration({ samples: 64 }) });
    expect(calibrated.bytes.length).toBeLessThanOrEqual(options.targetSize);
    expect([rounded.report.calibration, calibrated.report.calibration]).toEqual(['none', 'noise']);
    expect(calibrated.report.calibrationSamples).toBe(64);
    expect(await errorOf(calibrated.bytes)).toBeLessThan(0.7 * (await errorOf(rounded.bytes)));
  });

  it('refuses numbers of samples that are none', () => {
    expect(() => noiseCalibration({ samples: 0 })).toThrow(RangeError);
  });
});

/** Strokes on a dark ground, as digits are. */
function strokes(count: number): Map<string, Tensor> {
  const next = normal(8);
  const values = new Float32Array(count * 784);
  for (let picture = 0; picture < count; picture++) {
    const [x, y, dx, dy] = [4 * next() + 14, 4 * next() + 14, next(), next()];
    for (let at = 0; at < 784; at++) {
      const distance = Math.abs(((at % 28) - x) * dy - (Math.floor(at / 28) - y) * dx) / Math.hypot(dx, dy);
      values[picture * 784 + at] = Math.exp(-((distance / 2) ** 2));
    }
  }
  return new Map([['image', float32Tensor([count, 1, 28, 28], values)]]);
}
