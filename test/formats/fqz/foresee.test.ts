/**
 * What the beginning of a file tells before the rest is there, against what the whole file tells.
 */
import { describe, expect, it } from 'vitest';
import { foreseeFqz, openFqz, plainRuns } from '../../../formats/fqz/read.ts';
import { FormatError } from '../../../src/errors.ts';
import { FROZEN, fixture } from '../../support/frozen-files.ts';

const FILES = FROZEN.map((name) => ({ name, file: fixture(`${name}.fqz`) }));
const isCompact = ({ file }: { file: Uint8Array }) => openFqz(file).graph.kind === 'compact';
const COMPACT = FILES.filter(isCompact);
const FOREIGN = FILES.filter((own) => !isCompact(own));
const CODED = COMPACT.filter(({ file }) => openFqz(file).headers.every(({ network }) => network));

it('there are frozen files of every kind', () => {
  for (const files of [COMPACT, FOREIGN, CODED]) expect(files.length).toBeGreaterThan(0);
});

describe.each(COMPACT)('$name', ({ file }) => {
  it('has its graph and headers at its beginning', () => {
    const { graph, headers } = openFqz(file);
    const tells = (length: number) => foreseeFqz(file.subarray(0, length));
    let first = 0;
    while (first < file.length && !tells(first)) first++;
    for (const length of [first, file.length - 1]) expect(tells(length)).toMatchObject({ graph, headers });
    expect(first).toBeLessThan(file.length);
  });
});

it.each(FOREIGN)('$name has no graph that could be foreseen', ({ file }) => {
  expect(() => foreseeFqz(file)).toThrow(FormatError);
});

it.each(CODED)('$name has weights of zeros until they are there', ({ file }) => {
  const { headers } = openFqz(file);
  const foreseen = [...foreseeFqz(file)!.weights(plainRuns)];
  expect(foreseen.map(({ name }) => name)).toEqual(headers.map(({ name }) => name));
  for (const weight of foreseen) {
    const operands = 'network' in weight ? weight.network.operands : [];
    for (const operand of operands) {
      if (operand.kind === 'quantized') expect(operand.levels.every((level) => level === 0)).toBe(true);
      if (operand.kind === 'float') expect(operand.values.every((value) => value === 0)).toBe(true);
    }
  }
});
