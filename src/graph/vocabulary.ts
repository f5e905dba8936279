/**
 * The vocabulary of the compact graph coding (formats/fqz/SPEC.md, "Operators"): every operator of ONNX's default domain up
 * to opset 23 that needs no subgraph and no sequence, optional or map (onnx/onnx docs/Changelog.md), as it stands from opset
 * 21 on, except two kinds: `Constant`, because constants are initialisers here, and what newer opsets have replaced
 * (`Upsample`, `Scatter`). It is text because every reader carries it; op-table.ts knows more of each operator.
 */
import type { AttributeType } from './graph.ts';

/**
 * The opset that old models are brought to. It is the last one before 22, which only adds bfloat16 to about a hundred
 * operators and for which fewer runtimes have kernels; models of opset 22 and 23 keep theirs, and the vocabulary holds for
 * them too.
 */
export const TARGET_OPSET = 21;

/** An attribute of an operator. */
export interface AttributeName {
  readonly name: string;
  readonly type: Extract<AttributeType, 'float' | 'int' | 'string' | 'floats' | 'ints' | 'strings' | 'tensor'>;
}

/** An operator, and its attributes in the order of the file format. */
export interface Operator {
  readonly op: string;
  readonly attributes: readonly AttributeName[];
}

/**
 * An operator a line, then its attributes; `:type` is left out for int. Lines and what stands in them are only ever
 * appended: the fifty operators that convolutional networks use most (so that their numbers are small), the rest of opset 21
 * by name, and what is new in opset 23.
 */
