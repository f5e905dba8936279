/**
 * TensorFlow's functions in models of Keras 2.4 to 2.15 (`TFOpLambda`), as the operations that they are.
 */
import { type AppliedLayer, type LayerRow, type LayerRows, type Rule, unsupportedLayer } from '../layer-rule.ts';
import { ACTIVATION_LAYERS } from './activation.ts';
import { MERGE_LAYERS } from './merge.ts';
import { OPERATIONS } from './operations.ts';
import { RESHAPE_LAYERS } from './reshape.ts';
import { SHAPE_OPERATIONS } from './shape-operations.ts';

/** The operation of each function, by the name that files have. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  '__operators__.add': 'Add',
  'math.add': 'Add',
  'math.subtract': 'Subtract',
  'math.multiply': 'Multiply',
  'math.divide': 'Divide',
  'math.truediv': 'Divide',
  'math.pow': 'Power',
  'math.maximum': 'Maximum',
  'math.minimum': 'Minimum',
  'math.abs': 'Abs',
  'math.negative': 'Negative',
  'math.exp': 'Exp',
  'math.log': 'Log',
  'math.sqrt': 'Sqrt',
  'math.rsqrt': 'Rsqrt',
  'math.square': 'Square',
  'math.reciprocal': 'Reciprocal',
  'math.sign': 'Sign',
  'math.floor': 'Floor',
  'math.ceil': 'Ceil',
  'math.sin': 'Sin',
  'math.cos': 'Cos',
  'math.erf': 'Erf',
  'math.tanh': 'Tanh',
  'nn.tanh': 'Tanh',
  'math.sigmoid': 'Sigmoid',
  'nn.sigmoid': 'Sigmoid',
  'math.softplus': 'Softplus',
  'nn.softplus': 'Softplus',
  'nn.softsign': 'Softsign',
  'nn.relu': 'Relu',
  'nn.relu6': 'Relu6',
  'nn.leaky_relu': 'LeakyRelu',
  'nn.elu': 'Elu',
  'nn.selu': 'Selu',
  'nn.silu': 'Silu',
  'nn.swish': 'Silu',
  'nn.gelu': 'Gelu',
  'nn.softmax': 'Softmax',
  'nn.log_softmax': 'LogSoftmax',
  'math.reduce_mean': 'Mean',
  'math.reduce_sum': 'Sum',
  'math.reduce_max': 'Max',
  'math.reduce_min': 'Min',
  clip_by_value: 'Clip',
  cast: 'Cast',
  identity: 'Identity',
  stop_gradient: 'StopGradient',
  reshape: 'Reshape',
  transpose: 'Transpose',
  'compat.v1.transpose': 'Transpose',
  expand_dims: 'ExpandDims',
  squeeze: 'Squeeze',
  'compat.v1.squeeze': 'Squeeze',
  concat: 'Concatenate',
};

function ruleOf(operation: string): Rule | undefined {
  const rows: Readonly<Record<string, LayerRow | undefined>> = {
    ...ACTIVATION_LAYERS,
    ...MERGE_LAYERS,
    ...RESHAPE_LAYERS,
    ...OPERATIONS,
    ...SHAPE_OPERATIONS,
  };
  const row = rows[operation];
  return row && 'rule' in row ? row.rule : undefined;
}

/** The call as it is with the parameters of the function as settings, where layers have theirs. */
function asOperation(applied: AppliedLayer): AppliedLayer {
  const settings = Object.entries(applied.kwargs).flatMap(([name, argument]) =>
    argument.kind === 'constant' && name !== 'name' ? [[name, argument.value] as const] : [],
  );
  return {
    ...applied,
    layer: { ...applied.layer, config: { ...applied.layer.config, ...Object.fromEntries(settings) } },
  };
}

const tensorflowFunction: Rule = (applied) => {
  const { function: name } = applied.layer.config;
  const operation = typeof name === 'string' && Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  const rule = operation === undefined ? undefined : ruleOf(operation);
  if (rule) return rule(asOperation(applied));
  throw unsupportedLayer(applied.layer, `TensorFlow's function ${JSON.stringify(name)} cannot be read`);
};

const OF_TENSORFLOW = 'it holds a node of a TensorFlow graph; put a layer of Keras in its place';

export const TENSORFLOW_LAYERS: LayerRows = {
  TFOpLambda: {
    rule: tensorflowFunction,
    note: 'the functions of TensorFlow that are operations of this page; others are refused by name',
  },
  TensorFlowOpLayer: { refused: OF_TENSORFLOW },
  InstanceMethod: { refused: OF_TENSORFLOW },
  InstanceProperty: { refused: OF_TENSORFLOW },
  ClassMethod: { refused: OF_TENSORFLOW },
};
