/**
 * What this project knows of each ONNX operator. The table is the vocabulary of the compact graph coding
 * (formats/fqz/SPEC.md), so entries are only ever appended: an operator's position is its number in a file.
 *
 * It holds every operator of the default domain up to opset 23 that needs no subgraph and no sequence, optional or map
 * (onnx/onnx docs/Changelog.md), as it stands from opset 21 on, except two kinds: `Constant`, because constants are
 * initialisers here, and what newer opsets have replaced (`Upsample`, `Scatter`).
 */
import type { AttributeType } from './graph.ts';

/**
 * The opset that old models are brought to. It is the last one before 22, which only adds bfloat16 to about a hundred
 * operators and for which fewer runtimes have kernels; models of opset 22 and 23 keep theirs, and the table holds for
 * them too.
 */
export const TARGET_OPSET = 21;

/** The newest opset whose operators this table describes. */
export const NEWEST_OPSET = 23;

/** Value of an attribute that a node does not set, where ONNX defines one. */
export type AttributeDefault = number | string | readonly number[];

export interface AttributeSpec {
  readonly name: string;
  readonly type: Extract<AttributeType, 'float' | 'int' | 'string' | 'floats' | 'ints' | 'strings' | 'tensor'>;
  /**
   * ONNX's default; `undefined` where an absent attribute means something of its own. ONNX floats are single precision:
   * compare after `Math.fround`.
   */
  readonly default?: AttributeDefault;
}

export interface OpSpec {
  readonly op: string;
  /** In the order of the file format; only appended to. */
  readonly attributes: readonly AttributeSpec[];
  /** Input positions whose float constants are weights: they may be stored with loss. */
  readonly weights: readonly number[];
  /**
   * Input positions whose float constants may be a weight (a bias, a scale) or something exact (an anchor, an epsilon, a
   * mask): to be stored with loss only when large, then finely, and so that zeros stay zeros. Variances and divisors are
   * in neither list, since a small one must not become zero.
   */
  readonly ambiguousWeights: readonly number[];
}

function attribute<T extends AttributeSpec['type'], D extends AttributeDefault>(type: T) {
  return (name: string, value?: D): AttributeSpec =>
    value === undefined ? { name, type } : { name, type, default: value };
}

const int = attribute<'int', number>('int');
const ints = attribute<'ints', readonly number[]>('ints');
const float = attribute<'float', number>('float');
const floats = attribute<'floats', readonly number[]>('floats');
const string = attribute<'string', string>('string');
const strings = attribute<'strings', never>('strings');
const tensor = attribute<'tensor', never>('tensor');

function op(
  name: string,
  attributes: readonly AttributeSpec[] = [],
  inputs: Partial<Pick<OpSpec, 'weights' | 'ambiguousWeights'>> = {},
): OpSpec {
  return { op: name, attributes, weights: inputs.weights ?? [], ambiguousWeights: inputs.ambiguousWeights ?? [] };
}

// Attributes that a family of operators shares. Their order counts as the table's does.
const WINDOW = [ints('kernel_shape'), ints('pads'), ints('strides'), ints('dilations'), string('auto_pad', 'NOTSET')];
const REDUCTION = [int('keepdims', 1), int('noop_with_empty_axes', 0)];
const RECURRENT = [
  int('hidden_size'),
  string('direction', 'forward'),
  strings('activations'),
  floats('activation_alpha'),
  floats('activation_beta'),
  float('clip'),
  int('layout', 0),
];

