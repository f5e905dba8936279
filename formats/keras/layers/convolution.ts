/**
 * Convolutions (keras/src/layers/convolutional). Kernels are (…window, in, out) in Keras and (out, in, …window) in ONNX;
 * those of depthwise convolutions are (…window, in, multiplier) and (in · multiplier, 1, …window).
 */
import type { NumericTensor } from '../../../src/graph/tensor.ts';
import { permutedArray } from '../array-order.ts';
import { biasWeight, convolve, turnedKernel } from '../convolve.ts';
import { identity, int } from '../graph-builder.ts';
import { imagesOf } from '../images.ts';
import type { KerasArray } from '../keras-model.ts';
import { sizeSetting } from '../layer-config.ts';
import { knownSize, type LayerRows, layerError, type Rule, takeWeights } from '../layer-rule.ts';
import { convolutionWindow, slide } from '../window.ts';

/** The kernel of a depthwise convolution in ONNX's order. */
function depthwiseKernel(kernel: KerasArray): NumericTensor {
  const dimensions = kernel.shape.length - 2;
  const turned = permutedArray(kernel, [dimensions, dimensions + 1, ...identity(dimensions)]);
  const [channels = 0, multiplier = 0, ...window] = turned.shape;
  return { ...turned, shape: [channels * multiplier, 1, ...window] };
}

const convolution =
  (dimensions: number): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    const images = imagesOf(applied, dimensions);
    const channels = knownSize(layer, images.value, images.channelAxis);
    const filters = sizeSetting(layer, 'filters');
    const groups = sizeSetting(layer, 'groups', 1);
    if (channels % groups !== 0 || filters % groups !== 0) {
      throw layerError(
        layer,
        `has ${groups} groups, which ${channels} channels and ${filters} filters do not divide into`,
      );
    }
    const window = convolutionWindow(layer, dimensions);
    const [kernel, bias] = takeWeights(layer, [
      ['kernel', [...window.kernel, channels / groups, filters]],
      ...biasWeight(layer, filters),
    ]);
    const { attributes, sizes } = slide(layer, window, images.sizes);
    const inputs = [images.value.name, builder.constant('kernel', turnedKernel(kernel!)), bias] as const;
    const grouped = { ...(groups > 1 && { group: int(groups) }), ...attributes };
    return convolve(applied, images, { filters, sizes }, 'Conv', inputs, grouped);
  };

const depthwise =
  (dimensions: number): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    const images = imagesOf(applied, dimensions);
    const channels = knownSize(layer, images.value, images.channelAxis);
    const multiplier = sizeSetting(layer, 'depth_multiplier', 1);
    const filters = channels * multiplier;
    const window = convolutionWindow(layer, dimensions);
    const [kernel, bias] = takeWeights(layer, [
      ['kernel', [...window.kernel, channels, multiplier]],
      ...biasWeight(layer, filters),
    ]);
    const { attributes, sizes } = slide(layer, window, images.sizes);
    const inputs = [images.value.name, builder.constant('kernel', depthwiseKernel(kernel!)), bias] as const;
    return convolve(applied, images, { filters, sizes }, 'Conv', inputs, { group: int(channels), ...attributes });
  };

/** A depthwise convolution and a 1×1 one behind it, with nothing between them. */
const separable =
  (dimensions: number): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    const images = imagesOf(applied, dimensions);
    const channels = knownSize(layer, images.value, images.channelAxis);
    const multiplier = sizeSetting(layer, 'depth_multiplier', 1);
    const filters = sizeSetting(layer, 'filters');
    const window = convolutionWindow(layer, dimensions);
    const point = new Array<number>(dimensions).fill(1);
    const [depth, pointwise, bias] = takeWeights(layer, [
      ['depthwise kernel', [...window.kernel, channels, multiplier]],
      ['pointwise kernel', [...point, channels * multiplier, filters]],
      ...biasWeight(layer, filters),
    ]);
    const { attributes, sizes } = slide(layer, window, images.sizes);
    const spread = builder.emit(
      'Conv',
      [images.value.name, builder.constant('depthwise_kernel', depthwiseKernel(depth!))],
      { group: int(channels), ...attributes },
    );
    const inputs = [spread, builder.constant('pointwise_kernel', turnedKernel(pointwise!)), bias] as const;
    return convolve(applied, images, { filters, sizes }, 'Conv', inputs);
  };

const NO_WEIGHTS_SHARED = 'every place of the image has a kernel of its own, which ONNX has no operator for';

export const CONVOLUTION_LAYERS: LayerRows = {
  Conv1D: { rule: convolution(1) },
  Conv2D: { rule: convolution(2) },
  Conv3D: { rule: convolution(3) },
  DepthwiseConv1D: { rule: depthwise(1) },
  DepthwiseConv2D: { rule: depthwise(2) },
  SeparableConv1D: { rule: separable(1) },
  SeparableConv2D: { rule: separable(2) },
  LocallyConnected1D: { refused: NO_WEIGHTS_SHARED },
  LocallyConnected2D: { refused: NO_WEIGHTS_SHARED },
};
