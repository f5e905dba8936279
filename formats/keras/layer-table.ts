/**
 * Every Keras layer that this reader knows, by class name: the rule that reads it, or why it is refused. The table in
 * LAYERS.md is made of it.
 */
import type { LayerRow, LayerRows } from './layer-rule.ts';
import { ACTIVATION_LAYERS } from './layers/activation.ts';
import { ATTENTION_LAYERS } from './layers/attention.ts';
import { CONVOLUTION_LAYERS } from './layers/convolution.ts';
import { DENSE_LAYERS } from './layers/dense.ts';
import { EINSUM_LAYERS } from './layers/einsum-dense.ts';
import { EMBEDDING_LAYERS } from './layers/embedding.ts';
import { AUGMENTATION_LAYERS, REGULARIZATION_LAYERS } from './layers/inert.ts';
import { MERGE_LAYERS } from './layers/merge.ts';
import { NORMALIZATION_LAYERS } from './layers/normalization.ts';
import { OPERATIONS } from './layers/operations.ts';
import { PADDING_LAYERS } from './layers/padding.ts';
import { POOLING_LAYERS } from './layers/pooling.ts';
import { PREPROCESSING_LAYERS } from './layers/preprocessing.ts';
import { PYTHON_CODE_LAYERS } from './layers/python-code.ts';
import { RECURRENT_LAYERS } from './layers/recurrent.ts';
import { RESHAPE_LAYERS } from './layers/reshape.ts';
import { RESIZE_LAYERS } from './layers/resize.ts';
import { SHAPE_OPERATIONS } from './layers/shape-operations.ts';
import { TENSORFLOW_LAYERS } from './layers/tensorflow-functions.ts';
import { TRANSPOSED_CONVOLUTION_LAYERS } from './layers/transposed-convolution.ts';
import { WRAPPER_LAYERS } from './layers/wrappers.ts';

/** The layers by family, under the headings of the docs. */
export const LAYER_FAMILIES: Readonly<Record<string, LayerRows>> = {
  'Core layers': { ...DENSE_LAYERS, ...EINSUM_LAYERS },
  Activations: ACTIVATION_LAYERS,
  Convolutions: { ...CONVOLUTION_LAYERS, ...TRANSPOSED_CONVOLUTION_LAYERS },
  Pooling: POOLING_LAYERS,
  Normalisation: NORMALIZATION_LAYERS,
  Regularisation: REGULARIZATION_LAYERS,
  Shapes: { ...RESHAPE_LAYERS, ...PADDING_LAYERS },
  'Sizes of images': RESIZE_LAYERS,
  Merging: MERGE_LAYERS,
  Preprocessing: PREPROCESSING_LAYERS,
  Augmentation: AUGMENTATION_LAYERS,
  'Operations of Keras 3': { ...OPERATIONS, ...SHAPE_OPERATIONS },
  'TensorFlow in Keras 2': TENSORFLOW_LAYERS,
  'Python code': PYTHON_CODE_LAYERS,
  'Embedding and masking': EMBEDDING_LAYERS,
  'Recurrent layers': RECURRENT_LAYERS,
  Wrappers: WRAPPER_LAYERS,
  Attention: ATTENTION_LAYERS,
};

const ROWS: ReadonlyMap<string, LayerRow> = new Map(
  Object.values(LAYER_FAMILIES).flatMap((rows) => Object.entries(rows)),
);

/** The row of a class name without its package; `undefined` for a class that is not one of Keras' own. */
export function layerRow(className: string): LayerRow | undefined {
  return ROWS.get(className);
}
