import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fqz, fqzJson, writeClassifier } from '../support/cli.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';

const folder = mkdtempSync(join(tmpdir(), 'fqz-failures-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const MODEL = at('model.onnx');
const FQZ = at('model.fqz');
const OUTPUT = at('output');

beforeAll(async () => {
  writeClassifier(MODEL);
  await fqzJson('convert', MODEL, '-o', FQZ, '--target-size', '600');
  mkdirSync(at('folder'));
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

/** Every command that reads a model. */
const readers = (path: string): string[][] => [
  ['convert', path, '-o', OUTPUT],
  ['inspect', path],
  ['verify', path, '--against', MODEL],
  ['verify', MODEL, '--against', path],
  ['eval', path, '--data', `npz:${path}`],
];

describe('a model that is none', () => {
  it('a text file', async () => {
    writeFileSync(at('text'), 'Dear reader,\nthis is not a model.\n');
    for (const args of readers(at('text')).slice(0, 4)) await expectFailure(args, 'ONNX: ');
    await expectFailure(['unpack', at('text'), '-o', OUTPUT], 'fqz: ');
  });

  it('an empty file', async () => {
    writeFileSync(at('empty'), '');
    for (const args of readers(at('empty'))) await expectFailure(args, '');
    await expectFailure(['unpack', at('empty'), '-o', OUTPUT], '');
  });

  it('no file, a folder, a device', async () => {
    await expectFailure(['inspect', at('absent')], `${at('absent')}: no such file or folder`);
    for (const [path, problem] of [
      // A folder may be an unzipped .keras archive.
      [at('folder'), 'a folder without config.json, so no Keras model'],
      ['/dev/zero', 'is not a regular file'],
    ] as const) {
      for (const args of readers(path).slice(0, 4)) await expectFailure(args, problem);
      await expectFailure(['unpack', path, '-o', OUTPUT], 'is not a regular file');
    }
  });

  it('an ONNX model cut in half', async () => {
    const bytes = readFileSync(MODEL);
    writeFileSync(at('half'), bytes.subarray(0, bytes.length / 2));
    for (const args of readers(at('half')).slice(0, 4)) await expectFailure(args, 'ONNX: ');
  });

  const UNET = 'models/unet-759/model.onnx';
  it.skipIf(!hasShared(UNET))(
    'external data that are missing, or lead out of the folder (skipped without the shared models)',
    async () => {
      const bytes = readFileSync(sharedPath(UNET));
      writeFileSync(at('unet'), bytes);
      await expectFailure(['convert', at('unet'), '-o', OUTPUT], 'weights.bin');
      mkdirSync(at('apart'));
      writeFileSync(at('apart/unet'), bytes);
      symlinkSync(MODEL, at('apart/weights.bin'));
      await expectFailure(['convert', at('apart/unet'), '-o', OUTPUT], 'leads out of the folder');
      const climbing = Buffer.from(bytes.toString('latin1').replaceAll('weights.bin', '../text.bin'), 'latin1');
      writeFileSync(at('climbing'), climbing);
      await expectFailure(['convert', at('climbing'), '-o', OUTPUT], '../text.bin');
    },
  );

  it('a .fqz given to convert', async () => {
    await expectFailure(['convert', FQZ, '-o', OUTPUT], 'is an .fqz file already');
  });
});

describe('a damaged .fqz', () => {
  it('one flipped byte, wherever it is', async () => {
    const bytes = readFileSync(FQZ);
    for (let position = 0; position < bytes.length; position++) {
      const flipped = Uint8Array.from(bytes);
      flipped[position]! ^= 0x10;
      writeFileSync(at('flipped'), flipped);
      await expectFailure(['unpack', at('flipped'), '-o', OUTPUT], 'fqz: ');
    }
  });

  it('cut at any byte', async () => {
    const bytes = readFileSync(FQZ);
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(at('cut'), bytes.subarray(0, length));
      await expectFailure(['unpack', at('cut'), '-o', OUTPUT], 'fqz: ');
      await expectFailure(['inspect', at('cut')], '');
    }
  });

  it('of a future version', async () => {
    const bytes = readFileSync(FQZ);
    bytes[3] = 100;
    writeFileSync(at('future'), bytes);
    for (const args of [...readers(at('future')).slice(1, 4), ['unpack', at('future'), '-o', OUTPUT]]) {
      await expectFailure(args, 'version 100');
    }
  });
});

describe('an output that cannot be written', () => {
  it.each([
    ['in a folder that is not there', 'absent/output', 'no such file or folder'],
    ['under a file', 'model.onnx/output', 'not a folder'],
    ['a folder', 'folder', 'is a folder'],
  ])('%s', async (_, path, message) => {
    await expectFailure(['convert', MODEL, '-o', at(path)], message);
    await expectFailure(['unpack', FQZ, '-o', at(path)], message);
    // Found before the input is read: long work would be lost.
    await expectFailure(['convert', at('no model'), '-o', at(path)], message);
  });

  it('the input itself, under any name', async () => {
    symlinkSync(MODEL, at('link'));
    const bytes = readFileSync(MODEL);
    for (const path of [MODEL, at('folder/../model.onnx'), at('link')]) {
      await expectFailure(['convert', MODEL, '-o', path], 'is the input itself');
    }
    await expectFailure(['unpack', FQZ, '-o', FQZ], 'is the input itself');
    expect(readFileSync(MODEL).equals(bytes)).toBe(true);
  });
});

describe('arguments', () => {
  const convert = ['convert', 'model.onnx', '-o', 'model.fqz'];
  it.each([
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['--frobnicate'], "unknown option '--frobnicate'"],
    [[...convert, '--qualty', '5'], "unknown option '--qualty' (Did you mean --quality?)"],
    [['convert'], "required option '-o, --output <file>' not specified"],
    [['inspect'], "missing required argument 'file'"],
    [[...convert, 'more'], 'too many arguments'],
    [[...convert, '--quality', '0'], "'0' is invalid. Expected a whole number, 1 to 100."],
    [[...convert, '--quality', '90', '--target-size', '9'], 'cannot be used with'],
    [[...convert, '--calibrate', 'mnist:a', '--max-error', '0.1'], 'cannot be used with'],
    [[...convert, '--max-drop', '1', '--max-kl', '1', '--eval', 'mnist:a'], 'cannot be used with'],
    [[...convert, '--max-error', '-1'], 'Expected a number above 0.'],
    [[...convert, '--precision', 'int4'], 'Allowed choices are fp16, lossless.'],
    [[...convert, '--mean', '1,x'], 'Expected a number.'],
    [['verify', 'a', '--against', 'b', '--shape', 'image'], 'Expected NAME=DIMS'],
    [['eval', 'a', '--data', 'images:x', '--size', '0x3'], 'Expected N or HxW.'],
    [['eval', 'a', '--data', 'coco:x'], "data spec 'coco:x' is none of mnist:DIR[:train]"],
    [['eval', 'a', '--data', 'cifar10:/absent'], '/absent: no such file or folder'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await fqz(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^fqz: [^\n]+$/);
    expect(stderr).toContain(message);
  });

  it('std of zero and labels that are none', async () => {
    await expectFailure(['convert', MODEL, '-o', OUTPUT, '--std', '0'], '--scale and --std must not be 0');
    writeFileSync(at('labels'), '[1, 2]');
    await expectFailure(['convert', MODEL, '-o', OUTPUT, '--labels', at('labels')], 'not a JSON list of strings');
    writeFileSync(at('labels'), 'cat\n\ndog\n');
    await expectFailure(['convert', MODEL, '-o', OUTPUT, '--labels', at('labels')], 'empty label');
  });

  it('a size that cannot be reached, with the size that can', async () => {
    await expectFailure(
      ['convert', MODEL, '-o', OUTPUT, '--target-size', '100'],
      /100 bytes cannot be reached: .* \d+$/,
    );
  });

  it('options that have nothing to do', async () => {
    const needs = (...more: string[]) => ['convert', MODEL, '-o', OUTPUT, ...more];
    await expectFailure(needs('--calibration-samples', '9'), '--calibration-samples needs --calibrate');
    await expectFailure(needs('--size', '28'), '--size needs --calibrate');
    await expectFailure(needs('--eval', 'mnist:a'), '--eval needs --max-drop or --max-kl');
    await expectFailure(needs('--max-drop', '1'), '--max-drop and --max-kl need --eval');
  });

  it('data that do not suit the model', async () => {
    writeFileSync(at('records'), new Uint8Array(3073));
    await expectFailure(
      ['eval', MODEL, '--data', `cifar10:${at('records')}`, '--size', '32'],
      /size 32x32 given, input image takes 28x28/,
    );
    await expectFailure(['eval', MODEL, '--data', `cifar10:${at('records')}`, '--mean', '1,2,3'], 'mean has 3 values');
    await expectFailure(['verify', MODEL, '--against', MODEL, '--shape', 'image=1x1x5x5'], 'shape 1x1x5x5 given');
  });
});

describe('help and version', () => {
  it('lists the commands, and gives each its examples', async () => {
    const { code, stdout } = await fqz('--help');
    expect(code).toBe(0);
    for (const verb of ['convert', 'inspect', 'verify', 'unpack', 'eval']) {
      expect(stdout).toContain(`\n  ${verb} `);
      const help = await fqz(verb, '--help');
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toContain(`Examples:\n  fqz ${verb} `);
      expect(help.stdout).toContain('--json');
    }
  });

  it("prints the package's version", async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await fqz('--version')).toEqual({ code: 0, stdout: version, stderr: '' });
  });

  it('prints the help on standard error where no command is given', async () => {
    const { code, stdout, stderr } = await fqz();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('Usage: fqz');
  });
});
