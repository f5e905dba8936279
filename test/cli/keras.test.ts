/**
 * Keras models on the command line: where ONNX models go, these go too.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveFiles, counted, legacyFile, sequential } from '../formats/keras/keras-file.ts';
import { fqz, fqzJson } from '../support/cli.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';

const folder = mkdtempSync(join(tmpdir(), 'fqz-keras-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const MODEL = sequential(
  ['InputLayer', { name: 'image', batch_input_shape: [null, 8, 8, 3], dtype: 'float32' }],
  ['Conv2D', { name: 'conv', filters: 4, kernel_size: [3, 3], padding: 'same', activation: 'relu' }],
  ['GlobalAveragePooling2D', { name: 'pool' }],
  ['Dense', { name: 'dense', units: 5 }],
);

/** Not named after what they are: only the content tells. */
const HDF5 = at('hdf5.onnx');
const ARCHIVE = at('archive.h5');
const FOLDER = at('folder');

beforeAll(async () => {
  const [kernel, bias, dense, denseBias] = [counted(3, 3, 3, 4), counted(4), counted(4, 5), counted(5)];
  const named = {
    conv: { 'conv/kernel:0': kernel, 'conv/bias:0': bias },
    dense: { 'dense/kernel:0': dense, 'dense/bias:0': denseBias },
  };
  writeFileSync(HDF5, await legacyFile(MODEL, named));
  const files = await archiveFiles(MODEL, {
    'layers/conv2d/vars/0': kernel,
    'layers/conv2d/vars/1': bias,
    'layers/dense/vars/0': dense,
    'layers/dense/vars/1': denseBias,
  });
  writeFileSync(ARCHIVE, zipSync(files));
  mkdirSync(FOLDER);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(FOLDER, name), bytes);
});

describe.each([
  ['an HDF5 file', HDF5],
  ['a .keras archive', ARCHIVE],
  ['an unzipped archive', FOLDER],
])('%s', (_, path) => {
  it('is inspected', async () => {
    expect(await fqzJson('inspect', path)).toMatchObject({
      format: 'keras',
      inputs: [{ name: 'image', dtype: 'float32', shape: ['N', 8, 8, 3] }],
      outputs: [{ name: 'dense', dtype: 'float32', shape: ['N', 5] }],
      parameters: 3 * 3 * 3 * 4 + 4 + 4 * 5 + 5,
    });
  });

  it('is converted, and computes the same then', async () => {
    const output = at('model.fqz');
    const { input } = await fqzJson('convert', path, '-o', output, '--precision', 'lossless');
    expect(input.parameters).toBe(137);
    expect(input.bytes).toBeGreaterThan(1000);
    for (const backend of ['onnxruntime', 'wasm']) {
      const result = await fqzJson('verify', output, '--against', path, '--backend', backend);
      expect(result.maxRelativeError).toBeLessThan(1e-5);
    }
    const { ratio, peer } = await fqzJson('bench', output, '--against', path, '--runs', '2');
    expect([ratio > 0, peer.path]).toEqual([true, path]);
  });

  it('takes images with the channels first where that is asked for', async () => {
    const output = at('first.fqz');
    await fqzJson('convert', path, '-o', output, '--layout', 'nchw');
    const { inputs, operators } = await fqzJson('inspect', output);
    expect(inputs[0].shape).toEqual(['N', 3, 8, 8]);
    expect(operators.Transpose).toBeUndefined();
  });
});

describe('what goes wrong', () => {
  const failure = async (...args: string[]) => {
    const { code, stdout, stderr } = await fqz(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^fqz: [^\n]+$/);
    return stderr;
  };

  it('--layout for a model that is not Keras', async () => {
    writeFileSync(at('text'), 'no model');
    expect(await failure('convert', at('text'), '-o', at('x'), '--layout', 'nchw')).toContain('is for Keras models');
  });

  it('a backend that runs .fqz files', async () => {
    expect(await failure('run', HDF5, '--input', 'image=x.npy')).toContain('fqz convert, or --backend onnxruntime');
  });

  it('weights without a model, and a SavedModel', async () => {
    mkdirSync(at('saved'));
    writeFileSync(at('saved/saved_model.pb'), '');
    expect(await failure('convert', at('saved'), '-o', at('x'))).toContain('a TensorFlow SavedModel');
    writeFileSync(at('arrays.npz'), zipSync({ 'a.npy': new Uint8Array(4) }));
    expect(await failure('inspect', at('arrays.npz'))).toContain('the architecture is missing');
  });
});

const RESNET = 'models/keras/mlperf-tiny-resnet8-cifar10.h5';
const CIFAR = 'data/cifar10/test_2000.bin.gz';

describe.skipIf(!hasShared(RESNET) || !hasShared(CIFAR))('ResNet-8 (skipped without the shared models)', () => {
  it('knows as many of 2,000 pictures of CIFAR-10 after the conversion as before', async () => {
    const data = ['--data', `cifar10:${sharedPath(CIFAR)}`];
    const before = await fqzJson('eval', sharedPath(RESNET), ...data, '--scale', '1');
    expect(before).toMatchObject({ metric: 'top1', samples: 2000, value: 0.764 });
    const output = at('resnet8.fqz');
    await fqzJson('convert', sharedPath(RESNET), '-o', output, '--quality', '90', '--scale', '1');
    const { value } = await fqzJson('eval', output, ...data);
    expect(Math.abs(value - before.value)).toBeLessThan(0.01);
  });

  it('with a Lambda is refused by the name of the layer', async () => {
    const { stderr } = await fqz('convert', sharedPath('models/keras/portrait-slim-reshape-v2.h5'), '-o', at('x'));
    expect(stderr).toMatch(/^fqz: Keras layer "lambda" \(Lambda\) at model\/lambda/);
  });
});
