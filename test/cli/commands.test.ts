import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fqz, fqzJson, writeClassifier } from '../support/cli.ts';
import { random } from '../support/random.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';

const folder = mkdtempSync(join(tmpdir(), 'fqz-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const MODEL = at('classifier.onnx');
const FQZ = at('classifier.fqz');
/** Of the classifier: 4·25 + 4 + 10·144 + 10. */
const PARAMETERS = 1554;

beforeAll(async () => {
  writeClassifier(MODEL);
  writeFileSync(at('digits.txt'), 'zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n');
  await fqzJson('convert', MODEL, '-o', FQZ, '--mean', '0.1307', '--std', '0.3081', '--labels', at('digits.txt'));
});

describe('fqz convert', () => {
  it('reports true bytes over true bytes', async () => {
    const report = await fqzJson('convert', MODEL, '-o', at('a.fqz'));
    const bytes = statSync(at('a.fqz')).size;
    expect(report.input).toEqual({
      path: MODEL,
      bytes: statSync(MODEL).size,
      parameters: PARAMETERS,
      weightBytesFp32: 4 * PARAMETERS,
    });
    expect(report.output).toMatchObject({ path: at('a.fqz'), bytes });
    expect(report.ratio).toBe((4 * PARAMETERS) / bytes);
    expect(report.seconds).toBeGreaterThan(0);
    const { graphBytes, weightBytes, coefficients } = report.output;
    expect(graphBytes + weightBytes).toBe(bytes);
    expect(report.tensors).toHaveLength(4);
    const sum = (key: string) =>
      report.tensors.reduce((total: number, tensor: Record<string, number>) => total + tensor[key]!, 0);
    expect(sum('coefficients')).toBe(coefficients);
    expect(sum('bytes')).toBeCloseTo(weightBytes, 6);
    expect(Object.keys(report.tensors[0]).sort()).toEqual([
      'bytes',
      'coefficients',
      'method',
      'name',
      'relativeError',
      'shape',
    ]);
  });

  it('keeps to the size, error or precision that is asked for', async () => {
    await fqzJson('convert', MODEL, '-o', at('size.fqz'), '--target-size', '1200');
    expect(statSync(at('size.fqz')).size).toBeLessThanOrEqual(1200);
    const limited = await fqzJson('convert', MODEL, '-o', at('error.fqz'), '--max-error', '0.05');
    for (const { relativeError } of limited.tensors) expect(relativeError).toBeLessThanOrEqual(0.05);
    const lossless = await fqzJson('convert', MODEL, '-o', at('lossless.fqz'), '--precision', 'lossless');
    for (const { relativeError } of lossless.tensors) expect(relativeError).toBe(0);
    const low = await fqzJson('convert', MODEL, '-o', at('low.fqz'), '--quality', '20');
    expect(low.output.bytes).toBeLessThan(statSync(FQZ).size);
  });

  it('calibrates on data, and keeps to a budget measured on data', async () => {
    const next = random(3);
    const pictures = Array.from({ length: 40 }, async (_, picture) => {
      const data = Uint8Array.from({ length: 784 }, (_, at) => 255 * next() ** (1 + (at % 28) / 7));
      const pixels = sharp(data, { raw: { width: 28, height: 28, channels: 1 } });
      mkdirSync(at('pictures'), { recursive: true });
      await pixels.toFile(at(`pictures/${picture % 10}_${picture}.png`));
    });
    await Promise.all(pictures);
    const data = ['--calibrate', `images:${at('pictures')}`];
    const size = ['--target-size', '900'];
    const rounded = await fqzJson('convert', MODEL, '-o', at('rounded.fqz'), ...size);
    const calibrated = await fqzJson('convert', MODEL, '-o', at('calibrated.fqz'), ...size, ...data);
    expect([rounded.calibrationSamples, calibrated.calibrationSamples]).toEqual([undefined, 40]);
    expect(calibrated.output.bytes).toBeLessThanOrEqual(900);
    const [a, b] = await Promise.all(
      ['rounded.fqz', 'calibrated.fqz'].map((file) =>
        fqzJson('verify', at(file), '--against', MODEL, '--data', `images:${at('pictures')}`),
      ),
    );
    expect(b.outputs[0].rmsRelativeError).toBeLessThan(0.7 * a.outputs[0].rmsRelativeError);
    const budget = ['--max-kl', '0.01', '--eval', `images:${at('pictures')}`];
    const kept = await fqzJson(
      'convert',
      MODEL,
      '-o',
      at('kept.fqz'),
      ...data,
      ...budget,
      '--calibration-samples',
      '20',
    );
    expect(kept.calibrationSamples).toBe(20);
    expect(kept.output.bytes).toBeLessThan(statSync(FQZ).size);
  });

  it('makes layers, of which the first are a file for every command', async () => {
    const { output } = await fqzJson('convert', MODEL, '-o', at('layers.fqz'), '--layers', '3', '--quality', '95');
    expect(output.layerEnds.at(-1)).toBe(output.bytes);
    const [end] = output.layerEnds;
    writeFileSync(at('first.fqz'), readFileSync(at('layers.fqz')).subarray(0, end));
    const { layers, bytes } = await fqzJson('inspect', at('first.fqz'));
    expect(layers.map(({ isPresent }: { isPresent: boolean }) => isPresent)).toEqual([true, false, false]);
    expect(bytes).toBe(end);
    expect((await fqz('inspect', at('first.fqz'))).stdout).toMatch(
      /layers +[\d,]+ bytes \+ [\d,]+ bytes \(not there\) \+/,
    );
    const errors = await Promise.all(
      ['first.fqz', 'layers.fqz'].map((file) => fqzJson('verify', at(file), '--against', MODEL)),
    );
    expect(errors[1].maxRelativeError).toBeLessThan(errors[0].maxRelativeError);
    const inRuntime = await fqzJson('verify', at('first.fqz'), '--against', MODEL, '--backend', 'wasm');
    expect(inRuntime.maxRelativeError).toBeCloseTo(errors[0].maxRelativeError, 3);
    expect((await fqz('unpack', at('first.fqz'), '-o', at('first.onnx'))).code).toBe(0);
    const { code, stderr } = await fqz('convert', MODEL, '-o', at('c.fqz'), '--layers', '9');
    expect([code, stderr]).toEqual([1, expect.stringContaining('1 to 8')]);
  });

  it('calibrates without data, where that is asked for', async () => {
    const noise = ['--calibrate', 'noise', '--calibration-samples', '24'];
    const { calibration, calibrationSamples } = await fqzJson('convert', MODEL, '-o', at('noise.fqz'), ...noise);
    expect([calibration, calibrationSamples]).toEqual(['noise', 24]);
    const [none, unsaid] = [
      await fqzJson('convert', MODEL, '-o', at('none.fqz'), '--calibrate', 'none'),
      await fqzJson('convert', MODEL, '-o', at('unsaid.fqz')),
    ];
    expect([none.calibration, unsaid.calibration]).toEqual(['none', 'none']);
    expect(readFileSync(at('none.fqz'))).toEqual(readFileSync(at('unsaid.fqz')));
    const { stdout } = await fqz('convert', MODEL, '-o', at('noise.fqz'), ...noise);
    expect(stdout).toMatch(/calibrated on 24 samples of noise$/m);
  });

  it('prints a summary without --json', async () => {
    const { code, stdout, stderr } = await fqz('convert', MODEL, '-o', at('b.fqz'));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^classifier\.onnx: 1,554 parameters, 6,216 bytes as fp32\nb\.fqz: /);
  });

  it('leaves nothing but the result in the folder, and replaces an older one', async () => {
    const before = readdirSync(folder).sort();
    writeFileSync(FQZ, readFileSync(FQZ).subarray(0, 10));
    await fqzJson('convert', MODEL, '-o', FQZ, '--mean', '0.1307', '--std', '0.3081', '--labels', at('digits.txt'));
    expect(readdirSync(folder).sort()).toEqual(before);
    expect((await fqz('inspect', FQZ)).code).toBe(0);
  });
});

describe('fqz inspect', () => {
  it('tells of a .fqz what it holds', async () => {
    const inspection = await fqzJson('inspect', FQZ);
    expect(inspection).toMatchObject({
      format: 'fqz',
      bytes: statSync(FQZ).size,
      inputs: [{ name: 'image', dtype: 'float32', shape: ['N', 1, 28, 28] }],
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['N', 10] }],
      operators: { Conv: 1, Relu: 1, MaxPool: 1, Flatten: 1, Gemm: 1 },
      nodes: 5,
      parameters: PARAMETERS,
      preparation: { scale: 255, mean: [0.1307], std: [0.3081], channels: 'rgb' },
      labels: 10,
    });
    expect(inspection.tensors).toHaveLength(4);
    expect(inspection.totals.bytes).toBe(statSync(FQZ).size);
    expect(inspection.tensors[0].spectrum).toBeUndefined();
    expect((await fqzJson('inspect', FQZ, '--spectrum')).tensors[0].spectrum.length).toBeGreaterThan(1);
  });

  it('tells an ONNX model by its bytes, whatever it is called', async () => {
    writeFileSync(at('misnamed.fqz'), readFileSync(MODEL));
    const inspection = await fqzJson('inspect', at('misnamed.fqz'));
    expect(inspection).toMatchObject({ format: 'onnx', parameters: PARAMETERS });
    expect(inspection.tensors[0]).toMatchObject({
      name: 'conv.weight',
      shape: [4, 1, 5, 5],
      bytes: 400,
      bitsPerWeight: 32,
    });
  });

  it('draws a table, and spectra if asked', async () => {
    const { stdout } = await fqz('inspect', MODEL);
    const rows = stdout.split('\n').filter((line) => /float32 {2}/.test(line));
    expect(rows.map((row) => row.split(/ {2,}/)[0])).toEqual([
      'conv.weight',
      'conv.bias',
      'dense.weight',
      'dense.bias',
    ]);
    expect(stdout).not.toMatch(/[▁▂▃▄▅▆▇█]/);
    const drawn = (await fqz('inspect', MODEL, '--spectrum')).stdout;
    expect(drawn.split('\n').filter((line) => line.includes('█'))).toHaveLength(4);
  });
});

