/**
 * Keras 1 in the words of Keras 2: the layers and arguments that version 2.0 renamed, as its "legacy interfaces" list
 * them. The arrays, some of which changed their order, are the business of `early-weights.ts`.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { isObject, type JsonObject } from './json.ts';

/** Whether this version, as files give it, is older than 2.0; the first files do not give any. */
export function isKeras1(kerasVersion: string): boolean {
  return /^[01]\./.test(kerasVersion);
}

const CLASSES: Readonly<Record<string, string>> = {
  Convolution1D: 'Conv1D',
  Convolution2D: 'Conv2D',
  Convolution3D: 'Conv3D',
  AtrousConvolution1D: 'Conv1D',
  AtrousConvolution2D: 'Conv2D',
  Deconvolution2D: 'Conv2DTranspose',
  SeparableConvolution2D: 'SeparableConv2D',
};

/** What a `Merge` layer became, by its mode. */
const MERGES: Readonly<Record<string, string>> = {
  sum: 'Add',
  mul: 'Multiply',
  ave: 'Average',
  max: 'Maximum',
  concat: 'Concatenate',
  dot: 'Dot',
  cos: 'Dot',
};

/** Arguments that only got another name. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  atrous_rate: 'dilation_rate',
  bias: 'use_bias',
  border_mode: 'padding',
  filter_length: 'kernel_size',
  inner_activation: 'recurrent_activation',
  input_dtype: 'dtype',
  length: 'size',
  nb_filter: 'filters',
  pool_length: 'pool_size',
  stride: 'strides',
  subsample: 'strides',
  subsample_length: 'strides',
};

/** Layers whose size was their `output_dim`; an Embedding's still is. */
const SIZED_BY_UNITS = new Set(['Dense', 'SimpleRNN', 'LSTM', 'GRU']);

/**
 * A layer of Keras 1 as Keras 2 would describe it. Throws `UnsupportedError` for modes that no later version has.
 */
export function fromKeras1(className: string, config: JsonObject): { className: string; config: JsonObject } {
  if (className === 'Merge') return fromMerge(config);
  const renamed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(config)) renamed[ARGUMENTS[name] ?? name] = value;
  if (SIZED_BY_UNITS.has(className) && 'output_dim' in config) renamed.units = config.output_dim;
  if ('nb_row' in config) renamed.kernel_size = [config.nb_row, config.nb_col];
  if ('kernel_dim1' in config) renamed.kernel_size = [config.kernel_dim1, config.kernel_dim2, config.kernel_dim3];
  if ('dim_ordering' in config) renamed.data_format = config.dim_ordering === 'th' ? 'channels_first' : 'channels_last';
  if (className === 'BatchNormalization' && config.mode) {
    throw new UnsupportedError(`Keras layer "${config.name}" (BatchNormalization) has mode ${config.mode}, expected 0`);
  }
  const { layer } = config;
  // What a wrapper holds.
  if (isObject(layer) && typeof layer.class_name === 'string' && isObject(layer.config)) {
    const { className: class_name, config: settings } = fromKeras1(layer.class_name, layer.config);
    renamed.layer = { ...layer, class_name, config: settings };
  }
  return { className: CLASSES[className] ?? className, config: renamed };
}

function fromMerge(config: JsonObject): { className: string; config: JsonObject } {
  if (Array.isArray(config.layers)) {
    throw new UnsupportedError(`Keras layer "${config.name}" (Merge) begins a Sequential model with several models`);
  }
  const className = MERGES[`${config.mode}`];
  if (className === undefined) {
    throw new UnsupportedError(
      `Keras layer "${config.name}" (Merge) has the mode ${config.mode}, which cannot be read`,
    );
  }
  const { concat_axis: axis, dot_axes: axes } = config;
  const normalize = config.mode === 'cos';
  const own = className === 'Concatenate' ? { axis } : className === 'Dot' ? { axes, normalize } : {};
  return { className, config: { name: config.name, ...own } };
}
