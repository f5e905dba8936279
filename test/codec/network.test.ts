import { describe, expect, it } from 'vitest';
import { readFqz } from '../../formats/fqz/read.ts';
import { writeFqz } from '../../formats/fqz/write.ts';
import { expandNetwork } from '../../src/codec/expand.ts';
import {
  type CosineOperand,
  checkNetwork,
  contractNetwork,
  dctNetwork,
  type FloatOperand,
  plainNetwork,
  type QuantizedOperand,
  type TensorNetwork,
} from '../../src/codec/network.ts';
import { stepOf } from '../../src/codec/step.ts';
import { emptyGraph, modelOf } from '../../src/graph/graph.ts';
import { einsumByDefinition, largestGap } from '../support/einsum.ts';
import { normal } from '../support/random.ts';

const next = normal(3);
const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const levels = (...shape: number[]): QuantizedOperand => ({
  kind: 'quantized',
  shape,
  levels: Int32Array.from({ length: count(shape) }, () => Math.round(20 * next())),
  step: stepOf(-11),
});
const floats = (precision: 'float16' | 'float32', ...shape: number[]): FloatOperand => ({
  kind: 'float',
  shape,
  precision,
  values: Float32Array.from({ length: count(shape) }, () =>
    precision === 'float32' ? next() : Math.round(256 * next()) / 256,
  ),
});
const cosine = (rows: number, size: number): CosineOperand => ({ kind: 'cosine', count: rows, size });
const network = (
  expression: string,
  shape: number[],
  ...operands: TensorNetwork['operands'][number][]
): TensorNetwork => ({
  expression,
  shape,
  operands,
});

const NETWORKS: [string, TensorNetwork][] = [
  ['plain', plainNetwork(levels(4, 3, 2))],
  ['a scalar', plainNetwork(levels())],
  ['all axes DCT', dctNetwork(levels(3, 4, 2, 3), [9, 4, 3, 3], [0, 1, 2, 3])],
  ['window DCT', dctNetwork(levels(5, 4, 2, 3), [5, 4, 3, 3], [2, 3])],
  ['long DCT', dctNetwork(floats('float16', 30, 2), [67, 5], [0, 1])],
  ['low rank', network('or,ri->oi', [6, 5], levels(6, 2), floats('float16', 2, 5))],
  [
    'all zero',
    network('or,ri->oi', [6, 5], levels(6, 2), { ...floats('float32', 2, 5), values: new Float32Array(10) }),
  ],
  ['low rank, transposed', network('ro,ir->oi', [6, 5], levels(2, 6), floats('float32', 5, 2))],
  ['Tucker-2', network('abuv,oa,bi->oiuv', [6, 5, 3, 2], levels(2, 3, 3, 2), levels(6, 2), levels(3, 5))],
  ['CP', network('or,ir,ur,vr->oiuv', [4, 3, 3, 2], levels(4, 2), levels(3, 2), levels(3, 2), levels(2, 2))],
  [
    'matrix product state',
    network('oa,aib,buc,cv->oiuv', [4, 3, 3, 2], levels(4, 2), levels(2, 3, 3), levels(3, 3, 2), levels(2, 2)),
  ],
  [
    'low rank of frequencies',
    network('ar,rb,ao,bi->oi', [8, 6], levels(3, 2), levels(2, 4), cosine(3, 8), cosine(4, 6)),
  ],
  ['a cosine before numbers', network('ar,ao,ri->oi', [8, 6], levels(3, 2), cosine(3, 8), levels(2, 6))],
  ['a product of axes that all have', network('oi,oi->oi', [3, 4], levels(3, 4), levels(3, 4))],
  ['an outer product', network('o,i->io', [4, 3], levels(3), levels(4))],
];

describe('tensor networks', () => {
  it.each(NETWORKS)('expand to their einsum: %s', (_, given) => {
    checkNetwork(given);
    const expected = einsumByDefinition(given);
    const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    expect(largestGap(expandNetwork(given), expected)).toBeLessThan(1e-12 * scale);
  });

  it.each(NETWORKS)('go through a file unchanged: %s', (name, given) => {
    const weight = { name, dtype: 'float32' as const, shape: given.shape, network: given };
    const graph = { kind: 'compact' as const, model: modelOf(emptyGraph(), 21) };
    const { weights } = readFqz(writeFqz({ graph, weights: [weight] }, { keepNames: true }).bytes);
    expect(weights).toEqual([weight]);
  });

  it('keep a frequency axis that is asked for', () => {
    const core = levels(3, 4);
    const given = dctNetwork(core, [8, 6], [0, 1]);
    const half = contractNetwork(given, 'ai');
    expect(half.shape).toEqual([3, 6]);
    const rows = plainNetwork({
      kind: 'float',
      shape: [3, 6],
      precision: 'float32',
      values: Float32Array.from(half.values),
    });
    const expected = network('ai,ao->oi', [8, 6], rows.operands[0]!, cosine(3, 8));
    expect(largestGap(einsumByDefinition(expected), expandNetwork(given))).toBeLessThan(1e-5);
  });

  it.each<[string, TensorNetwork]>([
    ['operands given', network('or,ri->oi', [6, 5], levels(6, 2))],
    ['must carry numbers', network('ao,a->o', [6], cosine(2, 6), levels(2))],
    ['axis r has sizes 2 and 3', network('or,ri->oi', [6, 5], levels(6, 2), levels(3, 5))],
    ['does not name 2 axes', network('oo->o', [6], levels(6, 6))],
    ['has sizes 6 and 7', network('o->o', [7], levels(6))],
    ['is of one operand only', network('or->o', [6], levels(6, 2))],
    ['too many rows', network('a,ao->o', [6], levels(7), cosine(7, 6))],
    ['is not sampled once', network('a,ao,o->o', [6], levels(2), cosine(2, 6), levels(6))],
    ['axis a is no frequency', network('a,ao,ai->oi', [6, 5], levels(2), cosine(2, 6), cosine(2, 5))],
    ['axis a is no frequency', network('o,ai,aj->oij', [6, 5, 5], levels(6), cosine(2, 5), cosine(2, 5))],
    ['axis a has sizes 0 and 0', network('oa,ai->oi', [6, 5], levels(6, 0), levels(0, 5))],
    ['is too large', network('oa,ib,ca,db->oi', [99, 99], levels(99, 9), levels(99, 9), levels(9, 9), levels(9, 9))],
    [
      'more than 8 axes',
      network('abcdefghi->abcdefghi', [1, 1, 1, 1, 1, 1, 1, 1, 1], levels(1, 1, 1, 1, 1, 1, 1, 1, 1)),
    ],
  ])('that cannot be are refused: %s', (reason, given) => {
    if (reason === 'is too large') {
      const wide = network('oab,abi->oi', [2, 2], levels(2, 2, 2), levels(2, 2, 2));
      expect(() => checkNetwork(wide)).not.toThrow();
      const outer = network('abc,def,abcdef->a', [8], levels(8, 8, 8), levels(8, 8, 8), levels(8, 8, 8, 8, 8, 8));
      expect(() => checkNetwork(outer)).not.toThrow();
      const huge = network(
        'oa,ib,ca,db,c,d->oi',
        [9, 9],
        levels(9, 99),
        levels(9, 99),
        levels(9, 99),
        levels(9, 99),
        levels(9),
        levels(9),
      );
      expect(() => checkNetwork(huge)).toThrow(reason);
      return;
    }
    expect(() => checkNetwork(given)).toThrow(reason);
    expect(() => checkNetwork(given)).toThrow(TypeError);
  });
});
