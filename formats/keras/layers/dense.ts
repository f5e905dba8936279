/**
 * Dense layers. A (N, features) input makes a Gemm, as PyTorch exports it. Images with the channels first get a 1×1
 * convolution, which is the same and needs no transpose; what else there is gets a MatMul.
 */
import { applyActivation } from '../activations.ts';
import { arrayTensor, permutedArray, withRows } from '../array-order.ts';
import { channelsFirst, featureOrder, int, type KerasValue, sameOrder } from '../graph-builder.ts';
import type { KerasArray } from '../keras-model.ts';
import { flagSetting, sizeSetting } from '../layer-config.ts';
import {
  type AppliedLayer,
  floatInput,
  inputOf,
  knownSize,
  type LayerRows,
  type Rule,
  takeWeights,
} from '../layer-rule.ts';

const dense: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = floatInput(builder, inputOf(applied, 2));
  const features = knownSize(layer, value, -1);
  const units = sizeSetting(layer, 'units');
  const hasBias = flagSetting(layer, 'use_bias', true);
  const [kernel, bias] = takeWeights(layer, [
    ['kernel', [features, units]],
    ...(hasBias ? [['bias', [units]] as const] : []),
  ]);
  return applyActivation(applied, product(applied, value, kernel!, bias));
};

/** value · kernel + bias over the last axis; `kernel` is (features, units). */
function product({ builder }: AppliedLayer, given: KerasValue, kernel: KerasArray, bias?: KerasArray): KerasValue {
  const units = kernel.shape[1]!;
  const rank = given.shape.length;
  const shape = [...given.shape.slice(0, -1), units];
  const biases = bias ? [builder.constant('bias', arrayTensor(bias))] : [];
  if (rank === 2) {
    const rows = given.flat ? withRows(kernel, featureOrder(given.flat)) : kernel;
    const value = given.flat ? given : builder.plain(given);
    const weight = builder.constant('kernel', permutedArray(rows, [1, 0]));
    const name = builder.emit('Gemm', [value.name, weight, ...biases], { transB: int(1) });
    return { name, dtype: 'float32', shape, order: [0, 1] };
  }
  if (sameOrder(given.order, channelsFirst(rank)) && rank <= 5) {
    const turned = permutedArray(kernel, [1, 0]);
    const window = new Array<number>(rank - 2).fill(1);
    const weight = builder.constant('kernel', { ...turned, shape: [...turned.shape, ...window] });
    return { name: builder.emit('Conv', [given.name, weight, ...biases]), dtype: 'float32', shape, order: given.order };
  }
  // The product leaves the other axes as they are, such as the time of recurrent layers in front.
  const value = given.order.at(-1) === rank - 1 ? given : builder.plain(given);
  const matrix = builder.emit('MatMul', [value.name, builder.constant('kernel', arrayTensor(kernel))]);
  const name = bias ? builder.emit('Add', [matrix, ...biases]) : matrix;
  return { name, dtype: 'float32', shape, order: value.order };
}

export const DENSE_LAYERS: LayerRows = {
  Dense: { rule: dense, passesMask: true },
};
