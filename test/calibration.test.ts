import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFqz } from '../formats/fqz/read.ts';
import { readOnnx } from '../formats/onnx/read.ts';
import { onnxruntimeCalibration } from '../src/calibration-data.ts';
import { ALL_STAGES } from '../src/codec/calibration/code-layer.ts';
import { convert } from '../src/convert.ts';
import type { ConvertOptions } from '../src/convert-options.ts';
import type { ArrayDataset } from '../src/data/dataset.ts';
import { onnxruntimeEvaluate } from '../src/evaluate-constants.ts';
import { type Model, node } from '../src/graph/graph.ts';
import { toFloat32 } from '../src/graph/numbers.ts';
import { float32Tensor, type Tensor } from '../src/graph/tensor.ts';
import { unpack } from '../src/unpack.ts';
import { normal } from './support/random.ts';
import { buildModel, copyOf, runModel } from './support/run-model.ts';

const digits = (): Model =>
  readOnnx(new Uint8Array(readFileSync(new URL('../fixtures/digits-cnn.onnx', import.meta.url))));

/** Strokes: inputs whose neighbouring pixels are alike, unlike noise. */
function strokes(
  count: number,
  seed: number,
  [channels, height, width]: [number, number, number] = [1, 28, 28],
): Tensor {
  const next = normal(seed);
  const values = new Float32Array(count * channels * height * width);
  for (let picture = 0; picture < count * channels; picture++) {
    const [x, y, dx, dy] = [next() * 4 + width / 2, next() * 4 + height / 2, next(), next()];
    const length = Math.hypot(dx, dy);
    for (let at = 0; at < height * width; at++) {
      const distance = Math.abs(((at % width) - x) * dy - (Math.floor(at / width) - y) * dx) / length;
      values[picture * height * width + at] = Math.exp(-((distance / 2) ** 2)) + 0.02 * next();
    }
  }
  return float32Tensor([count, channels, height, width], values);
}

const dataset = (arrays: Record<string, Tensor>): ArrayDataset => {
  const named = new Map(Object.entries(arrays));
  return { kind: 'arrays', name: 'npz:test', count: Object.values(arrays)[0]!.shape[0]!, arrays: named };
};

/** Σ(a − b)² / Σb² over all outputs. */
async function outputError(model: Model, original: Model, feeds: ReadonlyMap<string, Tensor>): Promise<number> {
  const [ours, theirs] = [await runModel(model, feeds), await runModel(original, feeds)];
  let [difference, energy] = [0, 0];
  for (const [name, tensor] of theirs) {
    const [a, b] = [toFloat32(ours.get(name)!), toFloat32(tensor)];
    for (const [at, value] of b.entries()) {
      difference += (a[at]! - value) ** 2;
      energy += value ** 2;
    }
  }
  return difference / energy;
}

const files = async (model: () => Model, data: ArrayDataset, options: ConvertOptions) => {
  const each = await Promise.all(
    [{}, { calibrate: onnxruntimeCalibration(data) }].map((more) =>
      convert(model(), { evaluate: onnxruntimeEvaluate, ...options, ...more }),
    ),
  );
  return each.map(({ bytes, report }) => ({ bytes, report, model: unpack(readFqz(bytes)) }));
};

describe('a calibrated file', () => {
  it('of the same size has far less error in the outputs', async () => {
    const data = dataset({ image: strokes(256, 1) });
    const unseen = new Map([['image', strokes(64, 2)]]);
    for (const targetSize of [9000, 5000]) {
      const [plain, calibrated] = await files(digits, data, { targetSize });
      expect(calibrated!.bytes.length).toBeLessThanOrEqual(targetSize);
      expect(calibrated!.bytes.length).toBeGreaterThan(0.95 * targetSize);
      const [before, after] = [
        await outputError(plain!.model, digits(), unseen),
        await outputError(calibrated!.model, digits(), unseen),
      ];
      expect(after).toBeLessThan(0.5 * before);
    }
  });

  it('comes closer with quality', async () => {
    const data = dataset({ image: strokes(64, 1) });
    const unseen = new Map([['image', strokes(32, 2)]]);
    let [bytesBefore, errorBefore] = [0, Number.POSITIVE_INFINITY];
    for (const quality of [40, 70, 95]) {
      const [, { bytes, model }] = (await files(digits, data, { quality })) as never as [
        unknown,
        { bytes: Uint8Array; model: Model },
      ];
      const error = await outputError(model, digits(), unseen);
      expect(bytes.length).toBeGreaterThan(bytesBefore);
      expect(error).toBeLessThan(errorBefore);
      [bytesBefore, errorBefore] = [bytes.length, error];
    }
    expect(errorBefore).toBeLessThan(1e-2);
  });

  it('makes up for errors over shortcuts, and for those of layers before', async () => {
    const data = dataset({ x: strokes(128, 3, [8, 12, 12]) });
    const unseen = new Map([['x', strokes(64, 4, [8, 12, 12])]]);
    const errorWith = async (stages: Partial<typeof ALL_STAGES>) => {
      const { bytes } = await convert(residual(), {
        quality: 85,
        calibrate: onnxruntimeCalibration(data),
        calibrationStages: { ...ALL_STAGES, ...stages },
      });
      return outputError(unpack(readFqz(bytes)), residual(), unseen);
    };
    // The rows' weights are made for probabilities of classes, which are not what is measured here.
    const others = { rateDistortion: false, rowFeedback: false };
    const all = await errorWith(others);
    for (const stage of ['sequential', 'biasCorrection', 'feedback']) {
      expect(await errorWith({ ...others, [stage]: false }), stage).toBeGreaterThan(1.1 * all);
    }
  });

  it('keeps weights that were fitted to low frequencies as these', async () => {
    const unet = () => readOnnx(new Uint8Array(readFileSync(new URL('../fixtures/smooth-unet.onnx', import.meta.url))));
    const [{ name }] = unet().graph.inputs as [{ name: string }];
    const calibrate = onnxruntimeCalibration(dataset({ [name]: strokes(16, 5, [1, 32, 32]) }));
    const [plain, calibrated] = [await convert(unet(), {}), await convert(unet(), { calibrate })];
    const isDct = plain.report.tensors.filter(({ method }) => method === 'dct').map((tensor) => tensor.name);
    expect(isDct.length).toBeGreaterThan(2);
    for (const tensor of calibrated.report.tensors) {
      if (isDct.includes(tensor.name)) expect(tensor.method, tensor.name).toBe('dct');
    }
    expect(calibrated.bytes.length).toBeLessThan(1.1 * plain.bytes.length);
  });

  it('leaves inputs that never vary to the ordinary coder', async () => {
    const weight = float32Tensor([64, 64], Float32Array.from({ length: 4096 }, normal(5)));
    const nodes = [
      node('Sub', ['x', 'x'], ['zero']),
      node('MatMul', ['zero', 'v'], ['c']),
      node('Add', ['x', 'c'], ['y']),
    ];
    const model = buildModel(17, { x: [4, 64] }, nodes, ['y'], { v: weight });
    const data = dataset({ x: float32Tensor([8, 64], Float32Array.from({ length: 512 }, normal(6))) });
    const [plain, calibrated] = await files(() => copyOf(model), data, { quality: 80 });
    expect(calibrated!.bytes).toEqual(plain!.bytes);
  });
});

