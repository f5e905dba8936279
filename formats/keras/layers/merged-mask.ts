/**
 * The mask of what a merging layer gives (`compute_mask` in keras/src/layers/merging): a step counts where it does in all
 * values, in Keras 1 and 2, or in any, in Keras 3.
 */
import { numericTensor } from '../../../src/graph/tensor.ts';
import { type GraphBuilder, int, type KerasValue } from '../graph-builder.ts';
import type { AppliedLayer } from '../layer-rule.ts';

/**
 * @param axis the axis along which the values are joined; `undefined` where they are combined element by element
 * @returns the name of the mask, where the result has one
 */
export function mergedMask(
  { builder, kerasMajor }: AppliedLayer,
  values: readonly KerasValue[],
  axis?: number,
): { mask?: string } {
  const known = values.flatMap(({ mask }) => mask ?? []);
  if (known.length === 0) return {};
  if (axis === 1) {
    const masks = values.map((value) => value.mask ?? everyStep(builder, value));
    return { mask: builder.emit('Concat', masks, { axis: int(1) }) };
  }
  // A value without a mask has all its steps.
  if (kerasMajor >= 3 && known.length < values.length) return {};
  const op = kerasMajor >= 3 ? 'Or' : 'And';
  return { mask: [...new Set(known)].reduce((joined, mask) => builder.emit(op, [joined, mask])) };
}

/** bool (N, time): true throughout. */
function everyStep(builder: GraphBuilder, value: KerasValue): string {
  const sizes = builder.emit('Shape', [builder.plain(value).name], { start: int(0), end: int(2) });
  return builder.emit('ConstantOfShape', [sizes], {
    value: { type: 'tensor', value: numericTensor('bool', [1], Uint8Array.of(1)) },
  });
}
