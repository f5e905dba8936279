import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeArchive } from '../../../fixtures/describe-archive.mjs';
import { readFqz } from '../../../formats/fqz/read.ts';
import { writeFqz } from '../../../formats/fqz/write.ts';
import { elementCount } from '../../../src/graph/tensor.ts';
import { unpack } from '../../../src/unpack.ts';

const FOLDER = new URL('../../../fixtures/v1/', import.meta.url);
const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.fqz'))
  .map((name) => name.replace('.fqz', ''));
const read = (name: string) => new Uint8Array(readFileSync(new URL(name, FOLDER)));

describe('frozen files of version 1', () => {
  it('are there', () => expect(NAMES.length).toBeGreaterThanOrEqual(12));

  it.each(NAMES)('%s.fqz holds what it has always held', (name) => {
    const archive = readFqz(read(`${name}.fqz`));
    const description = JSON.parse(JSON.stringify(describeArchive(archive)));
    expect(description).toEqual(JSON.parse(new TextDecoder().decode(read(`${name}.json`))));

    const model = unpack(archive);
    expect(model.graph.initializers.size).toBe(archive.weights.length);
    for (const weight of archive.weights) {
      const { dtype, shape } = 'tensor' in weight ? weight.tensor : weight;
      expect(model.graph.initializers.get(weight.name)).toMatchObject({ dtype, shape });
    }
  });

  it.each(NAMES)('%s.fqz says truly where its bytes are', (name) => {
    const bytes = read(`${name}.fqz`);
    const { graphBytes, weightBytes, bytesOf, weights } = readFqz(bytes);
    expect(graphBytes + weightBytes).toBe(bytes.length);
    expect([...bytesOf.keys()]).toEqual(weights.map((weight) => weight.name));
    expect([...bytesOf.values()].reduce((sum, own) => sum + own, 0)).toBeCloseTo(weightBytes, 6);
    for (const own of bytesOf.values()) expect(own).toBeGreaterThanOrEqual(0);
  });

  it('are what the writer makes of them again', () => {
    // Not a promise of the format, but as long as the writer is the same, every field of an archive must take part.
    for (const name of NAMES) {
      const bytes = read(`${name}.fqz`);
      const archive = readFqz(bytes);
      const again = readFqz(writeFqz(archive, { keepNames: name.endsWith('.lossless') }).bytes);
      expect(describeArchive(again)).toEqual(describeArchive(archive));
    }
  });

  it('rebuild their weights in full', () => {
    const { weights } = readFqz(read('smooth-unet.quality.fqz'));
    const networks = weights.filter((weight) => 'network' in weight);
    const numbers = networks.reduce((sum, weight) => sum + elementCount(weight.shape), 0);
    expect(networks).toHaveLength(5);
    expect(numbers).toBe(64 * 9 + 96 * 64 * 9 + 96 * 48 * 4 + 48 * 112 * 9 + 2 * 48);
  });
});
