import { describe, expect, it } from 'vitest';
import { type Attribute, type Dim, emptyGraph, type Node, node } from '../../../src/graph/graph.ts';
import { fromFloats } from '../../../src/graph/numbers.ts';
import { opSpec, TARGET_OPSET } from '../../../src/graph/op-table.ts';
import { normalizeOpset } from '../../../src/graph/passes/normalize-opset.ts';
import { int64Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { buildModel, copyOf, largestDifference, runModel, seededFeeds } from '../../support/run-model.ts';

const int = (value: number): Attribute => ({ type: 'int', value });
const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const float = (value: number): Attribute => ({ type: 'float', value });
const floats = (...value: number[]): Attribute => ({ type: 'floats', value });
const string = (value: string): Attribute => ({ type: 'string', value });
const float32 = (...values: number[]): Tensor => fromFloats('float32', [values.length], values);

interface Case {
  title: string;
  opset: number;
  /** Shape of input x. */
  x?: Dim[];
  op: string;
  /** Further inputs. */
  constants?: Tensor[];
  attributes?: Record<string, Attribute>;
  outputs?: number;
}

const IMAGE = [2, 3, 6, 5];

const CASES: readonly Case[] = [
  {
    title: 'Upsample to the nearest, scales in an attribute',
    opset: 7,
    op: 'Upsample',
    attributes: { scales: floats(1, 1, 2, 3) },
  },
  {
    title: 'Upsample by interpolation',
    opset: 7,
    op: 'Upsample',
    attributes: { mode: string('linear'), scales: floats(1, 1, 2, 3) },
  },
  { title: 'Upsample by a fraction', opset: 9, op: 'Upsample', constants: [float32(1, 1, 1.5, 2)] },
  { title: 'Resize that enlarges', opset: 10, op: 'Resize', constants: [float32(1, 1, 1.7, 2)] },
  { title: 'Resize that shrinks', opset: 10, op: 'Resize', constants: [float32(1, 1, 0.6, 0.7)] },
  {
    title: 'Resize by interpolation',
    opset: 10,
    op: 'Resize',
    constants: [float32(1, 1, 0.6, 2)],
    attributes: { mode: string('linear') },
  },
  {
    title: 'Resize with empty scales beside sizes',
    opset: 11,
    op: 'Resize',
    constants: [float32(), float32(), int64Tensor([2, 3, 9, 7])],
    attributes: { mode: string('linear'), coordinate_transformation_mode: string('align_corners') },
  },
  { title: 'Softmax over several axes', opset: 11, op: 'Softmax', attributes: { axis: int(1) } },
  {
    title: 'Softmax over several axes of unknown sizes',
    opset: 11,
    x: ['n', 'c', 'h', 'w'],
    op: 'Softmax',
    attributes: { axis: int(2) },
  },
  {
    title: 'Softmax over channels of single places',
    opset: 7,
    x: [2, 7, 1, 1],
    op: 'Softmax',
    attributes: { axis: int(1) },
  },
  { title: 'Softmax with its old default', opset: 11, x: [2, 3, 4], op: 'Softmax' },
  { title: 'LogSoftmax along the last axis', opset: 11, op: 'LogSoftmax', attributes: { axis: int(3) } },
  { title: 'Hardmax over several axes', opset: 11, op: 'Hardmax', attributes: { axis: int(2) } },
  { title: 'Slice', opset: 9, op: 'Slice', attributes: { starts: ints(1, -4), ends: ints(99, -1), axes: ints(1, 2) } },
  {
    title: 'Pad with a value',
    opset: 10,
    op: 'Pad',
    attributes: { pads: ints(0, 0, 1, 2, 0, 1, 0, -1), value: float(0.5) },
  },
  {
    title: 'Pad by reflection',
    opset: 7,
    op: 'Pad',
    attributes: { pads: ints(0, 0, 1, 2, 0, 0, 1, 1), mode: string('reflect') },
  },
  { title: 'Clip on one side', opset: 7, op: 'Clip', attributes: { min: float(0) } },
  { title: 'Clip on both sides', opset: 10, op: 'Clip', attributes: { min: float(-0.5), max: float(0.25) } },
  { title: 'Squeeze', opset: 11, x: [2, 1, 3, 1], op: 'Squeeze', attributes: { axes: ints(1) } },
  { title: 'Squeeze without axes', opset: 12, x: [2, 1, 3, 1], op: 'Squeeze' },
  { title: 'Unsqueeze', opset: 12, x: [2, 3], op: 'Unsqueeze', attributes: { axes: ints(0, -1) } },
  { title: 'ReduceSum', opset: 12, op: 'ReduceSum', attributes: { axes: ints(1, -1), keepdims: int(0) } },
  { title: 'ReduceSum over everything', opset: 12, op: 'ReduceSum' },
  { title: 'ReduceMean', opset: 17, op: 'ReduceMean', attributes: { axes: ints(2, 3) } },
  { title: 'ReduceL2', opset: 13, op: 'ReduceL2', attributes: { axes: ints(0), keepdims: int(0) } },
  { title: 'TopK', opset: 9, op: 'TopK', attributes: { k: int(3), axis: int(2) }, outputs: 2 },
  { title: 'Split by sizes', opset: 12, op: 'Split', attributes: { split: ints(1, 5), axis: int(2) }, outputs: 2 },
  { title: 'Split evenly', opset: 13, op: 'Split', attributes: { axis: int(2) }, outputs: 3 },
  { title: 'Split evenly, long ago', opset: 8, op: 'Split', attributes: { axis: int(2) }, outputs: 2 },
  { title: 'Dropout', opset: 7, op: 'Dropout', attributes: { ratio: float(0.3) } },
  {
    title: 'BatchNormalization',
    opset: 7,
    op: 'BatchNormalization',
    constants: [float32(1, 2, 3), float32(0.1, 0.2, 0.3), float32(0, 1, 2), float32(1, 2, 0.5)],
    attributes: { epsilon: float(0.001), spatial: int(1) },
  },
  {
    title: 'Scatter',
    opset: 9,
    x: [3, 3],
    op: 'Scatter',
    constants: [int64Tensor([2, 0], [1, 2]), fromFloats('float32', [1, 2], [5, 6])],
  },
  {
    title: 'GridSample',
    opset: 16,
    x: [1, 1, 4, 4],
    op: 'GridSample',
    constants: [fromFloats('float32', [1, 1, 3, 2], [0, 0, 0.4, -0.3, -0.9, 0.6])],
    attributes: { mode: string('bicubic') },
  },
  {
    title: 'RoiAlign',
    opset: 10,
    x: [1, 1, 8, 8],
    op: 'RoiAlign',
    constants: [fromFloats('float32', [1, 4], [1.3, 0.7, 6, 5]), int64Tensor([0])],
    attributes: { output_height: int(2), output_width: int(3), sampling_ratio: int(2) },
  },
  { title: 'DFT', opset: 17, x: [1, 4, 6, 1], op: 'DFT', attributes: { axis: int(2) } },
  { title: 'DFT along its old default', opset: 17, x: [1, 4, 6, 1], op: 'DFT' },
  {
    title: 'GroupNormalization',
    opset: 18,
    x: [2, 6, 3, 2],
    op: 'GroupNormalization',
    constants: [float32(1, -2), float32(0.5, 1)],
    attributes: { num_groups: int(2), epsilon: float(0.01) },
  },
  {
    title: 'MeanVarianceNormalization by channel',
    opset: 7,
    op: 'MeanVarianceNormalization',
    attributes: { across_channels: int(0), normalize_variance: int(1) },
  },
  {
    title: 'MeanVarianceNormalization by image',
    opset: 7,
    op: 'MeanVarianceNormalization',
    attributes: { across_channels: int(1), normalize_variance: int(1) },
  },
  { title: 'ThresholdedRelu', opset: 7, op: 'ThresholdedRelu', attributes: { alpha: float(0.3) } },
  { title: 'ImageScaler', opset: 7, op: 'ImageScaler', attributes: { scale: float(0.5), bias: floats(1, 2, 3) } },
  { title: 'Crop', opset: 7, op: 'Crop', attributes: { border: ints(1, 2, 0, 1) } },
  { title: 'Crop to a size', opset: 7, op: 'Crop', attributes: { border: ints(1, 2, 0, 0), scale: ints(3, 2) } },
  { title: 'Affine', opset: 7, op: 'Affine', attributes: { alpha: float(2), beta: float(-1) } },
  { title: 'ScaledTanh', opset: 7, op: 'ScaledTanh', attributes: { alpha: float(1.7), beta: float(0.6) } },
  {
    title: 'ParametricSoftplus',
    opset: 7,
    op: 'ParametricSoftplus',
    attributes: { alpha: float(1.7), beta: float(0.6) },
  },
  {
    title: 'AveragePool',
    opset: 10,
    op: 'AveragePool',
    attributes: { kernel_shape: ints(2, 2), strides: ints(2, 2), pads: ints(1, 1, 1, 1), ceil_mode: int(1) },
  },
  {
    title: 'MaxPool',
    opset: 8,
    op: 'MaxPool',
    attributes: { kernel_shape: ints(3, 3), auto_pad: string('SAME_UPPER'), strides: ints(2, 2) },
  },
  {
    title: 'Gemm',
    opset: 7,
    x: [2, 3],
    op: 'Gemm',
    constants: [fromFloats('float32', [3, 2], [1, 2, 3, 4, 5, 6]), float32(1)],
  },
  { title: 'PRelu', opset: 8, op: 'PRelu', constants: [fromFloats('float32', [3, 1, 1], [0.1, 0.2, 0.3])] },
];

function modelOf({ opset, x = IMAGE, op, constants = [], attributes = {}, outputs = 1 }: Case, further: Node[] = []) {
  const names = constants.map((tensor, index) => (tensor.shape[0] === 0 && op !== 'Resize' ? '' : `c${index}`));
  const initializers = Object.fromEntries(constants.map((tensor, index) => [`c${index}`, tensor]));
  const outputNames = Array.from({ length: outputs }, (_, index) => `y${index}`);
  return buildModel(
    opset,
    { x },
    [node(op, ['x', ...names], outputNames, attributes), ...further],
    outputNames,
    initializers,
  );
}

describe('normalizeOpset', () => {
  it.each(CASES)('$title of opset $opset', async (test) => {
    const model = modelOf(test);
    const feeds = seededFeeds(model, (axis) => axis + 2);
    const expected = await runModel(copyOf(model), feeds);
    expect(normalizeOpset(model)).toEqual({ normalized: true });
    expect(model.opsets.get('')).toBe(TARGET_OPSET);
    for (const { op, attributes } of model.graph.nodes) {
      const known = opSpec(op)?.attributes.map(({ name }) => name);
      expect(known).toEqual(expect.arrayContaining([...attributes.keys()]));
    }
    expect(largestDifference(expected, await runModel(model, feeds))).toBeLessThan(1e-6);
  });

  const REFUSED: readonly [why: string, test: Case][] = [
    ['operator Dropout gives a mask of an old type', { title: '', opset: 7, op: 'Dropout', outputs: 2 }],
    ['operator BatchNormalization is in training mode', { title: '', opset: 9, op: 'BatchNormalization', outputs: 5 }],
    [
      'operator BatchNormalization normalises every place by itself',
      { title: '', opset: 7, op: 'BatchNormalization', attributes: { spatial: int(0) } },
    ],
    [
      'operator Resize places points by tf_half_pixel_for_nn',
      {
        title: '',
        opset: 11,
        op: 'Resize',
        constants: [float32(), float32(1, 1, 2, 2)],
        attributes: { coordinate_transformation_mode: string('tf_half_pixel_for_nn') },
      },
    ],
    ['operator OneHot reads negative indices in the old way', { title: '', opset: 9, op: 'OneHot' }],
    ['operator Frobnicate is not known', { title: '', opset: 9, op: 'Frobnicate' }],
  ];

  it.each(REFUSED)('leaves a model alone because %s', (why, test) => {
    const model = modelOf(test, [node('Clip', ['y0'], ['z'], { min: float(0) })]);
    const before = copyOf(model);
    expect(normalizeOpset(model)).toEqual({ normalized: false, why });
    expect(model).toEqual(before);
  });

  it('leaves subgraphs, foreign operators and functions alone', () => {
    const branch: Attribute = { type: 'graph', value: emptyGraph() };
    const withIf = modelOf({ title: '', opset: 9, op: 'If', attributes: { then_branch: branch, else_branch: branch } });
    expect(normalizeOpset(withIf)).toEqual({ normalized: false, why: 'operator If has a subgraph' });
    const foreign = modelOf({ title: '', opset: 9, op: 'Relu' }, [
      { ...node('Gelu', ['y0'], ['z']), domain: 'com.microsoft' },
    ]);
    expect(normalizeOpset(foreign)).toEqual({ normalized: false, why: 'operator Gelu is of the domain com.microsoft' });
    const withFunction = modelOf({ title: '', opset: 9, op: 'Relu' });
    withFunction.functions = [
      { domain: 'a', name: 'f', inputs: [], outputs: [], attributes: [], nodes: [], opsets: new Map() },
    ];
    expect(normalizeOpset(withFunction)).toEqual({ normalized: false, why: 'it has functions of its own' });
  });

  it('keeps the opset of models that are newer than the target', () => {
    const model = modelOf({ title: '', opset: 23, op: 'Relu' });
    expect(normalizeOpset(model)).toEqual({ normalized: true });
    expect(model.opsets.get('')).toBe(23);
  });
});