describe('fqz unpack and verify', () => {
  it.each(['dense', 'factored'])('%s: the ONNX model computes what the .fqz does', async (form) => {
    const target = at(`${form}.onnx`);
    const report = await fqzJson('unpack', FQZ, '-o', target, '--form', form);
    expect(report.output).toEqual({ path: target, bytes: statSync(target).size });
    const result = await fqzJson('verify', target, '--against', FQZ, '--tolerance', '1e-5');
    expect(result).toMatchObject({ inputs: 'noise', samples: 4, tolerance: 1e-5 });
    expect(result.outputs[0]).toMatchObject({ name: 'logits', shape: [1, 10], top1Agreement: 1 });
  });

  it('lossless: no difference at all', async () => {
    await fqzJson('convert', MODEL, '-o', at('exact.fqz'), '--precision', 'lossless');
    const result = await fqzJson('verify', at('exact.fqz'), '--against', MODEL, '--shape', 'image=3x1x28x28');
    expect(result.outputs[0].shape).toEqual([3, 10]);
    expect(result.maxRelativeError).toBeLessThan(1e-6);
  });

  it('fails past the tolerance, with the figures on standard output all the same', async () => {
    const { code, stdout, stderr } = await fqz('verify', FQZ, '--against', MODEL, '--tolerance', '1e-9', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout).maxRelativeError).toBeGreaterThan(1e-9);
    expect(stderr).toMatch(/^fqz: the relative error .* is past the tolerance 1e-9$/);
  });

  it('prints a table without --json', async () => {
    const { code, stdout } = await fqz('verify', FQZ, '--against', MODEL, '--seed', '7', '--samples', '2');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^output +shape .*\nlogits +1×10 .* %\n\n2 draws of seeded noise$/);
  });
});

