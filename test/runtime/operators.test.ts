/**
 * Operators in uses that ONNX's node tests leave out, against onnxruntime.
 */
import { beforeAll, describe, it } from 'vitest';
import type { Machine } from '../../runtime/machine.ts';
import { float32Tensor, int64Tensor } from '../../src/graph/tensor.ts';
import {
  bytes,
  type Case,
  expectOperator,
  float,
  floats,
  int,
  integers,
  ints,
  matrix,
  openMachines,
  positive,
  scalar,
  text,
} from './operator-case.ts';

const CASES: Case[] = [
  ['ReduceMean', 'axes apart', [floats(3, 4, 5, 6), integers(0, 2)], { keepdims: int(0) }],
  ['ReduceSumSquare', 'axes apart', [floats(3, 4, 5, 6), integers(-1, 1)]],
  ['ReduceL2', 'axes apart', [floats(2, 3, 4), integers(0, 2)]],
  ['ReduceL1', 'one axis', [floats(2, 3, 4), integers(1)], { keepdims: int(0) }],
  [
    'ReduceLogSumExp',
    'large numbers',
    [float32Tensor([2, 3], Float32Array.of(90, 91, 92, -200, -201, -202)), integers(1)],
  ],
  ['ReduceMax', 'integers', [matrix(2, 3, -7, 5, 2, 8, -9), integers(1)]],
  ['ReduceProd', 'axis of size 1', [floats(1, 3, 1), integers(0, 1)]],
  ['ArgMin', 'inner axis', [floats(2, 5, 3)], { axis: int(-2), keepdims: int(0) }],
  ['Pow', 'constant exponent 2', [floats(5), scalar(2)]],
  ['Pow', 'constant exponent 0.5', [positive(5), scalar(0.5)]],
  ['Pow', 'constant exponent −1', [floats(5), scalar(-1)]],
  ['Pow', 'integer exponents', [floats(4), integers(0, 1, 2, 3)]],
  ['LeakyRelu', 'slope above 1', [floats(3, 4)], { alpha: float(1.5) }],
  ['PRelu', 'slope above 1', [floats(2, 3, 4, 4), float32Tensor([3, 1, 1], Float32Array.of(0.1, 2, -1))]],
  ['PRelu', 'slopes below 1', [floats(2, 3, 4, 4), float32Tensor([3, 1, 1], Float32Array.of(0.1, 0.3, -1))]],
  ['Clip', 'upper bound only', [floats(20), null, scalar(0.4)]],
  [
    'Clip',
    'integers',
    [matrix(2, 5, -3, 8, 0, 1, 2), integers(-1), integers(4)].map((tensor, at) =>
      at ? { ...tensor, shape: [] } : tensor,
    ),
  ],
  ['Add', 'uint8 overflow', [bytes('uint8', 200, 250, 3), bytes('uint8', 100, 6, 4)]],
  ['Mul', 'int8 overflow', [bytes('int8', 100, 256 - 100, 3), bytes('int8', 2, 2, 4)]],
  ['Where', 'integers, broadcast', [bytes('bool', 1, 0, 1), matrix(2, 1, 2, 3, 4, 5, 6), int64Tensor([9], [1])]],
  ['Cast', 'float to int32', [floats(3, 4)], { to: int(6) }],
  ['Cast', 'float to bool', [float32Tensor([3], Float32Array.of(0, 0.5, -2))], { to: int(9) }],
  ['Max', 'seven inputs, broadcast', Array.from({ length: 7 }, (_, at) => (at % 2 ? floats(4) : floats(3, 1)))],
  ['Mean', 'three inputs, broadcast', [floats(3, 1), floats(1, 4), floats(4)]],
  ['BatchNormalization', 'of two axes', [floats(4, 3), floats(3), floats(3), floats(3), positive(3)]],
  ['BatchNormalization', 'of five axes', [floats(2, 3, 2, 2, 2), floats(3), floats(3), floats(3), positive(3)]],
  ['InstanceNormalization', 'one spatial axis', [floats(2, 3, 7), floats(3), floats(3)]],
  ['GroupNormalization', 'four channels a group', [floats(2, 8, 3, 3), floats(8), floats(8)], { num_groups: int(2) }],
  ['LayerNormalization', 'no bias', [floats(2, 3, 8), floats(8)]],
  ['LayerNormalization', 'all outputs', [floats(2, 3, 8), floats(3, 8), floats(3, 8)], { axis: int(1) }, 3],
  ['LpNormalization', 'p = 1', [floats(3, 4, 2)], { axis: int(1), p: int(1) }],
  ['LRN', 'window wider than half of the channels', [floats(2, 7, 3, 1)], { size: int(5), alpha: float(0.02) }],
  ['Softmax', 'outer axis', [floats(4, 3, 5)], { axis: int(0) }],
  ['Transpose', 'five axes', [floats(2, 3, 4, 5, 6)], { perm: ints(3, 0, 4, 2, 1) }],
  ['Transpose', 'axes of size 1 only', [floats(1, 3, 1, 4)], { perm: ints(2, 1, 0, 3) }],
  ['DepthToSpace', 'CRD', [floats(2, 12, 3, 4)], { blocksize: int(2), mode: text('CRD') }],
  ['SpaceToDepth', 'blocks of 3', [floats(2, 2, 6, 9)], { blocksize: int(3) }],
  [
    'Concat',
    'middle axis, five inputs',
    [floats(2, 1, 3), floats(2, 4, 3), floats(2, 2, 3), floats(2, 0, 3), floats(2, 1, 3)],
    { axis: int(1) },
  ],
  ['Split', 'sizes, one of them 0', [floats(2, 7, 3), integers(4, 0, 3)], { axis: int(1) }, 3],
  [
    'Slice',
    'backwards to the front',
    [floats(5, 6), integers(-1, 4), integers(-100, 0), integers(0, 1), integers(-1, -2)],
  ],
  [
    'Slice',
    'the end that ONNX writes for all',
    [floats(5, 6), integers(1), integers(Number.MAX_SAFE_INTEGER), integers(1)],
  ],
  ['Pad', 'crops', [floats(2, 5, 6), integers(0, -1, 2, 0, -2, -1), scalar(0.5)]],
  ['Pad', 'reflects', [floats(2, 5, 6), integers(0, 2, 3, 0, 4, 1)], { mode: text('reflect') }],
  ['Pad', 'wraps', [floats(2, 5, 6), integers(1, 2, 0, 0, 1, 3)], { mode: text('wrap') }],
  ['Pad', 'edges', [floats(2, 5, 6), integers(1, 2, 0, 0, 1, 3)], { mode: text('edge') }],
  ['Expand', 'inner and outer', [floats(3, 1, 2), integers(2, 1, 4, 1)]],
  ['Tile', 'all axes', [floats(2, 1, 3), integers(2, 3, 1)]],
  ['Gather', 'matrix of indices', [floats(4, 5, 3), matrix(2, 0, -1, 3, 4)], { axis: int(1) }],
  [
    'GatherElements',
    'middle axis',
    [floats(3, 4, 2), int64Tensor([0, 3, -1, 2, 1, 1, 0, -4], [2, 2, 2])],
    { axis: int(1) },
  ],
  [
    'GatherND',
    'slices in batches',
    [floats(2, 3, 4, 5), int64Tensor([0, 2, 1, -1], [2, 2, 1])],
    { batch_dims: int(1) },
  ],
  [
    'ScatterElements',
    'adds',
    [floats(3, 4), matrix(2, 0, 2, 0, 1, -1, 3), floats(2, 3)],
    { axis: int(1), reduction: text('add') },
  ],
  ['ScatterND', 'slices', [floats(4, 2, 3), matrix(2, 3, -4), floats(2, 2, 3)]],
  ['TopK', 'outer axis, smallest', [floats(6, 3), integers(4)], { axis: int(0), largest: int(0) }, 2],
  [
    'CumSum',
    'reverse, exclusive, inner axis',
    [floats(3, 4, 2), int64Tensor([1], [])],
    { reverse: int(1), exclusive: int(1) },
  ],
  [
    'OneHot',
    'middle axis',
    [matrix(2, 0, 2, -1, 5), int64Tensor([3], []), float32Tensor([2], Float32Array.of(-1, 4))],
    { axis: int(1) },
  ],
  ['Trilu', 'lower, batches', [floats(2, 4, 5), int64Tensor([-1], [])], { upper: int(0) }],
  ['ReverseSequence', 'batch first', [floats(3, 4, 2), integers(1, 4, 2)], { batch_axis: int(0), time_axis: int(1) }],
  ['NonZero', 'three axes', [float32Tensor([2, 1, 3], Float32Array.of(0, 1, 2, 0, 0, 3))]],
  ['Unique', 'slices', [matrix(4, 2, 1, 0, 5, 2, 1, 0, 3)], { axis: int(0) }, 4],
  [
    'DequantizeLinear',
    'columns',
    [bytes('uint8', 1, 2, 3, 250, 5, 6), floats(3), bytes('uint8', 7, 0, 9)].map((tensor, at) =>
      at ? tensor : { ...tensor, shape: [2, 3] },
    ),
  ],
  [
    'QuantizeLinear',
    'rounds halves to even',
    [
      float32Tensor([6], Float32Array.of(0.5, 1.5, 2.5, -0.5, 300, -300)),
      scalar(1),
      { ...bytes('int8', 3), shape: [] },
    ],
  ],
];

describe('operators give what onnxruntime gives', () => {
  let machines: Machine[];
  beforeAll(async () => {
    machines = await openMachines();
  });

  it.each(CASES)('%s: %s', (...of) => expectOperator(machines, of));
});
