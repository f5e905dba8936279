/**
 * What becomes part of the kernel before it: that it does, and that it changes nothing.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Machine } from '../../runtime/machine.ts';
import { type Node, node } from '../../src/graph/graph.ts';
import { numericTensor, type Tensor } from '../../src/graph/tensor.ts';
import { buildModel } from '../support/run-model.ts';
import { expectModel, floats, openMachines, positive } from './operator-case.ts';

const conv = node('Conv', ['x', 'w'], ['c']);

/** What follows a convolution to `c`, and how many steps a run has. */
const CASES: [what: string, nodes: Node[], steps: number][] = [
  ['SiLU', [node('Sigmoid', ['c'], ['s']), node('Mul', ['c', 's'], ['y'])], 1],
  ['SiLU, the other way round', [node('Sigmoid', ['c'], ['s']), node('Mul', ['s', 'c'], ['y'])], 1],
  ['Mish', [node('Softplus', ['c'], ['p']), node('Tanh', ['p'], ['t']), node('Mul', ['c', 't'], ['y'])], 1],
  ['a residue and an activation', [node('Add', ['c', 'residue'], ['a']), node('Relu', ['a'], ['y'])], 1],
  ['a factor a channel', [node('Mul', ['c', 'channels'], ['m']), node('Tanh', ['m'], ['y'])], 1],
  [
    'a factor that another node reads too',
    [node('Sigmoid', ['c'], ['s']), node('Mul', ['c', 's'], ['y']), node('Neg', ['s'], ['z'])],
    4,
  ],
  ['a function of a value that the caller reads', [node('Sigmoid', ['c'], ['y']), node('Mul', ['c', 'y'], ['z'])], 3],
  [
    'more operands than an epilogue has',
    [
      node('Mul', ['c', 'residue'], ['m']),
      node('Add', ['m', 'channels'], ['n']),
      node('Add', ['n', 'columns'], ['s']),
      node('Mul', ['c', 's'], ['t']),
      node('Add', ['t', 'rows'], ['y']),
    ],
    3,
  ],
  [
    'a function that meets its argument with one operand too many',
    [
      node('Mul', ['c', 'residue'], ['m']),
      node('Add', ['m', 'channels'], ['n']),
      node('Add', ['n', 'columns'], ['s']),
      node('Where', ['mask', 'c', 's'], ['y']),
    ],
    3,
  ],
];

describe('behind a convolution', () => {
  let machines: Machine[];
  beforeAll(async () => {
    machines = await openMachines();
  });

  const constants: Record<string, Tensor> = {
    w: floats(4, 3, 3, 3),
    channels: positive(4, 1, 1),
    columns: floats(5),
    rows: floats(6, 1),
    mask: numericTensor(
      'bool',
      [4, 6, 5],
      Uint8Array.from({ length: 120 }, (_, at) => at % 3 && 1),
    ),
  };

  it.each(CASES)('%s', async (_, nodes, steps) => {
    const read = new Set(nodes.flatMap(({ inputs }) => inputs));
    const outputs = nodes.flatMap((each) => each.outputs).filter((name) => name === 'z' || name === 'y');
    const used = Object.entries(constants).filter(([name]) => name === 'w' || read.has(name));
    const model = buildModel(21, {}, [conv, ...nodes], outputs, Object.fromEntries(used));
    const feeds = new Map<string, Tensor>([['x', floats(2, 3, 8, 7)]]);
    if (read.has('residue')) feeds.set('residue', floats(2, 4, 6, 5));
    const kernels = await expectModel(machines, model, feeds);
    expect(kernels).toEqual(['conv', ...new Array(steps - 1).fill('elementwise')]);
  });
});
