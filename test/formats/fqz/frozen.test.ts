import { describe, expect, it } from 'vitest';
import { describeArchive } from '../../../fixtures/describe-archive.mjs';
import { readFqz } from '../../../formats/fqz/read.ts';
import { writeFqz } from '../../../formats/fqz/write.ts';
import { elementCount } from '../../../src/graph/tensor.ts';
import { unpack } from '../../../src/unpack.ts';
import { FROZEN, fixture } from '../../support/frozen-files.ts';

describe('frozen files', () => {
  it('are there', () => expect(FROZEN.length).toBeGreaterThanOrEqual(13));

  it.each(FROZEN)('%s.fqz holds what it has always held', (name) => {
    const archive = readFqz(fixture(`${name}.fqz`));
    expect(archive.version).toBe(Number(name[1]));
    const description = JSON.parse(JSON.stringify(describeArchive(archive)));
    expect(description).toEqual(JSON.parse(new TextDecoder().decode(fixture(`${name}.json`))));

    const model = unpack(archive);
    expect(model.graph.initializers.size).toBe(archive.weights.length);
    for (const weight of archive.weights) {
      const { dtype, shape } = 'tensor' in weight ? weight.tensor : weight;
      expect(model.graph.initializers.get(weight.name)).toMatchObject({ dtype, shape });
    }
  });

  it.each(FROZEN)('%s.fqz says truly where its bytes are', (name) => {
    const bytes = fixture(`${name}.fqz`);
    const { graphBytes, weightBytes, bytesOf, weights } = readFqz(bytes);
    expect(graphBytes + weightBytes).toBe(bytes.length);
    expect([...bytesOf.keys()]).toEqual(weights.map((weight) => weight.name));
    expect([...bytesOf.values()].reduce((sum, own) => sum + own, 0)).toBeCloseTo(weightBytes, 6);
    for (const own of bytesOf.values()) expect(own).toBeGreaterThanOrEqual(0);
  });

  it('are what the writer makes of them again', () => {
    // Not a promise of the format, but as long as the writer is the same, every field of an archive must take part.
    for (const name of FROZEN) {
      const bytes = fixture(`${name}.fqz`);
      const archive = readFqz(bytes);
      // Steps of coarser layers are none that a header can name.
      if (archive.layerEnds.length > 0) continue;
      const again = readFqz(writeFqz(archive, { keepNames: name.endsWith('.lossless') }).bytes);
      expect(describeArchive(again)).toEqual(describeArchive(archive));
    }
  });

  it('rebuild their weights in full', () => {
    const { weights } = readFqz(fixture('v1/smooth-unet.quality.fqz'));
    const networks = weights.filter((weight) => 'network' in weight);
    const numbers = networks.reduce((sum, weight) => sum + elementCount(weight.shape), 0);
    expect(networks).toHaveLength(5);
    expect(numbers).toBe(64 * 9 + 96 * 64 * 9 + 96 * 48 * 4 + 48 * 112 * 9 + 2 * 48);
  });
});
