/**
 * Layers that hold Python code, or TensorFlow's own: a file has it as bytecode or by name, and nothing to compute it with.
 */
import type { LayerRows } from '../layer-rule.ts';

export const PYTHON_CODE_LAYERS: LayerRows = {
  Lambda: { refused: 'it holds Python code, which nothing but Python can run; put a layer of Keras in its place' },
  DenseFeatures: { refused: 'it computes feature columns, which belongs before the model' },
  SequenceFeatures: { refused: 'it computes feature columns, which belongs before the model' },
  FeatureSpace: { refused: 'it computes features of tables, which belongs before the model' },
  TFSMLayer: { refused: 'it calls a TensorFlow SavedModel' },
  TorchModuleWrapper: { refused: 'it holds a PyTorch module' },
  JaxLayer: { refused: 'it holds a JAX function' },
  FlaxLayer: { refused: 'it holds a Flax module' },
};
