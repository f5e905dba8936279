/**
 * Convolutions, pools, products, resizing, recurrence and sampling in uses that ONNX's node tests leave out, against
 * onnxruntime.
 */
import { beforeAll, describe, it } from 'vitest';
import type { Machine } from '../../runtime/machine.ts';
import { float32Tensor, numericTensor } from '../../src/graph/tensor.ts';
import {
  bytes,
  type Case,
  expectOperator,
  float,
  floats,
  int,
  integers,
  ints,
  openMachines,
  positive,
  text,
} from './operator-case.ts';

const lengths = (...values: number[]) =>
  numericTensor('int32', [values.length], new Uint8Array(Int32Array.from(values).buffer));
const scales = (...values: number[]) => float32Tensor([values.length], Float32Array.from(values));
const none = null;
const strings = (...value: string[]) => ({ type: 'strings', value }) as const;
const numbers = (...value: number[]) => ({ type: 'floats', value }) as const;

const CONVOLUTIONS: Case[] = [
  [
    'Conv',
    'one axis, dilated',
    [floats(2, 3, 20), floats(4, 3, 3), floats(4)],
    { dilations: ints(3), pads: ints(2, 4) },
  ],
  ['Conv', 'groups', [floats(1, 6, 7, 9), floats(8, 3, 3, 2)], { group: int(2), strides: ints(2, 1) }],
  [
    'Conv',
    'channels one by one, two filters each',
    [floats(2, 3, 8, 7), floats(6, 1, 3, 3), floats(6)],
    { group: int(3), pads: ints(1, 1, 1, 1) },
  ],
  [
    'Conv',
    'more padding in front',
    [floats(1, 2, 6, 5), floats(3, 2, 4, 2)],
    { auto_pad: text('SAME_LOWER'), strides: ints(1, 2) },
  ],
  [
    'Conv',
    'three axes',
    [floats(2, 4, 5, 6, 7), floats(6, 2, 3, 2, 3), floats(6)],
    { group: int(2), pads: ints(1, 0, 2, 2, 1, 0), strides: ints(2, 1, 2), dilations: ints(1, 2, 1) },
  ],
  ['Conv', 'three axes, the whole depth', [floats(2, 3, 4, 6, 5), floats(2, 3, 4, 3, 3)]],
  ['Conv', 'three axes, no depth', [floats(2, 3, 1, 6, 5), floats(2, 3, 1, 3, 3)]],
  [
    'ConvTranspose',
    'groups, padded output',
    [floats(2, 4, 5, 6), floats(4, 3, 3, 3), floats(6)],
    { group: int(2), strides: ints(2, 3), pads: ints(1, 0, 1, 2), output_padding: ints(1, 2) },
  ],
  ['ConvTranspose', 'one axis, dilated', [floats(1, 3, 9), floats(3, 2, 4)], { strides: ints(3), dilations: ints(2) }],
  [
    'ConvTranspose',
    'a shape that is asked for',
    [floats(1, 2, 5, 4), floats(2, 2, 3, 3)],
    { output_shape: ints(10, 8), strides: ints(2, 2) },
  ],
  [
    'ConvTranspose',
    'a shape that is asked for, upper',
    [floats(1, 2, 5, 4), floats(2, 2, 4, 4)],
    { output_shape: ints(11, 9), strides: ints(2, 2), auto_pad: text('SAME_UPPER') },
  ],
  [
    'ConvTranspose',
    'lower',
    [floats(1, 2, 5, 4), floats(2, 2, 5, 3)],
    { strides: ints(2, 2), auto_pad: text('SAME_LOWER') },
  ],
];

const POOLS: Case[] = [
  [
    'MaxPool',
    'places, columns first',
    [floats(2, 3, 7, 8)],
    { kernel_shape: ints(3, 2), strides: ints(2, 2), storage_order: int(1) },
    2,
  ],
  [
    'MaxPool',
    'dilated, rounded up',
    [floats(1, 2, 11, 12)],
    { kernel_shape: ints(2, 3), strides: ints(3, 2), dilations: ints(2, 3), ceil_mode: int(1), pads: ints(1, 0, 1, 2) },
    2,
  ],
  [
    'MaxPool',
    'int8',
    [{ ...bytes('int8', ...Array.from({ length: 24 }, (_, at) => (at * 37) & 255)), shape: [1, 1, 4, 6] }],
    { kernel_shape: ints(2, 2) },
  ],
  [
    'AveragePool',
    'rounded up, padding counts',
    [floats(1, 2, 7, 6)],
    {
      kernel_shape: ints(3, 3),
      strides: ints(2, 2),
      ceil_mode: int(1),
      count_include_pad: int(1),
      pads: ints(1, 1, 1, 1),
    },
  ],
  [
    'AveragePool',
    'three axes, padding does not count',
    [floats(2, 2, 5, 6, 7)],
    { kernel_shape: ints(2, 3, 2), strides: ints(2, 1, 3), pads: ints(1, 1, 0, 0, 2, 1) },
  ],
  ['LpPool', 'p = 3', [floats(1, 2, 6, 6)], { kernel_shape: ints(2, 3), p: int(3), strides: ints(2, 2) }],
  ['GlobalLpPool', 'one axis', [floats(2, 3, 9)], { p: int(1) }],
  ['GlobalMaxPool', 'three axes', [floats(2, 3, 2, 3, 4)]],
];

