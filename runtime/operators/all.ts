/** Every operator that this runtime has, by ONNX name: also those for sequences, sampling, detection, quantised models and training. */
import { ATTENTION_OPERATORS } from './attention.ts';
import { DETECTION_OPERATORS } from './detection.ts';
import { EINSUM_OPERATORS } from './einsum.ts';
import { OPERATORS } from './index.ts';
import { LOSS_OPERATORS } from './loss.ts';
import type { Operators } from './operator.ts';
import { QUANTIZATION_OPERATORS } from './quantization.ts';
import { RECURRENT_OPERATORS } from './recurrent.ts';
import { SPATIAL_OPERATORS } from './spatial.ts';

export const ALL_OPERATORS: Operators = {
  ...OPERATORS,
  ...EINSUM_OPERATORS,
  ...RECURRENT_OPERATORS,
  ...SPATIAL_OPERATORS,
  ...DETECTION_OPERATORS,
  ...QUANTIZATION_OPERATORS,
  ...ATTENTION_OPERATORS,
  ...LOSS_OPERATORS,
};
