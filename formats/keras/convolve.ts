/**
 * What all convolutions of Keras share: a kernel, perhaps a bias, and an activation behind them.
 */
import type { Attribute, Dim } from '../../src/graph/graph.ts';
import type { NumericTensor } from '../../src/graph/tensor.ts';
import { applyActivation } from './activations.ts';
import { arrayTensor, permutedArray } from './array-order.ts';
import { identity, type KerasValue } from './graph-builder.ts';
import type { Images } from './images.ts';
import type { KerasArray, KerasLayer } from './keras-model.ts';
import { flagSetting } from './layer-config.ts';
import type { AppliedLayer } from './layer-rule.ts';

/** The kernel of a convolution in ONNX's order; that of a transposed one too, since both sides swap in and out there. */
export function turnedKernel(kernel: KerasArray): NumericTensor {
  const dimensions = kernel.shape.length - 2;
  return permutedArray(kernel, [dimensions + 1, dimensions, ...identity(dimensions)]);
}

/** The bias that the layer has behind its kernels, as `takeWeights` asks for it. */
export function biasWeight(layer: KerasLayer, filters: number): readonly (readonly ['bias', readonly number[]])[] {
  return flagSetting(layer, 'use_bias', true) ? [['bias', [filters]]] : [];
}

/** Emits the operator that applies `kernel`, the name of a constant, and the bias, and then the layer's activation. */
export function convolve(
  applied: AppliedLayer,
  images: Images,
  result: { readonly filters: number; readonly sizes: readonly Dim[] },
  op: 'Conv' | 'ConvTranspose',
  [input, kernel, bias]: readonly [input: string, kernel: string, bias: KerasArray | undefined],
  attributes: Readonly<Record<string, Attribute>> = {},
): KerasValue {
  const { builder } = applied;
  const inputs = [input, kernel, ...(bias ? [builder.constant('bias', arrayTensor(bias))] : [])];
  return applyActivation(applied, images.result(builder.emit(op, inputs, attributes), result.filters, result.sizes));
}
