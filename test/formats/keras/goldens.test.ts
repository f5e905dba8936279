/**
 * Real models against what Keras itself computed of them.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFqz } from '../../../formats/fqz/read.ts';
import { readKerasFile } from '../../../formats/keras/file.ts';
import { load } from '../../../runtime/index.ts';
import { convert } from '../../../src/convert.ts';
import { readNpz } from '../../../src/data/npz.ts';
import { onnxruntimeEvaluate } from '../../../src/evaluate-constants.ts';
import type { Model } from '../../../src/graph/graph.ts';
import { toNumbers } from '../../../src/graph/numbers.ts';
import { permuted } from '../../../src/graph/permute.ts';
import type { NumericTensor } from '../../../src/graph/tensor.ts';
import { unpack } from '../../../src/unpack.ts';
import { runModel } from '../../support/run-model.ts';
import { hasShared, sharedPath } from '../../support/shared-data.ts';

const FOLDER = 'models/keras';
const MODELS = [
  'darknet-tiny-imagenet-ml5.h5',
  'darknet-tiny-imagenet-ml5.keras',
  'fer2013-mini-xception-102-066.hdf5',
  'mlperf-tiny-ad01-autoencoder.h5',
  'mlperf-tiny-resnet8-cifar10.h5',
  'mlperf-tiny-vww96-mobilenetv1-025.h5',
  'mnist-cnn-akshatv25.keras',
];

/** Transposes that may be left after simplifying: one at the image, one at an output that is an image. */
const MOST_TRANSPOSES = 2;

interface Golden {
  readonly input: NumericTensor;
  readonly output: NumericTensor;
}

function golden(file: string): Golden {
  const path = sharedPath(`${FOLDER}/golden/${file}.npz`);
  const { arrays } = readNpz(readFileSync(path), path);
  return { input: arrays.get('in0') as NumericTensor, output: arrays.get('out0') as NumericTensor };
}

/** max |a − b| / max |b|. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  const differences = Array.from(b, (value, at) => Math.abs(a[at]! - value));
  expect(differences.every(Number.isFinite)).toBe(true);
  return Math.max(...differences) / Math.max(...Array.from(b, Math.abs));
}

const transposesOf = ({ graph }: Model) => graph.nodes.filter(({ op }) => op === 'Transpose').length;

describe.skipIf(!hasShared(FOLDER))('the shared Keras models (skipped where they are absent)', () => {
  it.each(MODELS)('%s computes what Keras computed', async (file) => {
    const { input, output } = golden(file);
    const model = await readKerasFile(sharedPath(`${FOLDER}/${file}`));
    const { bytes } = await convert(model, { precision: 'lossless', evaluate: onnxruntimeEvaluate });
    const unpacked = unpack(readFqz(bytes));
    expect(transposesOf(unpacked)).toBeLessThanOrEqual(MOST_TRANSPOSES);

    const [{ name }] = unpacked.graph.inputs as [{ name: string }];
    const [result] = (await runModel(unpacked, new Map([[name, input]]))).values();
    expect(result!.shape).toEqual(output.shape);
    expect(distance(toNumbers(result!), toNumbers(output))).toBeLessThan(1e-4);

    const session = await load(bytes);
    const data = Float32Array.from(toNumbers(input));
    const outputs = await session.run({ [name]: { shape: input.shape, data } });
    const [own] = Object.values(outputs);
    expect(distance(own!.data as Float32Array, toNumbers(output))).toBeLessThan(1e-3);
    session.dispose();
  });

  it('take images with the channels first where that is asked for', async () => {
    const [file] = MODELS.slice(4);
    const { input, output } = golden(file!);
    const model = await readKerasFile(sharedPath(`${FOLDER}/${file}`), { layout: 'nchw' });
    expect(transposesOf(model)).toBe(0);
    const [{ name }] = model.graph.inputs as [{ name: string }];
    const [result] = (await runModel(model, new Map([[name, permuted(input, [0, 3, 1, 2])]]))).values();
    expect(distance(toNumbers(result!), toNumbers(output))).toBeLessThan(1e-4);
  });

  it('with Python code in them are refused by the name of the layer', async () => {
    const path = sharedPath(`${FOLDER}/portrait-slim-reshape-v2.h5`);
    await expect(readKerasFile(path)).rejects.toThrow(/^Keras layer "\S+" \(Lambda\) at \S+: .*Python/);
  });
});