const TEXT = `Conv kernel_shape:ints pads:ints strides:ints dilations:ints auto_pad:string group
Relu
Add
Mul
MaxPool kernel_shape:ints pads:ints strides:ints dilations:ints auto_pad:string ceil_mode storage_order
BatchNormalization epsilon:float momentum:float training_mode
Concat axis
Gemm transB alpha:float beta:float transA
MatMul
Reshape allowzero
Transpose perm:ints
InstanceNormalization epsilon:float
ConvTranspose kernel_shape:ints pads:ints strides:ints dilations:ints auto_pad:string output_padding:ints group output_shape:ints
Pad mode:string
Sigmoid
Clip
Softmax axis
GlobalAveragePool
AveragePool kernel_shape:ints pads:ints strides:ints dilations:ints auto_pad:string count_include_pad ceil_mode
Resize mode:string coordinate_transformation_mode:string nearest_mode:string cubic_coeff_a:float exclude_outside extrapolation_value:float antialias axes:ints keep_aspect_ratio_policy:string
Slice
LeakyRelu alpha:float
Flatten axis
DepthToSpace blocksize mode:string
Sub
Div
HardSwish
HardSigmoid alpha:float beta:float
Tanh
LayerNormalization axis epsilon:float stash_type
ReduceMean keepdims noop_with_empty_axes
Gather axis
Unsqueeze
Squeeze
Split axis num_outputs
Erf
Gelu approximate:string
PRelu
Cast to saturate
Sqrt
Pow
Exp
Shape end start
Expand
Where
Elu alpha:float
Softplus
SpaceToDepth blocksize
GlobalMaxPool
Identity
Abs
Acos
Acosh
AffineGrid align_corners
And
ArgMax axis keepdims select_last_index
ArgMin axis keepdims select_last_index
Asin
Asinh
Atan
Atanh
Bernoulli dtype seed:float
BitShift direction:string
BitwiseAnd
BitwiseNot
BitwiseOr
BitwiseXor
BlackmanWindow output_datatype periodic
CastLike saturate
Ceil
Celu alpha:float
CenterCropPad axes:ints
Col2Im pads:ints strides:ints dilations:ints
Compress axis
ConstantOfShape value:tensor
ConvInteger kernel_shape:ints pads:ints strides:ints dilations:ints auto_pad:string group
Cos
Cosh
CumSum exclusive reverse
DFT inverse onesided
DeformConv kernel_shape:ints pads:ints strides:ints group dilations:ints offset_group
DequantizeLinear axis block_size output_dtype
Det
Dropout seed
DynamicQuantizeLinear
Einsum equation:string
Equal
EyeLike dtype k
Floor
GRU hidden_size direction:string activations:strings activation_alpha:floats activation_beta:floats clip:float layout linear_before_reset
GatherElements axis
GatherND batch_dims
GlobalLpPool p
Greater
GreaterOrEqual
GridSample align_corners mode:string padding_mode:string
GroupNormalization num_groups epsilon:float stash_type
HammingWindow output_datatype periodic
HannWindow output_datatype periodic
Hardmax axis
ImageDecoder pixel_format:string
IsInf detect_negative detect_positive
IsNaN
LRN size alpha:float beta:float bias:float
LSTM hidden_size direction:string activations:strings activation_alpha:floats activation_beta:floats clip:float layout input_forget
Less
LessOrEqual
Log
LogSoftmax axis
LpNormalization axis p
LpPool kernel_shape:ints pads:ints strides:ints dilations:ints auto_pad:string p ceil_mode
MatMulInteger
Max
MaxRoiPool pooled_shape:ints spatial_scale:float
MaxUnpool kernel_shape:ints strides:ints pads:ints
Mean
MeanVarianceNormalization axes:ints
MelWeightMatrix output_datatype
Min
Mish
Mod fmod
Multinomial dtype sample_size seed:float
Neg
NegativeLogLikelihoodLoss ignore_index reduction:string
NonMaxSuppression center_point_box
NonZero
Not
OneHot axis
Or
QLinearConv kernel_shape:ints pads:ints strides:ints dilations:ints auto_pad:string group
QLinearMatMul
QuantizeLinear axis block_size output_dtype precision saturate
RNN hidden_size direction:string activations:strings activation_alpha:floats activation_beta:floats clip:float layout
RandomNormal shape:ints dtype mean:float scale:float seed:float
RandomNormalLike dtype mean:float scale:float seed:float
RandomUniform shape:ints dtype high:float low:float seed:float
RandomUniformLike dtype high:float low:float seed:float
Range
Reciprocal
ReduceL1 keepdims noop_with_empty_axes
ReduceL2 keepdims noop_with_empty_axes
ReduceLogSum keepdims noop_with_empty_axes
ReduceLogSumExp keepdims noop_with_empty_axes
ReduceMax keepdims noop_with_empty_axes
ReduceMin keepdims noop_with_empty_axes
ReduceProd keepdims noop_with_empty_axes
ReduceSum keepdims noop_with_empty_axes
ReduceSumSquare keepdims noop_with_empty_axes
RegexFullMatch pattern:string
ReverseSequence batch_axis time_axis
RoiAlign coordinate_transformation_mode:string mode:string output_height output_width sampling_ratio spatial_scale:float
Round
STFT onesided
ScatterElements axis reduction:string
ScatterND reduction:string
Selu alpha:float gamma:float
Shrink bias:float lambd:float
Sign
Sin
Sinh
Size
SoftmaxCrossEntropyLoss ignore_index reduction:string
Softsign
StringConcat
StringNormalizer case_change_action:string is_case_sensitive locale:string stopwords:strings
StringSplit delimiter:string maxsplit
Sum
Tan
TfIdfVectorizer max_gram_length max_skip_count min_gram_length mode:string ngram_counts:ints ngram_indexes:ints pool_int64s:ints pool_strings:strings weights:floats
ThresholdedRelu alpha:float
Tile
TopK axis largest sorted
Trilu upper
Unique axis sorted
Xor
Attention is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale:float softcap:float softmax_precision
RMSNormalization axis epsilon:float stash_type
RotaryEmbedding interleaved num_heads rotary_embedding_dim`;

/** Every known operator; the position is the operator's number in a `.fqz` file. */
export const VOCABULARY: readonly Operator[] = TEXT.split('\n').map((line) => {
  const [op, ...attributes] = line.split(' ');
  return {
    op: op!,
    attributes: attributes.map((attribute) => {
      const [name, type = 'int'] = attribute.split(':');
      return { name: name!, type: type as AttributeName['type'] };
    }),
  };
});