const PRODUCTS: Case[] = [
  ['MatMul', 'vectors', [floats(7), floats(7)]],
  ['MatMul', 'a vector on the left', [floats(4), floats(2, 3, 4, 5)]],
  ['MatMul', 'a vector on the right', [floats(2, 3, 4, 5), floats(5)]],
  ['MatMul', 'batches both ways', [floats(2, 1, 3, 4), floats(5, 4, 6)]],
  ['MatMul', 'one right factor for all', [floats(2, 3, 5, 4), floats(1, 1, 4, 6)]],
  ['MatMul', 'empty', [floats(3, 0), floats(0, 2)]],
  [
    'Gemm',
    'everything',
    [floats(4, 3), floats(5, 4), floats(3, 1)],
    { transA: int(1), transB: int(1), alpha: float(0.5), beta: float(-2) },
  ],
  ['Gemm', 'a column added', [floats(3, 4), floats(4, 5), floats(3, 1)]],
  ['Gemm', 'nothing added, scaled', [floats(3, 4), floats(4, 5)], { alpha: float(3) }],
  ['Einsum', 'attention', [floats(2, 5, 3, 4), floats(2, 6, 3, 4)], { equation: text('bqhd,bkhd->bhqk') }],
  ['Einsum', 'three factors', [floats(2, 3), floats(3, 4), floats(4, 5)], { equation: text('ij,jk,kl->il') }],
  ['Einsum', 'diagonals and sums', [floats(3, 4, 3), floats(4, 2)], { equation: text('iji,jk->ki') }],
  ['Einsum', 'ellipses', [floats(2, 5, 3, 4), floats(2, 1, 4, 2)], { equation: text('...ij,...jk->...ik') }],
  ['Einsum', 'no arrow', [floats(3, 2), floats(4, 3)], { equation: text('ba, cb') }],
  ['Einsum', 'outer product', [floats(3), floats(2)], { equation: text('i,j->ji') }],
];

const RESIZES: Case[] = [
  ['Resize', 'linear, all axes', [floats(2, 3, 4, 5), none, none, integers(2, 3, 7, 3)], { mode: text('linear') }],
  [
    'Resize',
    'linear, three axes',
    [floats(1, 2, 3, 4, 5), none, none, integers(1, 2, 5, 3, 9)],
    { mode: text('linear'), coordinate_transformation_mode: text('asymmetric') },
  ],
  [
    'Resize',
    'linear, to one element',
    [floats(1, 1, 4, 6), none, none, integers(1, 1, 1, 3)],
    { mode: text('linear'), coordinate_transformation_mode: text('pytorch_half_pixel') },
  ],
  [
    'Resize',
    'linear, bytes',
    [{ ...bytes('uint8', 10, 20, 200, 40, 50, 60), shape: [1, 1, 2, 3] }, none, scales(1, 1, 2, 2)],
    { mode: text('linear'), coordinate_transformation_mode: text('asymmetric') },
  ],
  [
    'Resize',
    'nearest, ceil',
    [floats(1, 2, 5, 7), none, none, integers(1, 2, 8, 4)],
    { nearest_mode: text('ceil'), coordinate_transformation_mode: text('asymmetric') },
  ],
  [
    'Resize',
    'nearest, bytes',
    [{ ...bytes('uint8', 1, 255, 3, 128), shape: [1, 1, 2, 2] }, none, scales(1, 1, 3, 2)],
    { nearest_mode: text('floor') },
  ],
  [
    'Resize',
    'cubic, nothing outside',
    [floats(1, 2, 6, 5), none, scales(1, 1, 2.5, 0.7)],
    { mode: text('cubic'), exclude_outside: int(1), cubic_coeff_a: float(-0.5) },
  ],
  [
    'Resize',
    'some axes, largest that fits',
    [floats(1, 2, 6, 4), none, none, integers(9, 12)],
    { mode: text('linear'), axes: ints(3, 2), keep_aspect_ratio_policy: text('not_larger') },
  ],
  [
    'Resize',
    'crop',
    [floats(1, 1, 6, 6), scales(0, 0, 0.3, -0.2, 1, 1, 0.8, 1.3), none, integers(1, 1, 4, 5)],
    { mode: text('linear'), coordinate_transformation_mode: text('tf_crop_and_resize'), extrapolation_value: float(9) },
  ],
];

