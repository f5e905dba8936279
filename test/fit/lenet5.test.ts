/**
 * LeNet-5 as `fqz fit` has left it in fixtures/fqz, whose README has the commands.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readFqz } from '../../formats/fqz/read.ts';
import { writeOnnx } from '../../formats/onnx/write.ts';
import { coefficientCount } from '../../src/codec/network.ts';
import { openDataset } from '../../src/data/data-spec.ts';
import { evaluate } from '../../src/evaluate.ts';
import { openOnnx } from '../../src/onnxruntime.ts';
import { unpack } from '../../src/unpack.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';

describe.each([
  ['lenet5.fqz', 560, 0.98],
  ['lenet5-384.fqz', 384, 0.973],
])('%s', (name, most, least) => {
  const bytes = readFileSync(fileURLToPath(new URL(`../../fixtures/fqz/${name}`, import.meta.url)));

  it(`takes at most ${most} bytes, with at most 776 coefficients and no other number`, () => {
    expect(bytes.length).toBeLessThanOrEqual(most);
    const { weights } = readFqz(bytes);
    const counts = weights.map((weight) => ('network' in weight ? coefficientCount(weight.network) : Number.NaN));
    expect(counts).toHaveLength(4);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(776);
  });

  it.skipIf(!hasShared('data/mnist'))(
    `reads ${100 * least} % of MNIST's test set (needs the shared data)`,
    async () => {
      const archive = readFqz(bytes);
      const session = await openOnnx(writeOnnx(unpack(archive, { form: 'auto' })));
      try {
        const dataset = await openDataset(`mnist:${sharedPath('data/mnist')}`);
        const { value, samples } = await evaluate(session, dataset, {
          ...(archive.preparation && { preparation: archive.preparation }),
        });
        expect(samples).toBe(10_000);
        expect(value).toBeGreaterThanOrEqual(least);
      } finally {
        await session.release();
      }
    },
  );
});
