/**
 * Resize with the coordinates of `tf_crop_and_resize` (ONNX operator documentation): only a region of interest is taken, and
 * what lies outside of the input gets a value of its own.
 */
import { floatAttribute, stringAttribute } from '../../src/graph/graph.ts';
import { operand, select } from '../plan/expression.ts';
import type { Lower, Operators } from './operator.ts';
import { literal } from './pointwise.ts';
import { type Axis, axesOf, RESIZE_OPERATORS, resized } from './resize.ts';
import { countUp } from './shapes.ts';

const resize: Lower = (plan, node, inputs) => {
  if (stringAttribute(node, 'coordinate_transformation_mode') !== 'tf_crop_and_resize') {
    return RESIZE_OPERATORS.Resize!(plan, node, inputs);
  }
  const [x, roi] = inputs;
  const region = plan.numbers(roi!);
  const starts = new Map<number, [start: number, end: number]>();
  const axes = axesOf(plan, node, inputs, (at, count) => region[at + count]! - region[at]!);
  axes.forEach(({ axis }, at) => {
    starts.set(axis, [region[at]!, region[at + axes.length]!]);
  });
  const coordinate = ({ axis, size, out }: Axis, at: number) => {
    const [start, end] = starts.get(axis)!;
    return (size - 1) * (out > 1 ? start + (at * (end - start)) / (out - 1) : (start + end) / 2);
  };
  const y = resized(plan, node, x!, axes, coordinate);
  const outside = literal(y.dtype, floatAttribute(node, 'extrapolation_value', 0));
  const inside = axes.reduce((value, own) => {
    const flags = countUp(own.out).map((at) => {
      const place = coordinate(own, at);
      return place >= 0 && place <= own.size - 1 ? 1 : 0;
    });
    if (!flags.includes(0)) return value;
    const shape = [own.out, ...y.shape.slice(own.axis + 1).fill(1)];
    return select(plan.constant('bool', shape, flags), value, outside);
  }, operand(y));
  return [plan.elementwise(y.dtype, y.shape, inside)];
};

/** `Resize` with all its coordinates. */
export const CROP_AND_RESIZE_OPERATORS: Operators = { Resize: resize };
