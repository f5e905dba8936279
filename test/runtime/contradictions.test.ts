/**
 * Shapes that contradict each other, as a file can claim them.
 */
import { describe, expect, it } from 'vitest';
import { referenceMachine } from '../../runtime/js/machine.ts';
import { ALL_OPERATORS } from '../../runtime/operators/all.ts';
import { makePlan, type PlanInput } from '../../runtime/plan/make-plan.ts';
import { type Attribute, node } from '../../src/graph/graph.ts';

const int = (value: number): Attribute => ({ type: 'int', value });
const ints = (...value: number[]): Attribute => ({ type: 'ints', value });

/** Operator, what is wrong, input shapes or the elements that are known, and attributes. */
type Contradiction = [
  op: string,
  what: string,
  inputs: (number[] | { known: number[] })[],
  attributes?: Record<string, Attribute>,
];

const CONTRADICTIONS: Contradiction[] = [
  [
    'Add',
    'shapes that do not fit',
    [
      [2, 3],
      [2, 4],
    ],
  ],
  ['Reshape', 'another count', [[2, 3], { known: [4, 2] }]],
  ['Reshape', 'two negative sizes', [[2, 3], { known: [-2, -3] }]],
  ['Expand', 'negative sizes', [[1], { known: [-2, -3] }]],
  ['ConstantOfShape', 'more elements than numbers can count', [{ known: [2 ** 30, 2 ** 30] }]],
  ['Tile', 'too few repeats', [[2, 3], { known: [2] }]],
  ['Tile', 'negative repeats', [[2, 3], { known: [-1, -1] }]],
  ['Range', 'an endless range', [{ known: [0] }, { known: [1e12] }, { known: [1] }]],
  ['Range', 'no step', [{ known: [0] }, { known: [1] }, { known: [0] }]],
  ['Transpose', 'an axis twice', [[2, 3]], { perm: ints(0, 0) }],
  ['Transpose', 'too many axes', [[2, 3]], { perm: ints(0, 1, 1) }],
  [
    'Concat',
    'other sizes beside',
    [
      [2, 3],
      [2, 4],
    ],
    { axis: int(0) },
  ],
  ['Split', 'parts that are not the whole', [[6], { known: [4, 4] }]],
  ['Split', 'a negative part', [[6], { known: [8, -2] }]],
  ['Slice', 'no step', [[6], { known: [0] }, { known: [6] }, { known: [0] }, { known: [0] }]],
  ['Pad', 'too few paddings', [[2, 3], { known: [1, 1] }]],
  ['DepthToSpace', 'channels that are no blocks', [[1, 6, 2, 2]], { blocksize: int(2) }],
  ['SpaceToDepth', 'rows that are no blocks', [[1, 6, 3, 2]], { blocksize: int(2) }],
  ['Softmax', 'no such axis', [[2, 3]], { axis: int(2) }],
  ['Gather', 'from nothing', [[0, 3], { known: [0, 0] }]],
  [
    'GatherND',
    'deeper than the data',
    [
      [2, 3],
      [4, 3],
    ],
  ],
  [
    'ScatterND',
    'too few updates',
    [
      [4, 3],
      [2, 1],
      [1, 3],
    ],
  ],
  ['TopK', 'more than there are', [[4], { known: [5] }]],
  ['InstanceNormalization', 'a scale of other channels', [[1, 3, 4], [2], [3]]],
  ['BatchNormalization', 'a mean of other channels', [[1, 3, 4], [3], [3], [2], [3]]],
  ['LayerNormalization', 'a scale that is too long', [[2, 3], [4]]],
  ['GroupNormalization', 'groups of unequal size', [[1, 3, 4], [3], [3]], { num_groups: int(2) }],
  ['ReverseSequence', 'lengths of another batch', [[3, 4], [2]]],
  ['DequantizeLinear', 'scales of another axis', [[2, 3], [4]]],
  [
    'DequantizeLinear',
    'blocks that are no whole',
    [
      [2, 3],
      [2, 2],
    ],
  ],
];

describe('shapes that contradict each other are refused before anything runs', () => {
  it.each(CONTRADICTIONS)('%s: %s', (op, _what, inputs, attributes = {}) => {
    const names = inputs.map((_, at) => `x${at}`);
    const given = inputs.map((input, at): [string, PlanInput] => {
      if (!Array.isArray(input)) return [names[at]!, { dtype: 'int64', shape: [input.known.length], ...input }];
      return [names[at]!, { dtype: at === 1 && /ND|Sequence/.test(op) ? 'int64' : 'float32', shape: input }];
    });
    const graph = {
      opset: 21,
      nodes: [node(op, names, ['y'], attributes)],
      inputs: names.map((name) => ({ name })),
      outputs: [{ name: 'y' }],
      weights: new Map(),
    };
    const machine = referenceMachine();
    expect(() => makePlan(graph, new Map(given), { operators: ALL_OPERATORS, machine, start: machine.base })).toThrow(
      RangeError,
    );
  });
});
