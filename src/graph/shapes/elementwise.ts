/**
 * Shapes of operators that work element by element, with or without numpy-style broadcasting, and of those that leave
 * the shape of their first input as it is (activations, normalisations along an axis).
 */
import { type DType, dtypeFromCode } from '../dtype.ts';
import { broadcast } from './dims.ts';
import { dtypeOf, int, isGiven, type Rule, type Rules, sameAsFirst, shapeOf, typed } from './rule.ts';

/** Broadcast of all inputs with the element type of input `from`, or `dtype`. */
const broadcasting =
  (from: number, dtype?: DType): Rule =>
  (at) => [typed(dtype ?? dtypeOf(at, from), broadcast(at.inputs.map((input) => input?.shape)))];

/** The shape of the first input with another element type. */
const firstAs =
  (dtype: DType): Rule =>
  (at) => [typed(dtype, shapeOf(at, 0))];

const castTo =
  (attribute: string): Rule =>
  (at) => [typed(dtypeFromCode(int(at, attribute, 0)), shapeOf(at, 0))];

/** Random values in the shape of the first input, of its type unless the node says otherwise. */
const likeFirst: Rule = (at) => [typed(dtypeFromCode(int(at, 'dtype', 0)) ?? dtypeOf(at, 0), shapeOf(at, 0))];

const dropout: Rule = (at) => [at.inputs[0], typed('bool', shapeOf(at, 0))];

const batchNormalization: Rule = (at) => [
  at.inputs[0],
  ...(int(at, 'training_mode', 0) === 1 ? [at.inputs[3], at.inputs[4]] : []),
];

const quantizeLinear: Rule = (at) => {
  const named = dtypeFromCode(int(at, 'output_dtype', 0));
  return [typed(isGiven(at, 2) ? dtypeOf(at, 2) : (named ?? 'uint8'), shapeOf(at, 0))];
};

const dequantizeLinear: Rule = (at) => [
  typed(dtypeFromCode(int(at, 'output_dtype', 0)) ?? dtypeOf(at, 1), shapeOf(at, 0)),
];

const UNCHANGED = [
  'Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Clip Cos Cosh CumSum Elu Erf Exp Floor Gelu',
  'HardSigmoid HardSwish Hardmax Identity InstanceNormalization GroupNormalization LRN LeakyRelu Log LogSoftmax',
  'LpNormalization MeanVarianceNormalization Mish Neg Not PRelu RMSNormalization Reciprocal Relu ReverseSequence',
  'RotaryEmbedding Round ScatterElements ScatterND Selu Shrink Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt',
  'Tan Tanh ThresholdedRelu Trilu',
];
const ARITHMETIC = 'Add BitShift BitwiseAnd BitwiseOr BitwiseXor Div Max Mean Min Mod Mul Pow StringConcat Sub Sum';
const COMPARISONS = 'And Equal Greater GreaterOrEqual Less LessOrEqual Or Xor';

const each = (operators: string, rule: Rule): Rules =>
  Object.fromEntries(operators.split(' ').map((operator) => [operator, rule]));

export const ELEMENTWISE_RULES: Rules = {
  ...each(UNCHANGED.join(' '), sameAsFirst),
  ...each(ARITHMETIC, broadcasting(0)),
  ...each(COMPARISONS, broadcasting(0, 'bool')),
  ...each('IsInf IsNaN RegexFullMatch', firstAs('bool')),
  Where: broadcasting(1),
  Cast: castTo('to'),
  CastLike: (at) => [typed(dtypeOf(at, 1), shapeOf(at, 0))],
  Bernoulli: likeFirst,
  EyeLike: likeFirst,
  RandomNormalLike: likeFirst,
  RandomUniformLike: likeFirst,
  Dropout: dropout,
  BatchNormalization: batchNormalization,
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: (at) => [typed('uint8', shapeOf(at, 0)), typed('float32', []), typed('uint8', [])],
};
