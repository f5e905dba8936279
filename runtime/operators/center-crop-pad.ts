/**
 * CenterCropPad (ONNX operator documentation).
 */
import { intsAttribute } from '../../src/graph/graph.ts';
import type { Lower, Operators } from './operator.ts';
import { filled, spread } from './padding.ts';
import { countUp } from './shapes.ts';

const centerCropPad: Lower = (plan, node, [x, target]) => {
  const { shape } = x!;
  const sizes = plan.numbers(target!);
  const axes = intsAttribute(node, 'axes') ?? countUp(shape.length);
  const padding = spread(node, shape.length, axes, (at, axis) => {
    const extra = sizes[at]! - shape[axis]!;
    const begin = Math.trunc(extra / 2);
    return [begin, extra - begin];
  });
  return [filled(plan, x!, padding)];
};

export const CENTER_CROP_PAD_OPERATORS: Operators = { CenterCropPad: centerCropPad };
