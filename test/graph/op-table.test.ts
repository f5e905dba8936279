import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../formats/onnx/read.ts';
import { OPS, opSpec } from '../../src/graph/op-table.ts';
import { inlineConstants } from '../../src/graph/passes/inline-constants.ts';
import { normalizeOpset } from '../../src/graph/passes/normalize-opset.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';
import { readTarGz } from '../support/tar.ts';

const ARCHIVE = 'conformance/onnx-node-tests-1.18.tar.gz';

/** Operators of the default domain that work on sequences, optionals or subgraphs, and those that are constants. */
const NOT_IN_TABLE =
  'Constant ConcatFromSequence If Loop Optional OptionalGetElement OptionalHasElement Scan SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap SplitToSequence';

describe('the operator table', () => {
  it('keeps every operator and attribute at its number', () => {
    // A line is an operator with its attributes in order. New ones may follow; these never change, for files refer to them.
    const frozen = readFileSync(new URL('./op-table.frozen.txt', import.meta.url), 'utf8')
      .trimEnd()
      .split('\n');
    const now = OPS.map(({ op, attributes }) =>
      [op, ...attributes.map(({ name, type, default: value }) => `${name}:${type}=${value}`)].join(' '),
    );
    expect(now.length).toBeGreaterThanOrEqual(frozen.length);
    const changed = frozen.filter((line, number) => !`${now[number]} `.startsWith(`${line} `));
    expect(changed).toEqual([]);
  });

  it('names every operator once', () => {
    expect(new Set(OPS.map(({ op }) => op)).size).toBe(OPS.length);
    expect(opSpec('Conv')).toBe(OPS[0]);
    expect(opSpec('toString')).toBeUndefined();
  });
});

describe.skipIf(!hasShared(ARCHIVE))('ONNX node tests (skipped without the shared conformance archive)', () => {
  it('use no operator, attribute or attribute type that the table lacks', () => {
    const unknown = new Set<string>();
    const seen = new Set<string>();
    for (const [path, bytes] of readTarGz(sharedPath(ARCHIVE))) {
      // Operator set 1 is not read.
      if (!path.endsWith('/model.onnx') || /test_not_[234]d/.test(path)) continue;
      const model = readOnnx(bytes);
      inlineConstants(model);
      normalizeOpset(model);
      for (const { op, domain, attributes } of model.graph.nodes) {
        if (domain !== '' || NOT_IN_TABLE.split(' ').includes(op)) continue;
        seen.add(op);
        const known = opSpec(op)?.attributes;
        if (!known) unknown.add(op);
        for (const [name, { type }] of attributes) {
          if (!known?.some((spec) => spec.name === name && spec.type === type)) unknown.add(`${op}.${name}`);
        }
      }
    }
    expect([...unknown]).toEqual([]);
    const unseen = OPS.filter(({ op }) => !seen.has(op)).map(({ op }) => op);
    expect(unseen.join(' ')).toBe(
      'GlobalLpPool LpNormalization MaxRoiPool Multinomial RandomNormal RandomNormalLike RandomUniform',
    );
  });
});
