/**
 * The UNet for cars as `fqz fit` has left it in fixtures/fqz, with the masks and without; the README there has the commands.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFqz } from '../../formats/fqz/read.ts';
import { openInRuntime } from '../../src/cli/open-in-runtime.ts';
import { coefficientCount } from '../../src/codec/network.ts';
import { openDataset } from '../../src/data/data-spec.ts';
import { evaluate } from '../../src/evaluate.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';

const FOLDER = 'models/unet-759';
describe.each(['unet', 'unet-distilled'])('%s.fqz', (name) => {
  const bytes = new Uint8Array(readFileSync(new URL(`../../fixtures/fqz/${name}.fqz`, import.meta.url)));

  it('stands for 31 million weights with at most 759 coefficients, in at most 650 bytes', () => {
    expect(bytes.length).toBeLessThanOrEqual(650);
    const networks = readFqz(bytes).weights.flatMap((weight) => ('network' in weight ? [weight.network] : []));
    expect(networks).toHaveLength(23);
    expect(networks.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(31_024_960);
    expect(networks.reduce((sum, network) => sum + coefficientCount(network), 0)).toBeLessThanOrEqual(759);
  });

  it.skipIf(!hasShared(FOLDER))(
    `segments cars with a mean Dice of 0.97 (needs ../shared/${FOLDER})`,
    async () => {
      const { session } = await openInRuntime(bytes, { backend: 'wasm' });
      const cars = await openDataset(`segmentation:${sharedPath(`${FOLDER}/images`)},${sharedPath(`${FOLDER}/masks`)}`);
      const { metric, value, samples } = await evaluate(session, cars);
      await session.release();
      expect({ metric, samples }).toEqual({ metric: 'dice', samples: 8 });
      expect(value).toBeGreaterThanOrEqual(0.97);
    },
    60_000,
  );
});
