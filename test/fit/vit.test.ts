/**
 * The vision transformer as `fqz fit` has left it in fixtures/fqz, whose README has the command.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFqz } from '../../formats/fqz/read.ts';
import { writeOnnx } from '../../formats/onnx/write.ts';
import { openDataset } from '../../src/data/data-spec.ts';
import { evaluate } from '../../src/evaluate.ts';
import { openOnnx } from '../../src/onnxruntime.ts';
import { unpack } from '../../src/unpack.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';

const bytes = new Uint8Array(readFileSync(new URL('../../fixtures/fqz/vit.fqz', import.meta.url)));

/** The first of the 10,000, which are harder than the rest. */
const SAMPLES = 1000;

describe('vit.fqz', () => {
  it('is less than a two-hundredth of its ONNX file, and tells how its input is to be prepared', () => {
    expect(200 * bytes.length).toBeLessThan(2_073_060);
    expect(readFqz(bytes).preparation).toMatchObject({ mean: [0.1307], std: [0.3081] });
  });

  it.skipIf(!hasShared('data/mnist'))('reads handwritten digits (needs the shared data)', async () => {
    const archive = readFqz(bytes);
    const session = await openOnnx(writeOnnx(unpack(archive)));
    const digits = await openDataset(`mnist:${sharedPath('data/mnist')}`);
    const { value } = await evaluate(session, digits, { preparation: archive.preparation!, limit: SAMPLES });
    await session.release();
    expect(value).toBeGreaterThan(0.93);
  });
});
