/**
 * What the beginning of a file tells before the rest is there, against what the whole file tells.
 */
import { describe, expect, it } from 'vitest';
import { foreseeFqz, openFqz, plainRuns } from '../../../formats/fqz/read.ts';
import { FormatError } from '../../../src/errors.ts';
import { FROZEN, fixture } from '../../support/frozen-files.ts';

describe.each(FROZEN)('%s', (name) => {
  const file = fixture(`${name}.fqz`);
  const whole = openFqz(file);

  it.runIf(whole.graph.kind === 'compact')('has its graph and headers at its beginning', () => {
    const enough = Array.from({ length: file.length + 1 }, (_, length) => foreseeFqz(file.subarray(0, length)));
    const first = enough.findIndex((opened) => opened !== undefined);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(file.length);
    for (const opened of enough.slice(first)) {
      expect(opened!.graph).toEqual(whole.graph);
      expect(opened!.headers).toEqual(whole.headers);
    }
  });

  it.runIf(whole.graph.kind === 'onnx')('has no graph that could be foreseen', () => {
    expect(() => foreseeFqz(file)).toThrow(FormatError);
  });

  it('has weights of zeros until they are there, where they are coded as numbers', () => {
    if (whole.graph.kind === 'onnx' || whole.headers.some(({ network }) => !network)) return;
    const foreseen = [...foreseeFqz(file)!.weights(plainRuns)];
    expect(foreseen.map(({ name: own }) => own)).toEqual(whole.headers.map(({ name: own }) => own));
    for (const weight of foreseen) {
      const operands = 'network' in weight ? weight.network.operands : [];
      for (const operand of operands) {
        if (operand.kind === 'quantized') expect(operand.levels.every((level) => level === 0)).toBe(true);
        if (operand.kind === 'float') expect(operand.values.every((value) => value === 0)).toBe(true);
      }
    }
  });
});