describe.skipIf(!hasShared('models/onnx'))('fqz on real models and data (skipped without the shared data)', () => {
  const lenet = sharedPath('models/onnx/lenet5-mnist.onnx');
  const mnist = `mnist:${sharedPath('data/mnist')}`;

  it('eval uses the preparation in the file unless told otherwise', async () => {
    await fqzJson('convert', lenet, '-o', at('lenet.fqz'), '--mean', '0.1307', '--std', '0.3081');
    const original = await fqzJson('eval', lenet, '--data', mnist, '--mean', '0.1307', '--std', '0.3081');
    expect(original).toEqual({ metric: 'top1', value: 0.9934, samples: 10_000 });
    const converted = await fqzJson('eval', at('lenet.fqz'), '--data', mnist);
    expect(converted.value).toBeGreaterThan(original.value - 0.002);
    const inverted = await fqzJson('eval', at('lenet.fqz'), '--data', mnist, '--scale=-255', '--limit', '100');
    expect(inverted.value).toBeLessThan(0.9);
  });

  it('eval prints one line per file and the total', async () => {
    const squeezenet = sharedPath('models/onnx/squeezenet-fp16-imagenet-winml.onnx');
    const data = `images:${sharedPath('data/imagenet-sample')}`;
    const options = ['--scale', '1', '--mean', '104,117,123', '--channels', 'bgr', '--limit', '2'];
    const { stdout } = await fqz('eval', squeezenet, '--data', data, ...options);
    expect(stdout.split('\n')).toEqual([
      '0000_n01440764_tench.JPEG  right  class 0',
      expect.stringMatching(/^0010_n01530575_brambling\.JPEG {2}(right|wrong) {2}class \d+$/),
      expect.stringMatching(/^top-1 accuracy (50|100)\.00 % over 2 samples$/),
    ]);
  });

  it('runs on onnxruntime-web too', async () => {
    const web = await fqzJson('eval', lenet, '--data', mnist, '--limit', '200', '--engine', 'web');
    expect(web).toEqual(await fqzJson('eval', lenet, '--data', mnist, '--limit', '200'));
  });
});
