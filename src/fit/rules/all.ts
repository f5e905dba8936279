/**
 * The gradient rules of all operators that have one.
 */
import { ACTIVATION_RULES } from './activation.ts';
import { ARITHMETIC_RULES } from './arithmetic.ts';
import { CONVOLUTION_RULES } from './convolution.ts';
import { INDEXING_RULES } from './indexing.ts';
import { LAYOUT_RULES } from './layout.ts';
import { MATRIX_RULES } from './matrix.ts';
import { NORMALIZATION_RULES } from './normalization.ts';
import { POOLING_RULES } from './pooling.ts';
import { REDUCTION_RULES } from './reduction.ts';
import type { GradientRules } from './rule.ts';
import { SEPARABLE_RULES } from './separable.ts';

export const GRADIENT_RULES: GradientRules = {
  ...ARITHMETIC_RULES,
  ...ACTIVATION_RULES,
  ...MATRIX_RULES,
  ...CONVOLUTION_RULES,
  ...POOLING_RULES,
  ...SEPARABLE_RULES,
  ...REDUCTION_RULES,
  ...NORMALIZATION_RULES,
  ...LAYOUT_RULES,
  ...INDEXING_RULES,
};
