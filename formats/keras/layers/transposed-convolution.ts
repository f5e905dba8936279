/**
 * Transposed convolutions: the gradient of a convolution with TensorFlow's padding, from its output back to its input.
 */
import type { Attribute, Dim } from '../../../src/graph/graph.ts';
import { biasWeight, convolve, turnedKernel } from '../convolve.ts';
import { ints } from '../graph-builder.ts';
import { imagesOf } from '../images.ts';
import type { KerasLayer } from '../keras-model.ts';
import { setting, sizeSetting, sizesSetting } from '../layer-config.ts';
import { knownSize, type LayerRows, layerError, type Rule, takeWeights } from '../layer-rule.ts';
import { convolutionWindow, type SlidingWindow } from '../window.ts';

/** What an axis is cut by at its begin and end, and what is added at its end. */
interface Cut {
  readonly before: number;
  readonly after: number;
  readonly added: number;
}

/**
 * `given` is Keras' `output_padding`, with which the result of n steps is (n − 1) · stride + reach + given, less half the
 * reach on both sides where the padding is `same`. Without it the result is n · stride, or all of it with `valid`.
 */
function cutOf(padding: string, reach: number, stride: number, given: number | undefined): Cut {
  if (padding === 'valid') return { before: 0, after: 0, added: given ?? Math.max(stride - reach, 0) };
  const surplus = given === undefined ? reach - stride : 2 * Math.floor(reach / 2) - given;
  const total = Math.max(surplus, 0);
  const before = Math.floor(total / 2);
  return { before, after: total - before, added: Math.max(-surplus, 0) };
}

function window(layer: KerasLayer, dimensions: number): { sliding: SlidingWindow; cuts: readonly Cut[] } {
  const sliding = convolutionWindow(layer, dimensions);
  const { kernel, strides, dilations, padding } = sliding;
  if (padding === 'causal') throw layerError(layer, 'has padding "causal", expected valid or same');
  const given =
    setting(layer, 'output_padding') === undefined
      ? undefined
      : sizesSetting(layer, 'output_padding', dimensions, undefined, 0);
  const cuts = kernel.map((size, axis) => {
    const stride = strides[axis]!;
    const added = given?.[axis];
    if (added !== undefined && added >= stride) {
      throw layerError(layer, `has output_padding ${added}, expected less than its stride of ${stride}`);
    }
    return cutOf(padding, (size - 1) * dilations[axis]! + 1, stride, added);
  });
  return { sliding, cuts };
}

const transposedConvolution =
  (dimensions: number): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    const images = imagesOf(applied, dimensions);
    const channels = knownSize(layer, images.value, images.channelAxis);
    const filters = sizeSetting(layer, 'filters');
    const { sliding, cuts } = window(layer, dimensions);
    const { kernel: kernelSize, strides, dilations } = sliding;
    const [kernel, bias] = takeWeights(layer, [
      ['kernel', [...kernelSize, filters, channels]],
      ...biasWeight(layer, filters),
    ]);
    const inputs = [images.value.name, builder.constant('kernel', turnedKernel(kernel!)), bias] as const;
    const attributes: Record<string, Attribute> = {};
    if (strides.some((stride) => stride !== 1)) attributes.strides = ints(strides);
    if (dilations.some((dilation) => dilation !== 1)) attributes.dilations = ints(dilations);
    const pads = [...cuts.map(({ before }) => before), ...cuts.map(({ after }) => after)];
    if (pads.some((pad) => pad !== 0)) attributes.pads = ints(pads);
    const added = cuts.map((cut) => cut.added);
    if (added.some((count) => count !== 0)) attributes.output_padding = ints(added);
    const sizes = images.sizes.map((size, axis): Dim => {
      if (typeof size !== 'number') return null;
      const { before, after, added } = cuts[axis]!;
      return (size - 1) * strides[axis]! + (kernelSize[axis]! - 1) * dilations[axis]! + 1 + added - before - after;
    });
    return convolve(applied, images, { filters, sizes }, 'ConvTranspose', inputs, attributes);
  };

export const TRANSPOSED_CONVOLUTION_LAYERS: LayerRows = {
  Conv1DTranspose: { rule: transposedConvolution(1) },
  Conv2DTranspose: { rule: transposedConvolution(2) },
  Conv3DTranspose: { rule: transposedConvolution(3) },
};
