/**
 * What the converter knows of each ONNX operator: the vocabulary of the file format with ONNX's defaults, and which inputs
 * are weights.
 */
import { type AttributeName, type Operator, TARGET_OPSET, VOCABULARY } from './vocabulary.ts';

export { TARGET_OPSET };

/** The newest opset whose operators this table describes. */
export const NEWEST_OPSET = 23;

/** Value of an attribute that a node does not set, where ONNX defines one. */
export type AttributeDefault = number | string | readonly number[];

export interface AttributeSpec extends AttributeName {
  /**
   * ONNX's default; `undefined` where an absent attribute means something of its own. ONNX floats are single precision:
   * compare after `Math.fround`.
   */
  readonly default?: AttributeDefault;
}

export interface OpSpec extends Operator {
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

type Defaults = Readonly<Record<string, AttributeDefault>>;

// Defaults that a family of operators shares.
const WINDOW = { auto_pad: 'NOTSET' };
const REDUCTION = { keepdims: 1, noop_with_empty_axes: 0 };
const RECURRENT = { direction: 'forward', layout: 0 };
const NORMALIZATION = { axis: -1, epsilon: 1e-5, stash_type: 1 };
const COSINE_WINDOW = { output_datatype: 1, periodic: 1 };

/** ONNX's defaults, by operator and attribute. */
const DEFAULTS: Readonly<Record<string, Defaults>> = {
  Conv: { ...WINDOW, group: 1 },
  MaxPool: { ...WINDOW, ceil_mode: 0, storage_order: 0 },
  BatchNormalization: { epsilon: 1e-5, momentum: 0.9, training_mode: 0 },
  Gemm: { transB: 0, alpha: 1, beta: 1, transA: 0 },
  Reshape: { allowzero: 0 },
  InstanceNormalization: { epsilon: 1e-5 },
  ConvTranspose: { ...WINDOW, group: 1 },
  Pad: { mode: 'constant' },
  Softmax: { axis: -1 },
  AveragePool: { ...WINDOW, count_include_pad: 0, ceil_mode: 0 },
  Resize: {
    mode: 'nearest',
    coordinate_transformation_mode: 'half_pixel',
    nearest_mode: 'round_prefer_floor',
    cubic_coeff_a: -0.75,
    exclude_outside: 0,
    extrapolation_value: 0,
    antialias: 0,
    keep_aspect_ratio_policy: 'stretch',
  },
  LeakyRelu: { alpha: 0.01 },
  Flatten: { axis: 1 },
  DepthToSpace: { mode: 'DCR' },
  HardSigmoid: { alpha: 0.2, beta: 0.5 },
  LayerNormalization: NORMALIZATION,
  ReduceMean: REDUCTION,
  Gather: { axis: 0 },
  Split: { axis: 0 },
  Gelu: { approximate: 'none' },
  Cast: { saturate: 1 },
  Shape: { start: 0 },
  Elu: { alpha: 1 },
  AffineGrid: { align_corners: 0 },
  ArgMax: { axis: 0, keepdims: 1, select_last_index: 0 },
  ArgMin: { axis: 0, keepdims: 1, select_last_index: 0 },
  BlackmanWindow: COSINE_WINDOW,
  CastLike: { saturate: 1 },
  Celu: { alpha: 1 },
  ConvInteger: { ...WINDOW, group: 1 },
  CumSum: { exclusive: 0, reverse: 0 },
  DFT: { inverse: 0, onesided: 0 },
  DeformConv: { group: 1, offset_group: 1 },
  DequantizeLinear: { axis: 1, block_size: 0, output_dtype: 0 },
  EyeLike: { k: 0 },
  GRU: { ...RECURRENT, linear_before_reset: 0 },
  GatherElements: { axis: 0 },
  GatherND: { batch_dims: 0 },
  GlobalLpPool: { p: 2 },
  GridSample: { align_corners: 0, mode: 'linear', padding_mode: 'zeros' },
  GroupNormalization: { epsilon: 1e-5, stash_type: 1 },
  HammingWindow: COSINE_WINDOW,
  HannWindow: COSINE_WINDOW,
  Hardmax: { axis: -1 },
  ImageDecoder: { pixel_format: 'RGB' },
  IsInf: { detect_negative: 1, detect_positive: 1 },
  LRN: { alpha: 0.0001, beta: 0.75, bias: 1 },
  LSTM: { ...RECURRENT, input_forget: 0 },
  LogSoftmax: { axis: -1 },
  LpNormalization: { axis: -1, p: 2 },
  LpPool: { ...WINDOW, p: 2, ceil_mode: 0 },
  MaxRoiPool: { spatial_scale: 1 },
  MeanVarianceNormalization: { axes: [0, 2, 3] },
  MelWeightMatrix: { output_datatype: 1 },
  Mod: { fmod: 0 },
  Multinomial: { dtype: 6, sample_size: 1 },
  NegativeLogLikelihoodLoss: { reduction: 'mean' },
  NonMaxSuppression: { center_point_box: 0 },
  OneHot: { axis: -1 },
  QLinearConv: { ...WINDOW, group: 1 },
  QuantizeLinear: { axis: 1, block_size: 0, output_dtype: 0, precision: 0, saturate: 1 },
  RNN: RECURRENT,
  RandomNormal: { dtype: 1, mean: 0, scale: 1 },
  RandomNormalLike: { mean: 0, scale: 1 },
  RandomUniform: { dtype: 1, high: 1, low: 0 },
  RandomUniformLike: { high: 1, low: 0 },
  ReduceL1: REDUCTION,
  ReduceL2: REDUCTION,
  ReduceLogSum: REDUCTION,
  ReduceLogSumExp: REDUCTION,
  ReduceMax: REDUCTION,
  ReduceMin: REDUCTION,
  ReduceProd: REDUCTION,
  ReduceSum: REDUCTION,
  ReduceSumSquare: REDUCTION,
  ReverseSequence: { batch_axis: 1, time_axis: 0 },
  RoiAlign: {
    coordinate_transformation_mode: 'half_pixel',
    mode: 'avg',
    output_height: 1,
    output_width: 1,
    sampling_ratio: 0,
    spatial_scale: 1,
  },
  STFT: { onesided: 1 },
  ScatterElements: { axis: 0, reduction: 'none' },
  ScatterND: { reduction: 'none' },
  Selu: { alpha: 1.6732632, gamma: 1.050701 },
  Shrink: { bias: 0, lambd: 0.5 },
  SoftmaxCrossEntropyLoss: { reduction: 'mean' },
  StringNormalizer: { case_change_action: 'NONE', is_case_sensitive: 0 },
  ThresholdedRelu: { alpha: 1 },
  TopK: { axis: -1, largest: 1, sorted: 1 },
  Trilu: { upper: 1 },
  Unique: { sorted: 1 },
  Attention: { is_causal: 0, qk_matmul_output_mode: 0, softcap: 0 },
  RMSNormalization: NORMALIZATION,
  RotaryEmbedding: { interleaved: 0, rotary_embedding_dim: 0 },
};

/** `OpSpec.weights`, by operator. */
const WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  BatchNormalization: [1, 2, 3],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
  InstanceNormalization: [1, 2],
  ConvTranspose: [1, 2],
  LayerNormalization: [1, 2],
  Gather: [0],
  PRelu: [1],
  DeformConv: [1, 3],
  GRU: [1, 2, 3],
  GroupNormalization: [1, 2],
  LSTM: [1, 2, 3, 7],
  RNN: [1, 2, 3],
  RMSNormalization: [1],
};

/** `OpSpec.ambiguousWeights`, by operator. */
const AMBIGUOUS_WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  Add: [0, 1],
  Mul: [0, 1],
  Sub: [0, 1],
  Div: [0],
  Einsum: [0, 1],
};

/** Every known operator; the position is the operator's number in a `.fqz` file. */
export const OPS: readonly OpSpec[] = VOCABULARY.map(({ op, attributes }) => ({
  op,
  attributes: attributes.map(({ name, type }) => {
    const standard = DEFAULTS[op]?.[name];
    return standard === undefined ? { name, type } : { name, type, default: standard };
  }),
  weights: WEIGHTS[op] ?? [],
  ambiguousWeights: AMBIGUOUS_WEIGHTS[op] ?? [],
}));

const BY_NAME = new Map(OPS.map((spec) => [spec.op, spec]));

/** The entry of this operator of the default domain, or `undefined` where the table does not know it. */
export function opSpec(op: string): OpSpec | undefined {
  return BY_NAME.get(op);
}
