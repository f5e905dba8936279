/**
 * Windows that slide over images, with TensorFlow's paddings (the notes on padding in its guide to tf.nn): ONNX has them
 * as numbers where the sizes are known.
 */
import type { Attribute, Dim } from '../../src/graph/graph.ts';
import { ints, text } from './graph-builder.ts';
import type { KerasLayer } from './keras-model.ts';
import { choiceSetting, setting, sizesSetting } from './layer-config.ts';
import { layerError, unsupportedLayer } from './layer-rule.ts';

/** `causal` is a sequence's: all padding comes before, so that no step sees a later one. */
export type Padding = 'valid' | 'same' | 'causal';

export interface SlidingWindow {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: Padding;
}

/** The window of a convolution, from its settings. */
export function convolutionWindow(layer: KerasLayer, dimensions: number): SlidingWindow {
  return {
    kernel: sizesSetting(layer, 'kernel_size', dimensions),
    strides: sizesSetting(layer, 'strides', dimensions, 1),
    dilations: sizesSetting(layer, 'dilation_rate', dimensions, 1),
    padding: choiceSetting(
      layer,
      'padding',
      dimensions === 1 ? ['valid', 'same', 'causal'] : ['valid', 'same'],
      'valid',
    ),
  };
}

/** The window of a pooling layer; it moves by its own size unless `strides` says otherwise. */
export function poolingWindow(layer: KerasLayer, dimensions: number): SlidingWindow {
  const kernel = sizesSetting(layer, 'pool_size', dimensions, 2);
  return {
    kernel,
    strides: setting(layer, 'strides') === undefined ? kernel : sizesSetting(layer, 'strides', dimensions),
    dilations: new Array(dimensions).fill(1),
    padding: choiceSetting(layer, 'padding', ['valid', 'same'], 'valid'),
  };
}

/** ONNX's attributes of the window other than its size, without those that say nothing, and the sizes of the results. */
export function slide(
  layer: KerasLayer,
  window: SlidingWindow,
  sizes: readonly Dim[],
): { attributes: Record<string, Attribute>; sizes: Dim[] } {
  const { kernel, strides, dilations, padding } = window;
  const reach = kernel.map((size, axis) => (size - 1) * dilations[axis]! + 1);
  const results = sizes.map((size, axis) => slidSize(layer, size, reach[axis]!, strides[axis]!, padding));
  const attributes: Record<string, Attribute> = {};
  if (strides.some((stride) => stride !== 1)) attributes.strides = ints(strides);
  if (dilations.some((dilation) => dilation !== 1)) attributes.dilations = ints(dilations);
  if (padding === 'valid') return { attributes, sizes: results };
  const pads = sizes.map((size, axis) => paddingOf(padding, size, reach[axis]!, strides[axis]!));
  if (pads.every((pad) => pad !== undefined)) {
    const flat = [...pads.map(([before]) => before), ...pads.map(([, after]) => after)];
    if (flat.some((pad) => pad !== 0)) attributes.pads = ints(flat);
  } else {
    if (attributes.dilations) throw unsupportedLayer(layer, 'strides and dilations at once, over an image of any size');
    attributes.auto_pad = text('SAME_UPPER');
  }
  return { attributes, sizes: results };
}

/** What is put before and after an axis; `undefined` where that depends on a size that is not known. */
function paddingOf(padding: Padding, size: Dim, reach: number, stride: number): [number, number] | undefined {
  if (padding === 'causal') return [reach - 1, 0];
  if (typeof size !== 'number' && stride !== 1) return undefined;
  const total =
    typeof size === 'number' ? Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0) : reach - 1;
  const before = Math.floor(total / 2);
  return [before, total - before];
}

function slidSize(layer: KerasLayer, size: Dim, reach: number, stride: number, padding: Padding): Dim {
  if (typeof size !== 'number') return stride === 1 && padding !== 'valid' ? size : null;
  const result = Math.ceil((padding === 'valid' ? size - reach + 1 : size) / stride);
  if (result > 0) return result;
  throw layerError(layer, `has a window of ${reach}, and its input is only ${size} there`);
}
