/**
 * The commands that run files in the project's own runtime.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNpy, writeNpy } from '../../src/data/npy.ts';
import { readNpz } from '../../src/data/npz.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { fqz, fqzJson, writeClassifier } from '../support/cli.ts';
import { relativeDifference } from '../support/run-model.ts';
import { noise } from '../support/small-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'fqz-run-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const MODEL = at('classifier.onnx');
const FQZ = at('classifier.fqz');
const IMAGE = at('image.npy');
const PICTURE = at('picture.png');
/** Two outputs, `states` and `mean`, of one input `sequence`. */
const SHAPES = new URL('../../fixtures/v1/shapes.lossless.fqz', import.meta.url).pathname;
const SEQUENCE = at('sequence.npy');
const CONTROL_FLOW = new URL('../../fixtures/v1/control-flow.lossless.fqz', import.meta.url).pathname;

beforeAll(async () => {
  writeClassifier(MODEL);
  writeFileSync(at('digits.txt'), 'zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n');
  await fqzJson('convert', MODEL, '-o', FQZ, '--mean', '0.1307', '--std', '0.3081', '--labels', at('digits.txt'));
  writeFileSync(IMAGE, writeNpy(float32Tensor([2, 1, 28, 28], noise([2, 1, 28, 28]).data)));
  writeFileSync(SEQUENCE, writeNpy(float32Tensor([5, 2, 6], noise([5, 2, 6]).data)));
  const pixels = Uint8Array.from({ length: 40 * 50 }, (_, index) => (7 * index) % 256);
  await sharp(pixels, { raw: { width: 50, height: 40, channels: 1 } })
    .png()
    .toFile(PICTURE);
});

/** Expects one line on standard error, nothing on standard output, exit code 1, and no file that was not there before. */
async function expectFailure(args: string[], message: RegExp | string): Promise<void> {
  const before = readdirSync(folder);
  const { code, stdout, stderr } = await fqz(...args);
  expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^fqz: [^\n]+$/);
  expect(stderr).toMatch(message);
  expect(readdirSync(folder)).toEqual(before);
}

const logits = (name: string) => readNpy(new Uint8Array(readFileSync(at(name))), name);

describe('fqz run', () => {
  it.each(['wasm', 'js'])('%s computes what onnxruntime does', async (backend) => {
    await fqzJson('run', FQZ, '--input', `image=${IMAGE}`, '-o', at('ours.npy'), '--backend', backend);
    await fqzJson('run', FQZ, '--input', IMAGE, '-o', at('theirs.npy'), '--backend', 'onnxruntime');
    expect(logits('ours.npy').shape).toEqual([2, 10]);
    expect(relativeDifference(logits('theirs.npy'), logits('ours.npy'))).toBeLessThan(1e-5);
  });

  it('prepares pictures as the file says', async () => {
    const told = await fqzJson('run', FQZ, '--input', PICTURE);
    const given = ['--mean', '0.1307', '--std', '0.3081', '--backend', 'onnxruntime'];
    const original = await fqzJson('run', FQZ, '--input', `image=${PICTURE}`, ...given);
    expect(told.outputs[0].max).toBeCloseTo(original.outputs[0].max, 4);
    const other = await fqzJson('run', FQZ, '--input', PICTURE, '--mean', '0.5');
    expect(Math.abs(other.outputs[0].max - original.outputs[0].max)).toBeGreaterThan(1e-3);
  });

  it('prints the best classes and what is in the outputs', async () => {
    const { code, stdout, stderr } = await fqz('run', FQZ, '--input', PICTURE);
    expect([code, stderr]).toEqual([0, '']);
    const [classes, outputs, time] = stdout.split('\n\n');
    const values = classes!.split('\n').map((line) => Number(line.split('  ')[0]));
    expect(values).toHaveLength(5);
    expect(values).toEqual([...values].sort((a, b) => b - a));
    expect(classes).toMatch(/ (zero|one|two|three|four|five|six|seven|eight|nine)\n/);
    expect(outputs).toMatch(/^output .*\nlogits +float32 +1×10 /);
    expect(time).toMatch(/^[\d.]+ ms$/);
  });

  it('tells all of it as JSON', async () => {
    const report = await fqzJson('run', FQZ, '--input', IMAGE, '-o', at('json.npy'));
    const values = new Float32Array(logits('json.npy').data.slice().buffer);
    const [{ top, ...output }] = report.outputs;
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    expect(output).toEqual({
      name: 'logits',
      dtype: 'float32',
      shape: [2, 10],
      min: Math.min(...values),
      max: Math.max(...values),
      mean: expect.closeTo(mean, 6),
    });
    expect(top).toHaveLength(2);
    expect(top[0][0].value).toBe(Math.max(...values.subarray(0, 10)));
    expect(values[10 + top[1][4].index]).toBe(top[1][4].value);
    expect(report).toMatchObject({ backend: 'wasm', output: at('json.npy') });
  });

  it('writes several outputs to an archive or a folder', async () => {
    await fqzJson('run', SHAPES, '--input', `sequence=${SEQUENCE}`, '-o', at('all.npz'));
    await fqzJson('run', SHAPES, '--input', `sequence=${SEQUENCE}`, '-o', at('all/'));
    await fqzJson('run', SHAPES, '--input', `sequence=${SEQUENCE}`, '-o', at('all'));
    const { arrays } = readNpz(readFileSync(at('all.npz')), 'all.npz');
    expect([...arrays].map(([name, { shape }]) => [name, shape])).toEqual([
      ['states', [2, 5, 8]],
      ['mean', [2, 8]],
    ]);
    expect(readdirSync(at('all')).sort()).toEqual(['mean.npy', 'states.npy']);
    expect(logits('all/mean.npy')).toEqual(arrays.get('mean'));
  });

  it('fails with one line, before it runs', async () => {
    const run = (...args: string[]) => ['run', ...args];
    await expectFailure(run(FQZ), '--input');
    await expectFailure(run(FQZ, '--input', at('absent.npy')), 'no such file');
    await expectFailure(run(FQZ, '--input', folder), 'is not a regular file');
    await expectFailure(run(FQZ, '--input', MODEL), 'cannot be decoded');
    await expectFailure(run(FQZ, '--input', `picture=${IMAGE}`), 'is not NAME=FILE with one of image');
    await expectFailure(run(FQZ, '--input', IMAGE, '--input', IMAGE), 'names image twice');
    await expectFailure(run(FQZ, '--input', SEQUENCE), '[5,2,6] does not fit');
    await expectFailure(run(FQZ, '--input', IMAGE, '-o', at('absent/out.npy')), 'no such file');
    await expectFailure(run(FQZ, '--input', IMAGE, '-o', FQZ), 'is the input itself');
    await expectFailure(run(SHAPES, '--input', SEQUENCE, '-o', at('one.npy')), 'has 2 outputs: give an .npz');
    await expectFailure(run(MODEL, '--input', IMAGE), 'runs .fqz files');
    await expectFailure(run(MODEL, '--input', IMAGE, '--backend', 'onnxruntime', '--width', '0.5'), '--width needs');
    await expectFailure(run(FQZ, '--input', IMAGE, '--width', '2'), 'width');
    await expectFailure(run(CONTROL_FLOW, '--input', IMAGE), '--backend onnxruntime may run it');
  });
});

