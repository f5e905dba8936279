import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOnnxFile } from '../../../formats/onnx/file.ts';
import { readOnnx } from '../../../formats/onnx/read.ts';
import { FormatError } from '../../../src/errors.ts';
import { onnx } from '../../support/onnx-proto.ts';

/** A model whose initialisers, each two float32, have these `external_data` entries. */
function modelBytes(...tensors: Record<string, string>[]): Uint8Array {
  return onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ version: 13 }],
    graph: {
      initializer: tensors.map((entries, index) => ({
        name: `w${index}`,
        dims: [2],
        dataType: onnx.TensorProto.DataType.FLOAT,
        dataLocation: onnx.TensorProto.DataLocation.EXTERNAL,
        externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
      })),
    },
  }).finish();
}

const weights = Uint8Array.from({ length: 20 }, (_, index) => index);

describe('external data', () => {
  it('are views of one file that is asked for once', () => {
    const asked: string[] = [];
    const bytes = modelBytes(
      { location: 'weights.bin' },
      { location: './weights.bin', offset: '12', length: '8', checksum: 'unused' },
    );
    const model = readOnnx(bytes, {
      externalData: (location) => {
        asked.push(location);
        return weights;
      },
    });
    expect(asked).toEqual(['weights.bin']);
    const [first, second] = [...model.graph.initializers.values()];
    expect(first).toEqual({ dtype: 'float32', shape: [2], data: weights.subarray(0, 8) });
    expect(second).toEqual({ dtype: 'float32', shape: [2], data: weights.subarray(12, 20) });
    expect(second!.dtype !== 'string' && second!.data.buffer).toBe(weights.buffer);
  });

  it.each([
    '../weights.bin',
    'data/../../weights.bin',
    '..',
    '.',
    '/etc/passwd',
    'C:weights.bin',
    'C:\\weights.bin',
    'data\\..\\..\\weights.bin',
    'file:///etc/passwd',
    'https://example.com/weights.bin',
    'weights.bin\0.txt',
    '',
  ])('at %j are refused before anything is loaded', (location) => {
    const load = () => {
      throw new Error('must not be asked');
    };
    expect(() => readOnnx(modelBytes({ location }), { externalData: load })).toThrow(FormatError);
  });

  it.each([
    [{ offset: '13' }, 'ends at byte 21 of "weights.bin", which has only 20 bytes'],
    [{ offset: '9007199254740990' }, 'which has only 20 bytes'],
    [{ offset: '-1' }, 'invalid offset "-1"'],
    [{ offset: '1e1' }, 'invalid offset "1e1"'],
    [{ offset: '99999999999999999999' }, 'invalid offset'],
    [{ length: '4' }, 'needs 8 bytes, but its external data have 4'],
    [{ length: 'all' }, 'invalid length "all"'],
  ])('with %j are refused', (entries, message) => {
    const read = () => readOnnx(modelBytes({ location: 'weights.bin', ...entries }), { externalData: () => weights });
    expect(read).toThrow(FormatError);
    expect(read).toThrow(message);
  });

  it('cannot be read without a loader', () => {
    expect(() => readOnnx(modelBytes({ location: 'weights.bin' }))).toThrow('which was not given');
  });
});

describe('readOnnxFile', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fqz-external-'));
    mkdirSync(join(folder, 'model/data'), { recursive: true });
    writeFileSync(join(folder, 'outside.bin'), weights);
    writeFileSync(join(folder, 'model/data/weights.bin'), weights);
    symlinkSync(join(folder, 'outside.bin'), join(folder, 'model/link.bin'));
    symlinkSync('data/weights.bin', join(folder, 'model/inner-link.bin'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const read = (location: string) => {
    const path = join(folder, 'model/model.onnx');
    writeFileSync(path, modelBytes({ location, offset: '4' }));
    return readOnnxFile(path);
  };

  it.each(['data/weights.bin', 'inner-link.bin'])('reads %s inside the folder', async (location) => {
    const model = await read(location);
    expect(model.graph.initializers.get('w0')).toEqual({ dtype: 'float32', shape: [2], data: weights.slice(4, 12) });
  });

  it.each([
    ['weights.bin', 'external data "weights.bin" not found beside model.onnx'],
    ['link.bin', 'external data "link.bin" leads out of the folder of model.onnx'],
    ['../outside.bin', "must lie in the model's folder"],
    ['data', '"data" is not a regular file'],
  ])('refuses %s', async (location, message) => {
    await expect(read(location)).rejects.toThrow(FormatError);
    await expect(read(location)).rejects.toThrow(message);
  });

  it('fails with one line for a model that is not there', async () => {
    await expect(readOnnxFile(join(folder, 'none.onnx'))).rejects.toThrow(/ENOENT.*none\.onnx/);
  });
});
