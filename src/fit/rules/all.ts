/**
 * The gradient rules of all operators that have one.
 */
import { ACTIVATION_RULES } from './activation.ts';
import { ARITHMETIC_RULES } from './arithmetic.ts';
import { CONVOLUTION_RULES } from './convolution.ts';
import { LAYOUT_RULES } from './layout.ts';
import { MATRIX_RULES } from './matrix.ts';
import { POOLING_RULES } from './pooling.ts';
import type { GradientRules } from './rule.ts';
import { SOFTMAX_RULES } from './softmax.ts';

export const GRADIENT_RULES: GradientRules = {
  ...ARITHMETIC_RULES,
  ...ACTIVATION_RULES,
  ...MATRIX_RULES,
  ...CONVOLUTION_RULES,
  ...POOLING_RULES,
  ...SOFTMAX_RULES,
  ...LAYOUT_RULES,
};