describe('fqz bench', () => {
  it('times a file alone', async () => {
    const report = await fqzJson('bench', FQZ, '--runs', '2', '--backend', 'js');
    expect(report).toMatchObject({ backend: 'js', width: 1, runs: 2, inputs: { image: [1, 1, 28, 28] } });
    for (const time of ['load', 'first', 'median']) expect(report.ours[time]).toBeGreaterThan(0);
    expect(report.memory.total).toBeGreaterThanOrEqual(report.memory.weights + report.memory.activations);
    expect(report.peer).toBeUndefined();
  });

  it('times a peer in turn with it, and compares what they compute', async () => {
    const args = ['--against', MODEL, '--runs', '3', '--shape', 'image=4x1x28x28'];
    await fqzJson('convert', MODEL, '-o', at('exact.fqz'), '--precision', 'lossless');
    const report = await fqzJson('bench', at('exact.fqz'), ...args);
    expect(report).toMatchObject({ backend: 'wasm', inputs: { image: [4, 1, 28, 28] }, peer: { path: MODEL } });
    expect(report.ratio).toBeCloseTo(report.peer.median / report.ours.median, 9);
    expect(report.maxRelativeError).toBeLessThan(1e-5);
    const { stdout } = await fqz('bench', FQZ, ...args, '--input', IMAGE);
    expect(stdout).toMatch(/\nfqz wasm \((relaxed-)?simd\) .*\nonnxruntime-web /);
    expect(stdout).toMatch(/times as fast; outputs differ by [\d.e-]+ relative$/);
  });

  it('fails with one line', async () => {
    await expectFailure(['bench', MODEL], 'fqz: ');
    await expectFailure(['bench', FQZ, '--runs', '0'], '--runs');
    await expectFailure(['bench', FQZ, '--shape', 'picture=1x1x28x28'], 'no input picture');
    await expectFailure(['bench', FQZ, '--against', SHAPES], /input|output/);
  });
});

describe('--backend', () => {
  it('verify runs the file on it, and the reference in onnxruntime', async () => {
    for (const backend of ['wasm', 'js']) {
      const result = await fqzJson('verify', FQZ, '--against', FQZ, '--backend', backend, '--tolerance', '1e-5');
      expect(result.outputs[0]).toMatchObject({ name: 'logits', top1Agreement: 1 });
    }
    await expectFailure(['verify', MODEL, '--against', MODEL, '--backend', 'wasm'], 'runs .fqz files');
  });

  it('eval runs the file on it, in batches', async () => {
    mkdirSync(at('pictures'));
    for (const label of [1, 2, 3]) writeFileSync(at(`pictures/${label}.png`), readFileSync(PICTURE));
    const args = ['eval', FQZ, '--data', `images:${at('pictures')}`];
    expect(existsSync(at('pictures/1.png'))).toBe(true);
    expect(await fqzJson(...args, '--backend', 'wasm')).toEqual(await fqzJson(...args));
  });
});
