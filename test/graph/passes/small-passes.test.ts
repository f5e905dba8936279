import { describe, expect, it } from 'vitest';
import { type Attribute, emptyGraph, type Model, node } from '../../../src/graph/graph.ts';
import { fromFloats, toNumbers } from '../../../src/graph/numbers.ts';
import { foldPads } from '../../../src/graph/passes/fold-pad.ts';
import { foldShapes } from '../../../src/graph/passes/fold-shapes.ts';
import { removeImpliedAttributes } from '../../../src/graph/passes/implicit-attributes.ts';
import { dropInitializerInputs, inlineConstants } from '../../../src/graph/passes/inline-constants.ts';
import { mergeReshapes } from '../../../src/graph/passes/merge-reshapes.ts';
import { removeDeadCode } from '../../../src/graph/passes/remove-dead-code.ts';
import { removeNoOps } from '../../../src/graph/passes/remove-no-ops.ts';
import { shareConstants } from '../../../src/graph/passes/share-constants.ts';
import { int64Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { buildModel, copyOf, largestDifference, runModel, seededFeeds } from '../../support/run-model.ts';

const int = (value: number): Attribute => ({ type: 'int', value });
const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const float = (value: number): Attribute => ({ type: 'float', value });
const string = (value: string): Attribute => ({ type: 'string', value });
const float32 = (shape: number[], value = 1): Tensor =>
  fromFloats('float32', shape, new Array(shape.reduce((product, dim) => product * dim, 1)).fill(value));
const ops = ({ graph }: Model) => graph.nodes.map(({ op }) => op);

/** Applies `pass` and checks that onnxruntime sees no difference. */
async function applied(model: Model, pass: (model: Model) => number): Promise<number> {
  const before = copyOf(model);
  const feeds = seededFeeds(model);
  const changes = pass(model);
  expect(largestDifference(await runModel(before, feeds), await runModel(model, feeds))).toBeLessThan(1e-6);
  return changes;
}

describe('inlineConstants', () => {
  it('takes constants from every attribute', () => {
    const sparse: Attribute = {
      type: 'sparse-tensor',
      value: { shape: [2], values: float32([1]), indices: int64Tensor([1]) },
    };
    const model = buildModel(
      21,
      {},
      [
        node('Constant', [], ['tensor'], { value: { type: 'tensor', value: float32([2], 3) } }),
        node('Constant', [], ['float'], { value_float: float(1.5) }),
        node('Constant', [], ['floats'], { value_floats: { type: 'floats', value: [1, 2] } }),
        node('Constant', [], ['int'], { value_int: { type: 'int', value: -(2n ** 62n) } }),
        node('Constant', [], ['ints'], { value_ints: ints(4, 5) }),
        node('Constant', [], ['string'], { value_string: string('é') }),
        node('Constant', [], ['strings'], { value_strings: { type: 'strings', value: ['a', Uint8Array.of(255)] } }),
        node('Constant', [], ['sparse'], { sparse_value: sparse }),
        node('Constant', [], ['output'], { value_float: float(1) }),
      ],
      ['output'],
    );
    expect(inlineConstants(model)).toBe(7);
    expect(model.graph.nodes.flatMap(({ outputs }) => outputs)).toEqual(['sparse', 'output']);
    expect(Object.fromEntries(model.graph.initializers)).toEqual({
      tensor: float32([2], 3),
      float: float32([], 1.5),
      floats: fromFloats('float32', [2], [1, 2]),
      int: { dtype: 'int64', shape: [], data: new Uint8Array(BigInt64Array.of(-(2n ** 62n)).buffer) },
      ints: int64Tensor([4, 5]),
      string: { dtype: 'string', shape: [], strings: [Uint8Array.of(0xc3, 0xa9)] },
      strings: { dtype: 'string', shape: [2], strings: [Uint8Array.of(97), Uint8Array.of(255)] },
    });
  });

  it('drops inputs that have a value', () => {
    const model = buildModel(8, { x: [1], w: [1] }, [node('Add', ['x', 'w'], ['y'])], ['y'], { w: float32([1]) });
    expect(dropInitializerInputs(model)).toBe(1);
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x']);
  });
});

describe('removeDeadCode', () => {
  it('keeps what only a subgraph uses', () => {
    const branch = {
      ...emptyGraph('branch'),
      nodes: [node('Add', ['captured', 'w'], ['sum'])],
      outputs: [{ name: 'sum' }],
    };
    const nodes = [
      node('Relu', ['x'], ['captured']),
      node('Relu', ['x'], ['dead']),
      node('Relu', ['dead'], ['deader']),
      node('If', ['condition'], ['y'], {
        then_branch: { type: 'graph', value: branch },
        else_branch: { type: 'graph', value: branch },
      }),
    ];
    const model = buildModel(21, { x: [1], unused: [1] }, nodes, ['y'], {
      w: float32([1]),
      v: float32([1]),
      condition: float32([]),
    });
    model.graph.values.set('dead', { name: 'dead' }).set('captured', { name: 'captured' });
    expect(removeDeadCode(model)).toBe(3);
    expect(ops(model)).toEqual(['Relu', 'If']);
    expect([...model.graph.initializers.keys()]).toEqual(['w', 'condition']);
    expect([...model.graph.values.keys()]).toEqual(['captured']);
    expect(model.graph.inputs.length).toBe(2);
  });
});

describe('removeNoOps', () => {
  const CHAIN = ['x', 'a', 'b', 'y'];

  it.each([
    ['Identity', [], {}],
    ['Dropout', [], {}],
    ['Cast', [], { to: int(1) }],
    ['Transpose', [], { perm: ints(0, 1, 2) }],
    ['Reshape', [int64Tensor([0, 3, -1])], {}],
    ['Slice', [int64Tensor([0]), int64Tensor([3]), int64Tensor([1])], {}],
    ['Expand', [int64Tensor([3, 1])], {}],
    ['Pad', [int64Tensor([0, 0, 0, 0, 0, 0])], {}],
    ['Concat', [], { axis: int(0) }],
    ['Max', [], {}],
    ['Mul', [float32([])], {}],
    ['Div', [float32([3, 1])], {}],
    ['Add', [float32([1], 0)], {}],
    ['Sub', [float32([], 0)], {}],
  ] as [string, Tensor[], Record<string, Attribute>][])('removes %s', async (op, constants, attributes) => {
    const names = constants.map((_, index) => `c${index}`);
    const nodes = ['Relu', op, op].map((each, index) =>
      node(each, [CHAIN[index]!, ...(each === op ? names : [])], [CHAIN[index + 1]!], each === op ? attributes : {}),
    );
    const initializers = Object.fromEntries(constants.map((tensor, index) => [`c${index}`, tensor]));
    const model = buildModel(21, { x: ['n', 3, 4] }, nodes, ['y'], initializers);
    expect(await applied(model, removeNoOps)).toBe(2);
    expect(ops(model)).toEqual(['Relu']);
  });

  it.each([
    ['Cast', [], { to: int(11) }],
    ['Transpose', [], { perm: ints(0, 1, 2).type === 'ints' ? ints(0, 2, 1) : int(0) }],
    ['Reshape', [int64Tensor([0, 4, 3])], {}],
    ['Slice', [int64Tensor([-1]), int64Tensor([-9]), int64Tensor([1]), int64Tensor([-1])], {}],
    ['Slice', [int64Tensor([0]), int64Tensor([2]), int64Tensor([1])], {}],
    ['Expand', [int64Tensor([2, 1, 1, 1])], {}],
    ['Pad', [int64Tensor([0, 0, 1, 0, 0, -1])], {}],
    ['Mul', [float32([2, 1, 1, 1])], {}],
    ['Add', [float32([], 0.5)], {}],
    ['Relu', [], {}],
  ] as [string, Tensor[], Record<string, Attribute>][])(
    'keeps a %s that does something',
    (op, constants, attributes) => {
      const names = constants.map((_, index) => `c${index}`);
      const initializers = Object.fromEntries(constants.map((tensor, index) => [`c${index}`, tensor]));
      const nodes = [node(op, ['x', ...names], ['h'], attributes), node('Relu', ['h'], ['y'])];
      expect(removeNoOps(buildModel(21, { x: ['n', 3, 4] }, nodes, ['y'], initializers))).toBe(0);
    },
  );

  it('keeps the names of outputs, and an output that is an input', async () => {
    const nodes = [
      node('Relu', ['x'], ['h']),
      node('Identity', ['h'], ['first']),
      node('Identity', ['h'], ['second']),
      node('Identity', ['x'], ['same']),
      node('Neg', ['h'], ['third']),
    ];
    const model = buildModel(21, { x: [2, 3] }, nodes, ['first', 'second', 'same', 'third']);
    expect(await applied(model, removeNoOps)).toBe(1);
    expect(ops(model)).toEqual(['Relu', 'Identity', 'Identity', 'Neg']);
  });

  it('renames what a subgraph takes', () => {
    const branch = { ...emptyGraph('branch'), nodes: [node('Neg', ['same'], ['n'])], outputs: [{ name: 'n' }] };
    const attributes: Record<string, Attribute> = {
      then_branch: { type: 'graph', value: branch },
      else_branch: { type: 'graph', value: branch },
    };
    const model = buildModel(
      21,
      { x: [1] },
      [node('Relu', ['x'], ['h']), node('Identity', ['h'], ['same']), node('If', ['c'], ['y'], attributes)],
      ['y'],
    );
    expect(removeNoOps(model)).toBe(1);
    expect(branch.nodes[0]!.inputs).toEqual(['h']);
  });
});

describe('foldShapes', () => {
  it('computes shapes of which all is known and reshapes of which one size is open', async () => {
    const nodes = [
      node('Shape', ['x'], ['shape']),
      node('Gather', ['shape', 'zero'], ['batch']),
      node('Gather', ['shape', 'one'], ['channels']),
      node('Mul', ['channels', 'four'], ['wide']),
      node('Unsqueeze', ['batch', 'axes'], ['a']),
      node('Unsqueeze', ['wide', 'axes'], ['b']),
      node('Concat', ['a', 'b'], ['target'], { axis: int(0) }),
      node('Reshape', ['x', 'target'], ['y']),
    ];
    const constants = {
      zero: int64Tensor([0], []),
      one: int64Tensor([1], []),
      four: int64Tensor([4], []),
      axes: int64Tensor([0]),
    };
    const model = buildModel(21, { x: ['n', 3, 2, 2] }, nodes, ['y'], constants);
    // Gather of the channels, Mul and Unsqueeze of 12, and the target (0, 12).
    expect(await applied(model, foldShapes)).toBe(4);
    removeDeadCode(model);
    expect(ops(model)).toEqual(['Reshape']);
    expect(toNumbers(model.graph.initializers.get(model.graph.nodes[0]!.inputs[1]!)!)).toEqual([0, 12]);
  });

  it('leaves a reshape with two open sizes', () => {
    const nodes = [
      node('Shape', ['x'], ['s']),
      node('Shape', ['z'], ['t']),
      node('Concat', ['s', 't'], ['u'], { axis: int(0) }),
      node('Reshape', ['w', 'u'], ['y']),
    ];
    const model = buildModel(21, { x: ['n'], z: ['m'], w: ['k'] }, nodes, ['y']);
    expect(foldShapes(model)).toBe(0);
  });
});

describe('mergeReshapes', () => {
  it('goes through everything that keeps the order', async () => {
    const nodes = [
      node('Transpose', ['x'], ['a'], { perm: ints(0, 2, 3, 1) }),
      node('Flatten', ['a'], ['b']),
      node('Unsqueeze', ['b', 'axes'], ['c']),
      node('Reshape', ['c', 'target'], ['y']),
    ];
    const model = buildModel(21, { x: [2, 12, 1, 1] }, nodes, ['y'], {
      axes: int64Tensor([0]),
      target: int64Tensor([-1, 3]),
    });
    expect(await applied(model, mergeReshapes)).toBe(1);
    removeDeadCode(model);
    expect(ops(model)).toEqual(['Reshape']);
  });

  it('keeps a transpose that moves something, and a size copied from the input', () => {
    const moving = [node('Transpose', ['x'], ['a'], { perm: ints(1, 0) }), node('Reshape', ['a', 'target'], ['y'])];
    expect(mergeReshapes(buildModel(21, { x: [2, 3] }, moving, ['y'], { target: int64Tensor([6]) }))).toBe(0);
    const copying = [node('Flatten', ['x'], ['a']), node('Reshape', ['a', 'target'], ['y'])];
    expect(mergeReshapes(buildModel(21, { x: [2, 3, 4] }, copying, ['y'], { target: int64Tensor([0, 0, 1]) }))).toBe(0);
  });
});

describe('foldPads', () => {
  const weights = { w: float32([2, 3, 2, 2]), zero: float32([], 0), one: float32([]), axes: int64Tensor([-1, 2]) };
  const conv = (attributes: Record<string, Attribute> = {}) => node('Conv', ['p', 'w'], ['y'], attributes);

  it.each([
    ['around the image', ['pads'], [0, 0, 1, 2, 0, 0, 3, 4], {}, [1, 2, 3, 4]],
    ['of a written zero', ['pads', 'zero'], [0, 0, 1, 2, 0, 0, 3, 4], { pads: ints(1, 1, 1, 1) }, [2, 3, 4, 5]],
    ['of named axes', ['pads', '', 'axes'], [2, 1, 4, 3], { auto_pad: string('VALID') }, [1, 2, 3, 4]],
  ] as [string, string[], number[], Record<string, Attribute>, number[]][])(
    'takes a pad %s',
    async (_, inputs, pads, attributes, expected) => {
      const model = buildModel(
        21,
        { x: [1, 3, 4, 4] },
        [node('Pad', ['x', ...inputs], ['p']), conv(attributes)],
        ['y'],
        { ...weights, pads: int64Tensor(pads) },
      );
      expect(await applied(model, foldPads)).toBe(1);
      expect(model.graph.nodes[1]!.attributes).toEqual(new Map([['pads', ints(...expected)]]));
    },
  );

  it.each([
    ['of ones', ['pads', 'one'], [0, 0, 1, 1, 0, 0, 1, 1], {}, {}],
    ['that reflects', ['pads'], [0, 0, 1, 1, 0, 0, 1, 1], { mode: string('reflect') }, {}],
    ['that crops', ['pads'], [0, 0, -1, 1, 0, 0, 1, 1], {}, {}],
    ['of channels', ['pads'], [0, 0, 1, 1, 0, 1, 1, 1], {}, {}],
    ['before padding to the same size', ['pads'], [0, 0, 1, 1, 0, 0, 1, 1], {}, { auto_pad: string('SAME_UPPER') }],
  ] as [string, string[], number[], Record<string, Attribute>, Record<string, Attribute>][])(
    'leaves a pad %s',
    (_, inputs, pads, attributes, convAttributes) => {
      const nodes = [node('Pad', ['x', ...inputs], ['p'], attributes), conv(convAttributes)];
      const model = buildModel(21, { x: [1, 3, 4, 4] }, nodes, ['y'], { ...weights, pads: int64Tensor(pads) });
      expect(foldPads(model)).toBe(0);
    },
  );
});

describe('shareConstants', () => {
  it('merges what is equal in type, shape and bytes', () => {
    const constants = {
      a: float32([4]),
      b: float32([4]),
      c: float32([2, 2]),
      d: int64Tensor([1, 1]),
      e: float32([4], 2),
      f: float32([4]),
    };
    const nodes = Object.keys(constants).map((name) => node('Identity', [name], [`${name}1`]));
    const model = buildModel(21, {}, nodes, ['f'], constants);
    expect(shareConstants(model)).toBe(1);
    expect([...model.graph.initializers.keys()]).toEqual(['a', 'c', 'd', 'e', 'f']);
    expect(model.graph.nodes.map(({ inputs }) => inputs[0])).toEqual(['a', 'a', 'c', 'd', 'e', 'f']);
  });
});

describe('removeImpliedAttributes', () => {
  it('removes defaults and what the weight says, and nothing else', async () => {
    const nodes = [
      node('Conv', ['x', 'w'], ['a'], {
        kernel_shape: ints(2, 2),
        strides: ints(1, 1),
        dilations: ints(1, 1),
        pads: ints(0, 0, 0, 0),
        group: int(1),
        auto_pad: string('NOTSET'),
      }),
      node('Conv', ['a', 'v'], ['b'], { kernel_shape: ints(1, 1), strides: ints(2, 1), pads: ints(0, 1, 0, 0) }),
      node('LeakyRelu', ['b'], ['c'], { alpha: float(Math.fround(0.01)) }),
      node('MaxPool', ['c'], ['d'], { kernel_shape: ints(1, 1), storage_order: int(1) }),
      node('Softmax', ['d'], ['e'], { axis: int(3) }),
      node('Transpose', ['e'], ['y'], { perm: ints(3, 2, 1, 0) }),
    ];
    const model = buildModel(21, { x: [1, 3, 5, 5] }, nodes, ['y'], {
      w: float32([2, 3, 2, 2]),
      v: float32([2, 2, 1, 1]),
    });
    expect(await applied(model, removeImpliedAttributes)).toBe(11);
    expect(model.graph.nodes.map(({ attributes }) => [...attributes.keys()])).toEqual([
      [],
      ['strides', 'pads'],
      [],
      ['kernel_shape'],
      [],
      [],
    ]);
  });
});
