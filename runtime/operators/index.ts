/** The operators of every build of the runtime, by ONNX name: what networks for pictures use. */
import { ACTIVATION_OPERATORS } from './activation.ts';
import { COMPARISON_OPERATORS } from './comparison.ts';
import { CONVOLUTION_OPERATORS } from './convolution.ts';
import { ELEMENTWISE_OPERATORS } from './elementwise.ts';
import { GATHER_OPERATORS } from './gather.ts';
import { LAYOUT_OPERATORS } from './layout.ts';
import { MATRIX_OPERATORS } from './matrix.ts';
import { NORMALIZATION_OPERATORS } from './normalization.ts';
import type { Operators } from './operator.ts';
import { PADDING_OPERATORS } from './padding.ts';
import { POOLING_OPERATORS } from './pooling.ts';
import { REDUCTION_OPERATORS } from './reduction.ts';
import { RESIZE_OPERATORS } from './resize.ts';
import { SHAPE_OPERATORS } from './shape.ts';
import { SOFTMAX_OPERATORS } from './softmax.ts';

export const OPERATORS: Operators = {
  ...ELEMENTWISE_OPERATORS,
  ...ACTIVATION_OPERATORS,
  ...COMPARISON_OPERATORS,
  ...REDUCTION_OPERATORS,
  ...NORMALIZATION_OPERATORS,
  ...SOFTMAX_OPERATORS,
  ...LAYOUT_OPERATORS,
  ...PADDING_OPERATORS,
  ...GATHER_OPERATORS,
  ...SHAPE_OPERATORS,
  ...CONVOLUTION_OPERATORS,
  ...POOLING_OPERATORS,
  ...MATRIX_OPERATORS,
  ...RESIZE_OPERATORS,
};
