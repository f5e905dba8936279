import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeArchive } from '../../../fixtures/describe-archive.mjs';
import { readFqz } from '../../../formats/fqz/read.ts';
import type { Archive } from '../../../src/codec/archive.ts';
import { expandNetwork } from '../../../src/codec/expand.ts';
import { OPS } from '../../../src/graph/op-table.ts';
import { FROZEN, fixture } from '../../support/frozen-files.ts';
import { decodeIndependently, expandIndependently, operatorsOf } from './independent-decoder.ts';

const root = (path: string) => new URL(`../../../${path}`, import.meta.url);
const SPEC = readFileSync(root('formats/fqz/SPEC.md'), 'utf8');
const operators = operatorsOf(SPEC);

/** The rows of SPEC.md's operator table as the op table has them. */
function operatorRows(): string[] {
  return OPS.map(({ op, attributes }, number) => {
    const cells = attributes.map(
      ({ name, type, default: value }) =>
        `\`${name}\` ${type}${value === undefined ? '' : ` (${JSON.stringify(value)})`}`,
    );
    return `| ${number} | \`${op}\` | ${cells.join(', ')} |`;
  });
}

describe('SPEC.md', () => {
  it('has the operator table that the code has', () => {
    const rows = SPEC.split('\n').filter((line) => /^\| \d+ \| `[A-Z]/.test(line));
    expect(rows).toEqual(operatorRows());
  });

  it('has an example that decodes as it says', () => {
    const example = SPEC.slice(SPEC.indexOf('## Example'));
    const hex = example.match(/```hex\n([\s\S]*?)```/)![1]!;
    const bytes = Uint8Array.from(hex.replace(/[^0-9A-F]/g, '').match(/../g)!, (pair) => Number.parseInt(pair, 16));
    const decoded = decodeIndependently(bytes, operators);
    const rows = decoded.graphTrace.map(({ what, value }) => `| ${what} | ${JSON.stringify(value)} |`);
    expect(example.split('\n').filter((line) => /^\| (?!symbol|---)/.test(line))).toEqual(rows);

    const archive = readFqz(bytes);
    expect(describeArchive(archive)).toEqual(describeArchive(decoded as unknown as Archive & { version: number }));
    const [weight] = archive.weights;
    expect(weight).toMatchObject({ name: 'Gemm0.1', shape: [4, 3] });
    const dense = 'network' in weight! ? [...expandNetwork(weight.network)] : [];
    const stated = JSON.parse(example.match(/```json\n([\s\S]*?)```/)![1]!).flat() as number[];
    dense.forEach((value, at) => {
      expect(value).toBeCloseTo(stated[at]!, 6);
    });
    expect(stated).toHaveLength(12);
  });
});

describe('a decoder written from SPEC.md alone', () => {
  it.each(FROZEN)('finds in %s.fqz what the main one finds', (name) => {
    const bytes = fixture(`${name}.fqz`);
    const archive = readFqz(bytes);
    const decoded = decodeIndependently(bytes, operators);
    expect(describeArchive(decoded as unknown as Archive & { version: number })).toEqual(describeArchive(archive));
    for (const [at, weight] of archive.weights.entries()) {
      if (!('network' in weight)) continue;
      const expected = expandIndependently(decoded.weights[at]!.network!);
      const actual = expandNetwork(weight.network);
      expect(actual.length).toBe(expected.length);
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const error = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
      expect(error).toBeLessThanOrEqual(1e-12 * largest);
    }
  });
});
