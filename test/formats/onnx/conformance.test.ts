import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../../formats/onnx/read.ts';
import { writeOnnx } from '../../../formats/onnx/write.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import { hasShared, sharedPath } from '../../support/shared-data.ts';
import { readTarGz } from '../../support/tar.ts';

const ARCHIVE = 'conformance/onnx-node-tests-1.18.tar.gz';

/** Models of operator set 1, which this project does not read. */
const TOO_OLD = ['test_not_2d', 'test_not_3d', 'test_not_4d'];

describe.skipIf(!hasShared(ARCHIVE))('ONNX node tests (skipped without the shared conformance archive)', () => {
  const files = hasShared(ARCHIVE) ? readTarGz(sharedPath(ARCHIVE)) : new Map<string, Uint8Array>();
  const models = new Map<string, Uint8Array>();
  for (const [path, bytes] of files) {
    if (path.endsWith('/model.onnx')) models.set(path.split('/').at(-2)!, bytes);
  }

  it('come back from read → write → read as the same IR', () => {
    expect(models.size).toBe(1450);
    for (const [name, bytes] of models) {
      if (TOO_OLD.includes(name)) {
        expect(() => readOnnx(bytes), name).toThrow(UnsupportedError);
        continue;
      }
      const model = readOnnx(bytes);
      expect(readOnnx(writeOnnx(model)), name).toEqual(model);
    }
  });
});