/** Every known operator; the position is the operator's number in a `.fqz` file, so new ones go to the end. */
export const OPS: readonly OpSpec[] = [
  // The fifty that convolutional networks use most, so that their numbers are small.
  op('Conv', [...WINDOW, int('group', 1)], { weights: [1, 2] }),
  op('Relu'),
  op('Add', [], { ambiguousWeights: [0, 1] }),
  op('Mul', [], { ambiguousWeights: [0, 1] }),
  op('MaxPool', [...WINDOW, int('ceil_mode', 0), int('storage_order', 0)]),
  op('BatchNormalization', [float('epsilon', 1e-5), float('momentum', 0.9), int('training_mode', 0)], {
    weights: [1, 2, 3],
  }),
  op('Concat', [int('axis')]),
  op('Gemm', [int('transB', 0), float('alpha', 1), float('beta', 1), int('transA', 0)], { weights: [0, 1, 2] }),
  op('MatMul', [], { weights: [0, 1] }),
  op('Reshape', [int('allowzero', 0)]),
  op('Transpose', [ints('perm')]),
  op('InstanceNormalization', [float('epsilon', 1e-5)], { weights: [1, 2] }),
  op('ConvTranspose', [...WINDOW, ints('output_padding'), int('group', 1), ints('output_shape')], { weights: [1, 2] }),
  op('Pad', [string('mode', 'constant')]),
  op('Sigmoid'),
  op('Clip'),
  op('Softmax', [int('axis', -1)]),
  op('GlobalAveragePool'),
  op('AveragePool', [...WINDOW, int('count_include_pad', 0), int('ceil_mode', 0)]),
  op('Resize', [
    string('mode', 'nearest'),
    string('coordinate_transformation_mode', 'half_pixel'),
    string('nearest_mode', 'round_prefer_floor'),
    float('cubic_coeff_a', -0.75),
    int('exclude_outside', 0),
    float('extrapolation_value', 0),
    int('antialias', 0),
    ints('axes'),
    string('keep_aspect_ratio_policy', 'stretch'),
  ]),
  op('Slice'),
  op('LeakyRelu', [float('alpha', 0.01)]),
  op('Flatten', [int('axis', 1)]),
  op('DepthToSpace', [int('blocksize'), string('mode', 'DCR')]),
  op('Sub', [], { ambiguousWeights: [0, 1] }),
  op('Div', [], { ambiguousWeights: [0] }),
  op('HardSwish'),
  op('HardSigmoid', [float('alpha', 0.2), float('beta', 0.5)]),
  op('Tanh'),
  op('LayerNormalization', [int('axis', -1), float('epsilon', 1e-5), int('stash_type', 1)], { weights: [1, 2] }),
  op('ReduceMean', REDUCTION),
  op('Gather', [int('axis', 0)], { weights: [0] }),
  op('Unsqueeze'),
  op('Squeeze'),
  op('Split', [int('axis', 0), int('num_outputs')]),
  op('Erf'),
  op('Gelu', [string('approximate', 'none')]),
  op('PRelu', [], { weights: [1] }),
  op('Cast', [int('to'), int('saturate', 1)]),
  op('Sqrt'),
  op('Pow'),
  op('Exp'),
  op('Shape', [int('end'), int('start', 0)]),
  op('Expand'),
  op('Where'),
  op('Elu', [float('alpha', 1)]),
  op('Softplus'),
  op('SpaceToDepth', [int('blocksize')]),
  op('GlobalMaxPool'),
  op('Identity'),

  // The rest of opset 21, by name.
  op('Abs'),
  op('Acos'),
  op('Acosh'),
  op('AffineGrid', [int('align_corners', 0)]),
  op('And'),
  op('ArgMax', [int('axis', 0), int('keepdims', 1), int('select_last_index', 0)]),
  op('ArgMin', [int('axis', 0), int('keepdims', 1), int('select_last_index', 0)]),
  op('Asin'),
  op('Asinh'),
  op('Atan'),
  op('Atanh'),
  op('Bernoulli', [int('dtype'), float('seed')]),
  op('BitShift', [string('direction')]),
  op('BitwiseAnd'),
  op('BitwiseNot'),
  op('BitwiseOr'),
  op('BitwiseXor'),
  op('BlackmanWindow', [int('output_datatype', 1), int('periodic', 1)]),
  op('CastLike', [int('saturate', 1)]),
  op('Ceil'),
  op('Celu', [float('alpha', 1)]),
  op('CenterCropPad', [ints('axes')]),
  op('Col2Im', [ints('pads'), ints('strides'), ints('dilations')]),
  op('Compress', [int('axis')]),
  op('ConstantOfShape', [tensor('value')]),
  op('ConvInteger', [...WINDOW, int('group', 1)]),
  op('Cos'),
  op('Cosh'),
  op('CumSum', [int('exclusive', 0), int('reverse', 0)]),
  op('DFT', [int('inverse', 0), int('onesided', 0)]),
  op(
    'DeformConv',
    [ints('kernel_shape'), ints('pads'), ints('strides'), int('group', 1), ints('dilations'), int('offset_group', 1)],
    { weights: [1, 3] },
  ),
  op('DequantizeLinear', [int('axis', 1), int('block_size', 0), int('output_dtype', 0)]),
  op('Det'),
  op('Dropout', [int('seed')]),
  op('DynamicQuantizeLinear'),
  op('Einsum', [string('equation')], { ambiguousWeights: [0, 1] }),
  op('Equal'),
  op('EyeLike', [int('dtype'), int('k', 0)]),
  op('Floor'),
  op('GRU', [...RECURRENT, int('linear_before_reset', 0)], { weights: [1, 2, 3] }),
  op('GatherElements', [int('axis', 0)]),
  op('GatherND', [int('batch_dims', 0)]),
  op('GlobalLpPool', [int('p', 2)]),
  op('Greater'),
  op('GreaterOrEqual'),
  op('GridSample', [int('align_corners', 0), string('mode', 'linear'), string('padding_mode', 'zeros')]),
  op('GroupNormalization', [int('num_groups'), float('epsilon', 1e-5), int('stash_type', 1)], { weights: [1, 2] }),
  op('HammingWindow', [int('output_datatype', 1), int('periodic', 1)]),
  op('HannWindow', [int('output_datatype', 1), int('periodic', 1)]),
  op('Hardmax', [int('axis', -1)]),
  op('ImageDecoder', [string('pixel_format', 'RGB')]),
  op('IsInf', [int('detect_negative', 1), int('detect_positive', 1)]),
  op('IsNaN'),
  op('LRN', [int('size'), float('alpha', 0.0001), float('beta', 0.75), float('bias', 1)]),
  op('LSTM', [...RECURRENT, int('input_forget', 0)], { weights: [1, 2, 3, 7] }),
  op('Less'),
  op('LessOrEqual'),
  op('Log'),
  op('LogSoftmax', [int('axis', -1)]),
  op('LpNormalization', [int('axis', -1), int('p', 2)]),
  op('LpPool', [...WINDOW, int('p', 2), int('ceil_mode', 0)]),
  op('MatMulInteger'),
  op('Max'),
  op('MaxRoiPool', [ints('pooled_shape'), float('spatial_scale', 1)]),
  op('MaxUnpool', [ints('kernel_shape'), ints('strides'), ints('pads')]),
  op('Mean'),
  op('MeanVarianceNormalization', [ints('axes', [0, 2, 3])]),
  op('MelWeightMatrix', [int('output_datatype', 1)]),
  op('Min'),
  op('Mish'),
  op('Mod', [int('fmod', 0)]),
  op('Multinomial', [int('dtype', 6), int('sample_size', 1), float('seed')]),
  op('Neg'),
  op('NegativeLogLikelihoodLoss', [int('ignore_index'), string('reduction', 'mean')]),
  op('NonMaxSuppression', [int('center_point_box', 0)]),
  op('NonZero'),
  op('Not'),
  op('OneHot', [int('axis', -1)]),
  op('Or'),
  op('QLinearConv', [...WINDOW, int('group', 1)]),
  op('QLinearMatMul'),
  op('QuantizeLinear', [
    int('axis', 1),
    int('block_size', 0),
    int('output_dtype', 0),
    int('precision', 0),
    int('saturate', 1),
  ]),
  op('RNN', [...RECURRENT], { weights: [1, 2, 3] }),
  op('RandomNormal', [ints('shape'), int('dtype', 1), float('mean', 0), float('scale', 1), float('seed')]),
  op('RandomNormalLike', [int('dtype'), float('mean', 0), float('scale', 1), float('seed')]),
  op('RandomUniform', [ints('shape'), int('dtype', 1), float('high', 1), float('low', 0), float('seed')]),
  op('RandomUniformLike', [int('dtype'), float('high', 1), float('low', 0), float('seed')]),
  op('Range'),
  op('Reciprocal'),
  op('ReduceL1', REDUCTION),
  op('ReduceL2', REDUCTION),
  op('ReduceLogSum', REDUCTION),
  op('ReduceLogSumExp', REDUCTION),
  op('ReduceMax', REDUCTION),
  op('ReduceMin', REDUCTION),
  op('ReduceProd', REDUCTION),
  op('ReduceSum', REDUCTION),
  op('ReduceSumSquare', REDUCTION),
  op('RegexFullMatch', [string('pattern')]),
  op('ReverseSequence', [int('batch_axis', 1), int('time_axis', 0)]),
  op('RoiAlign', [
    string('coordinate_transformation_mode', 'half_pixel'),
    string('mode', 'avg'),
    int('output_height', 1),
    int('output_width', 1),
    int('sampling_ratio', 0),
    float('spatial_scale', 1),
  ]),
  op('Round'),
  op('STFT', [int('onesided', 1)]),
  op('ScatterElements', [int('axis', 0), string('reduction', 'none')]),
  op('ScatterND', [string('reduction', 'none')]),
  op('Selu', [float('alpha', 1.6732632), float('gamma', 1.050701)]),
  op('Shrink', [float('bias', 0), float('lambd', 0.5)]),
  op('Sign'),
  op('Sin'),
  op('Sinh'),
  op('Size'),
  op('SoftmaxCrossEntropyLoss', [int('ignore_index'), string('reduction', 'mean')]),
  op('Softsign'),
  op('StringConcat'),
  op('StringNormalizer', [
    string('case_change_action', 'NONE'),
    int('is_case_sensitive', 0),
    string('locale'),
    strings('stopwords'),
  ]),
  op('StringSplit', [string('delimiter'), int('maxsplit')]),
  op('Sum'),
  op('Tan'),
  op('TfIdfVectorizer', [
    int('max_gram_length'),
    int('max_skip_count'),
    int('min_gram_length'),
    string('mode'),
    ints('ngram_counts'),
    ints('ngram_indexes'),
    ints('pool_int64s'),
    strings('pool_strings'),
    floats('weights'),
  ]),
  op('ThresholdedRelu', [float('alpha', 1)]),
  op('Tile'),
  op('TopK', [int('axis', -1), int('largest', 1), int('sorted', 1)]),
  op('Trilu', [int('upper', 1)]),
  op('Unique', [int('axis'), int('sorted', 1)]),
  op('Xor'),

  // New in opset 23.
  op('Attention', [
    int('is_causal', 0),
    int('kv_num_heads'),
    int('q_num_heads'),
    int('qk_matmul_output_mode', 0),
    float('scale'),
    float('softcap', 0),
    int('softmax_precision'),
  ]),
  op('RMSNormalization', [int('axis', -1), float('epsilon', 1e-5), int('stash_type', 1)], { weights: [1] }),
  op('RotaryEmbedding', [int('interleaved', 0), int('num_heads'), int('rotary_embedding_dim', 0)]),
];

const BY_NAME = new Map(OPS.map((spec) => [spec.op, spec]));

/** The entry of this operator of the default domain, or `undefined` where the table does not know it. */
export function opSpec(op: string): OpSpec | undefined {
  return BY_NAME.get(op);
}
