/** Every operator that this runtime has, by ONNX name: also those for sequences, sampling, detection, quantised models and training. */
import { ATTENTION_OPERATORS } from './attention.ts';
import { CENTER_CROP_PAD_OPERATORS } from './center-crop-pad.ts';
import { CROP_AND_RESIZE_OPERATORS } from './crop-and-resize.ts';
import { DETECTION_OPERATORS } from './detection.ts';
import { EINSUM_OPERATORS } from './einsum.ts';
import { EXTREME_OPERATORS } from './extremes.ts';
import { FURTHER_ELEMENTWISE_OPERATORS } from './further-elementwise.ts';
import { FURTHER_NORMALIZATION_OPERATORS } from './further-normalization.ts';
import { FURTHER_POOLING_OPERATORS } from './further-pooling.ts';
import { OPERATORS } from './index.ts';
import { INDEXING_OPERATORS } from './indexing.ts';
import { LOSS_OPERATORS } from './loss.ts';
import type { Operators } from './operator.ts';
import { QUANTIZATION_OPERATORS } from './quantization.ts';
import { RECURRENT_OPERATORS } from './recurrent.ts';
import { SIGNAL_WINDOW_OPERATORS } from './signal-windows.ts';
import { SPATIAL_OPERATORS } from './spatial.ts';
import { VOLUME_CONVOLUTION_OPERATORS } from './volume-convolution.ts';

export const ALL_OPERATORS: Operators = {
  ...OPERATORS,
  ...EINSUM_OPERATORS,
  ...RECURRENT_OPERATORS,
  ...SPATIAL_OPERATORS,
  ...DETECTION_OPERATORS,
  ...QUANTIZATION_OPERATORS,
  ...ATTENTION_OPERATORS,
  ...LOSS_OPERATORS,
  ...INDEXING_OPERATORS,
  ...SIGNAL_WINDOW_OPERATORS,
  ...EXTREME_OPERATORS,
  ...FURTHER_NORMALIZATION_OPERATORS,
  ...FURTHER_POOLING_OPERATORS,
  ...CENTER_CROP_PAD_OPERATORS,
  ...FURTHER_ELEMENTWISE_OPERATORS,
  ...CROP_AND_RESIZE_OPERATORS,
  ...VOLUME_CONVOLUTION_OPERATORS,
};