/** Three blocks of two convolutions with a shortcut around each. */
function residual(): Model {
  const next = normal(9);
  const nodes = [];
  const weights: Record<string, Tensor> = {};
  let value = 'x';
  for (let block = 0; block < 3; block++) {
    for (let layer = 0; layer < 2; layer++) {
      const name = `w${block}${layer}`;
      weights[name] = float32Tensor(
        [8, 8, 3, 3],
        Float32Array.from({ length: 576 }, () => 0.15 * next()),
      );
      weights[`b${name}`] = float32Tensor(
        [8],
        Float32Array.from({ length: 8 }, () => 0.1 * next()),
      );
      const pads = { pads: { type: 'ints' as const, value: [1, 1, 1, 1] } };
      nodes.push(node('Conv', [layer === 0 ? value : `r${block}`, name, `b${name}`], [`c${block}${layer}`], pads));
      if (layer === 0) nodes.push(node('Relu', [`c${block}0`], [`r${block}`]));
    }
    nodes.push(node('Add', [`c${block}1`, value], [`s${block}`]), node('Relu', [`s${block}`], [`v${block}`]));
    value = `v${block}`;
  }
  return buildModel(17, { x: ['N', 8, 12, 12] }, nodes, [value], weights);
}

describe('calibrating', () => {
  const calibrate = () => onnxruntimeCalibration(dataset({ image: strokes(16, 1) }));

  it('stops when it is told to, and says how far it is', async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const converting = convert(digits(), {
      calibrate: calibrate(),
      signal: controller.signal,
      onProgress: ({ phase, done, total }) => {
        seen.push(`${phase} ${done}/${total}`);
        if (phase === 'calibrating' && done === 2) controller.abort();
      },
    });
    await expect(converting).rejects.toThrow('abort');
    expect(seen.filter((text) => text.startsWith('calibrating'))).toEqual([
      expect.stringMatching(/^calibrating 0\/1$/),
      ...[0, 1, 2].map((done) => expect.stringMatching(new RegExp(`^calibrating ${done}/\\d$`))),
    ]);
  });

  it.each<[string, ConvertOptions]>([
    ['not with maxError', { maxError: 0.1 }],
    ['not with precision', { precision: 'fp16' }],
  ])('goes %s', async (message, options) => {
    await expect(convert(digits(), { calibrate: calibrate(), ...options })).rejects.toThrow(TypeError);
    await expect(convert(digits(), { calibrate: calibrate(), ...options })).rejects.toThrow(message);
  });

  it('wants some samples', () => {
    for (const samples of [0, 1.5, Number.NaN]) {
      expect(() => onnxruntimeCalibration(dataset({ image: strokes(2, 1) }), { samples })).toThrow(RangeError);
    }
  });

  it('takes samples from all of the data, and no more of them than it is told', async () => {
    const asked: number[] = [];
    const pixels = { width: 28, height: 28, channels: 1, data: new Uint8Array(784) } as const;
    const sample = async (index: number) => {
      asked.push(index);
      return { pixels };
    };
    const pictures = { kind: 'pictures', name: 'images:test', count: 1000, truth: 'label', sample } as const;
    const batches = await onnxruntimeCalibration(pictures, { samples: 10, batch: 5 }).batches(digits());
    expect(batches).toHaveLength(2);
    expect(batches[0]!.get('image')!.shape).toEqual([5, 1, 28, 28]);
    expect(asked).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
  });
});