const [T, B, I, H] = [5, 3, 4, 6];
const RECURRENT: Case[] = [
  [
    'LSTM',
    'both ways, all inputs',
    [
      floats(T, B, I),
      floats(2, 4 * H, I),
      floats(2, 4 * H, H),
      floats(2, 8 * H),
      lengths(5, 2, 3),
      floats(2, B, H),
      floats(2, B, H),
      floats(2, 3 * H),
    ],
    { hidden_size: int(H), direction: text('bidirectional') },
    3,
  ],
  [
    'LSTM',
    'backwards, coupled gates',
    [floats(T, B, I), floats(1, 4 * H, I), floats(1, 4 * H, H)],
    { hidden_size: int(H), direction: text('reverse'), input_forget: int(1) },
    3,
  ],
  [
    'LSTM',
    'clipped',
    [floats(T, B, I), floats(1, 4 * H, I), floats(1, 4 * H, H)],
    { hidden_size: int(H), clip: float(0.4) },
    3,
  ],
  [
    'GRU',
    'both ways',
    [floats(T, B, I), floats(2, 3 * H, I), floats(2, 3 * H, H), floats(2, 6 * H), lengths(1, 5, 4), floats(2, B, H)],
    { hidden_size: int(H), direction: text('bidirectional') },
    2,
  ],
  [
    'GRU',
    'reset behind the product',
    [floats(T, B, I), floats(1, 3 * H, I), floats(1, 3 * H, H), floats(1, 6 * H)],
    { hidden_size: int(H), linear_before_reset: int(1) },
    2,
  ],
  [
    'GRU',
    'clipped, other activations',
    [floats(T, B, I), floats(1, 3 * H, I), floats(1, 3 * H, H)],
    { hidden_size: int(H), clip: float(0.5), activations: strings('Softplus', 'Elu'), activation_alpha: numbers(0.7) },
    2,
  ],
  [
    'LSTM',
    'other activations',
    [floats(T, B, I), floats(1, 4 * H, I), floats(1, 4 * H, H)],
    {
      hidden_size: int(H),
      activations: strings('Softsign', 'ScaledTanh', 'ThresholdedRelu'),
      activation_alpha: numbers(1.5, 0.1),
      activation_beta: numbers(0.8),
    },
    3,
  ],
  [
    'RNN',
    'activations with parameters',
    [floats(T, B, I), floats(2, H, I), floats(2, H, H)],
    {
      hidden_size: int(H),
      direction: text('bidirectional'),
      activations: strings('LeakyRelu', 'HardSigmoid'),
      activation_alpha: numbers(0.3, 0.1),
      activation_beta: numbers(0.6),
    },
    2,
  ],
  [
    'RNN',
    'other activations',
    [floats(T, B, I), floats(2, H, I), floats(2, H, H)],
    {
      hidden_size: int(H),
      direction: text('bidirectional'),
      activations: strings('Relu', 'Affine'),
      activation_alpha: numbers(0.5),
      activation_beta: numbers(0.1),
      clip: float(0.6),
    },
    2,
  ],
];

const SAMPLING: Case[] = [
  ...['linear', 'nearest', 'cubic'].flatMap((mode) =>
    ['zeros', 'border', 'reflection'].map(
      (padding): Case => [
        'GridSample',
        `${mode}, ${padding}`,
        [floats(2, 3, 5, 6), floats(2, 4, 7, 2)],
        { mode: text(mode), padding_mode: text(padding), align_corners: int(padding === 'border' ? 1 : 0) },
      ],
    ),
  ),
  ['GridSample', 'three axes', [floats(1, 2, 3, 4, 5), floats(1, 2, 3, 4, 3)], { padding_mode: text('border') }],
  ['AffineGrid', 'corners aligned', [floats(2, 2, 3), integers(2, 3, 4, 5)], { align_corners: int(1) }],
  [
    'RoiAlign',
    'samples by size',
    [
      floats(2, 3, 9, 8),
      float32Tensor([3, 4], Float32Array.of(0.5, 1, 6, 7.5, 2, 2, 3, 3, -4, -1, 12, 5)),
      integers(1, 0, 1),
    ],
    { output_height: int(2), output_width: int(3), spatial_scale: float(0.9) },
  ],
  [
    'RoiAlign',
    'largest',
    [positive(1, 2, 9, 8), float32Tensor([1, 4], Float32Array.of(1, 1, 6, 7)), integers(0)],
    {
      mode: text('max'),
      output_height: int(2),
      output_width: int(2),
      sampling_ratio: int(2),
      coordinate_transformation_mode: text('output_half_pixel'),
    },
  ],
  [
    'Col2Im',
    'dilated and padded',
    [floats(2, 12, 24), integers(6, 7), integers(2, 2)],
    { dilations: ints(2, 1), pads: ints(0, 0, 0, 0), strides: ints(1, 1) },
  ],
  [
    'MaxUnpool',
    'apart',
    [floats(1, 1, 2, 2), { ...integers(1, 3, 12, 15), shape: [1, 1, 2, 2] }],
    { kernel_shape: ints(2, 2), strides: ints(2, 2) },
  ],
];

describe('operators on images and matrices give what onnxruntime gives', () => {
  let machines: Machine[];
  beforeAll(async () => {
    machines = await openMachines();
  });

  it.each([...CONVOLUTIONS, ...POOLS, ...PRODUCTS, ...RESIZES, ...RECURRENT, ...SAMPLING])('%s: %s', (...of) =>
    expectOperator(machines, of),
  );

  it.each([...CONVOLUTIONS, ...PRODUCTS, ...RECURRENT])('%s: %s, nothing constant', (...of) =>
    expectOperator(machines, of, of[2].filter((tensor) => tensor).length),
  );
});
