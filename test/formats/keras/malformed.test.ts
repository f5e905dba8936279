/**
 * Files that are damaged, mixed up or made to do harm: each becomes a model or one line, at once.
 */
import { readFileSync } from 'node:fs';
import { unzipSync, zipSync } from 'fflate';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KerasSource, readKeras } from '../../../formats/keras/read.ts';
import { FormatError, UnsupportedError } from '../../../src/errors.ts';
import { random } from '../../support/random.ts';
import { hasShared, sharedPath } from '../../support/shared-data.ts';
import { addArray, archive, counted, hdf5, legacyFile, sequential } from './keras-file.ts';

const MODEL = sequential(
  ['InputLayer', { name: 'input', batch_input_shape: [null, 6, 6, 1], dtype: 'float32' }],
  ['Conv2D', { name: 'conv', filters: 4, kernel_size: [3, 3], padding: 'same', activation: 'relu' }],
  ['Flatten', { name: 'flatten' }],
  ['Dense', { name: 'dense', units: 3, activation: 'softmax' }],
);
const CONV = { kernel: counted(3, 3, 1, 4), bias: counted(4) };
const DENSE = { kernel: counted(144, 3), bias: counted(3) };

let legacy: Uint8Array;
let zipped: Uint8Array;

beforeAll(async () => {
  const named = (layer: string, { kernel, bias }: typeof CONV) => ({
    [`${layer}/kernel:0`]: kernel,
    [`${layer}/bias:0`]: bias,
  });
  legacy = await legacyFile(MODEL, { input: {}, conv: named('conv', CONV), flatten: {}, dense: named('dense', DENSE) });
  zipped = await archive(MODEL, {
    'layers/conv2d/vars/0': CONV.kernel,
    'layers/conv2d/vars/1': CONV.bias,
    'layers/dense/vars/0': DENSE.kernel,
    'layers/dense/vars/1': DENSE.bias,
  });
});

/** What reading comes to: the error, checked to be one of the two documented ones in one line, or nothing. */
async function failure(source: KerasSource): Promise<Error | undefined> {
  try {
    await readKeras(source);
    return undefined;
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
    expect(error.message).toMatch(/^Keras[: ][^\n]{1,400}$/);
    return error;
  }
}

const utf8 = (text: string) => new TextEncoder().encode(text);

it('the files are sound to begin with', async () => {
  expect(await failure(legacy)).toBeUndefined();
  expect(await failure(zipped)).toBeUndefined();
});

describe('what is no Keras model', () => {
  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(), 'Keras: the file is empty, expected an HDF5 file or a .keras archive'],
    ['a text', utf8('import keras\n'), 'expected an HDF5 file or a .keras archive'],
    ['the beginning of HDF5', Uint8Array.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]), 'cut or damaged'],
    ['the beginning of a zip archive', utf8('PK\x03\x04'), 'cut or damaged'],
    ['an empty zip archive', zipSync({}), 'expected an HDF5 file'],
  ])('is refused: %s', async (_, bytes, message) => {
    const error = await failure(bytes);
    expect(error).toBeInstanceOf(FormatError);
    expect(error!.message).toContain(message);
  });

  it('is refused where the two kinds are mixed up inside', async () => {
    const swapped = zipSync({ ...unzipSync(zipped), 'model.weights.h5': zipped });
    expect((await failure(swapped))!.message).toContain('cut or damaged');
    const wrong = zipSync({ ...unzipSync(zipped), 'model.weights.h5': legacy });
    expect((await failure(wrong))!.message).toContain('"conv"');
  });
});

describe('damage', () => {
  it.each([
    ['an HDF5 file', () => legacy],
    ['a .keras archive', () => zipped],
  ])('%s cut anywhere is refused', async (_, of) => {
    const bytes = of();
    for (let length = 0; length < bytes.length; length += 97) {
      expect(await failure(bytes.slice(0, length)), `${length} bytes`).toBeInstanceOf(FormatError);
    }
  });

  it.each([
    ['an HDF5 file', () => legacy],
    ['a .keras archive', () => zipped],
    ['an archive that is not compressed', () => zipSync(unzipSync(zipped), { level: 0 })],
  ])('%s with bits flipped is a model or refused', async (_, of) => {
    const bytes = of();
    const next = random(3);
    let refused = 0;
    for (let round = 0; round < 1500; round++) {
      const damaged = bytes.slice();
      for (let flips = 0; flips <= round % 3; flips++) {
        damaged[Math.floor(next() * bytes.length)]! ^= 1 << Math.floor(next() * 8);
      }
      if (await failure(damaged)) refused++;
    }
    expect(refused).toBeGreaterThan(50);
  });

  const SHARED = ['fer2013-mini-xception-102-066.hdf5', 'mnist-cnn-akshatv25.keras'];
  it.skipIf(!hasShared('models/keras')).each(SHARED)(
    '%s cut, and with its first and last bytes changed (skipped without the shared models)',
    async (file) => {
      const bytes = new Uint8Array(readFileSync(sharedPath(`models/keras/${file}`)));
      const next = random(4);
      for (let round = 0; round < 20; round++) {
        expect(await failure(bytes.slice(0, Math.floor(next() * bytes.length)))).toBeInstanceOf(FormatError);
        const damaged = bytes.slice();
        for (const start of [0, bytes.length - 4096]) {
          for (let change = 0; change < 3; change++)
            damaged[start + Math.floor(next() * 4096)] = Math.floor(next() * 256);
        }
        await failure(damaged);
      }
    },
  );
});

describe('harm', () => {
  it('a configuration nested without end', async () => {
    const deep = `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`;
    const bytes = await hdf5((file) => file.create_attribute('model_config', deep));
    expect((await failure(bytes))!.message).toContain('has no class_name');
  });

  it('groups within groups within groups', async () => {
    const config = sequential(
      ['InputLayer', { name: 'input', batch_shape: [null, 3] }],
      ['Dense', { name: 'dense', units: 1 }],
    );
    const weights = await hdf5((file) => {
      addArray(file, `layers/dense/${'inside/'.repeat(40)}vars/0`, counted(3, 1));
      // A group that is inside itself.
      file.create_hard_link('/layers', 'layers/dense/again');
    });
    const bytes = zipSync({ ...unzipSync(await archive(config, {})), 'model.weights.h5': weights });
    expect(await failure(bytes)).toBeInstanceOf(FormatError);
  });

  it('the same array over and over', async () => {
    const big = { shape: [1000], values: new Float32Array(1000) };
    const bytes = await hdf5((file) => {
      file.create_attribute('model_config', JSON.stringify(MODEL));
      const weights = file.create_group('model_weights');
      weights.create_attribute('layer_names', ['conv']);
      const conv = weights.create_group('conv');
      conv.create_attribute('weight_names', new Array(2000).fill('kernel'), [2000], 'S6');
      addArray(conv, 'kernel', big);
    });
    expect((await failure(bytes))!.message).toMatch(/declares 4000 bytes, more than a file of \d+ bytes can hold/);
  });
});
