/**
 * Normalisations (ONNX operator documentation): by the kernel `normalize` where the normalised elements are neighbours,
 * else as expressions around reductions.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { floatAttribute, intAttribute, type Node } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { add, apply, divide, multiply, subtract } from '../plan/expression.ts';
import type { Value } from '../plan/value.ts';
import type { Inputs, Lower, Lowering, Operators } from './operator.ts';
import { axisOf, product } from './shapes.ts';

/** The `NORMALIZE_…` words, in order. */
type Geometry = [rows: number, length: number, rowPeriod: number, rowStep: number, run: number, rms: number];

/** Calls the kernel on x, scale and bias. */
function normalized(plan: Lowering, node: Node, inputs: Inputs, geometry: Geometry): Value {
  const [x, scale, bias] = inputs.map((value) => value && plan.buffer(value));
  const { dtype, shape } = inputs[0]!;
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  return plan.produce(dtype, shape, {
    split: [0, 0],
    clampOnly: true,
    emit: (y, [low, high]) => plan.step('normalize', plan.table(geometry), x, scale, bias, y, epsilon, low, high, 0, 0),
  });
}

/** What is normalised over all axes from `axis` on; scale and bias get that shape, if they are only broadcast to it. */
export function lastAxes(plan: Lowering, node: Node, [x, ...weights]: Inputs, rms: number) {
  const { dtype, shape } = x!;
  const axis = axisOf(node, intAttribute(node, 'axis', -1), shape.length);
  const [outer, last] = [shape.slice(0, axis), shape.slice(axis)];
  const geometry: Geometry = [product(outer), product(last), 1, 0, 1, rms];
  const inputs = [x, ...weights.map((value) => value && plan.elementwise(dtype, last, value))];
  return { inputs, geometry, means: [...outer, ...last.map(() => 1)] };
}

const overLastAxes =
  (rms: number): Lower =>
  (plan, node, given) => {
    const { inputs, geometry } = lastAxes(plan, node, given, rms);
    return [normalized(plan, node, inputs, geometry)];
  };

/** Over groups of channels in each picture; InstanceNormalization has a group for every channel. */
const groupNormalization: Lower = (plan, node, [x, scale, bias]) => {
  const [batch, channels, ...space] = x!.shape as [number, number, ...number[]];
  const groups = intAttribute(node, 'num_groups', channels);
  const [size, area] = [channels / groups, product(space)];
  if (!Number.isInteger(size)) throw new RangeError(`${node.op}: ${channels} channels in ${groups} groups`);
  const weights = [scale, bias].map((value) => plan.view(value!, [channels]));
  return [normalized(plan, node, [x, ...weights], [batch * groups, size * area, groups, size, area, 0])];
};

/** The value normalised by the statistics of its channels; `scale` to `variance` are vectors. */
export function batchNormalized(plan: Lowering, node: Node, [x, ...vectors]: readonly Value[]): Value {
  const { dtype, shape } = x!;
  const columns = vectors.map((value) => plan.view(value, [...value.shape, ...shape.slice(2).fill(1)]));
  const [scale, bias, mean, variance] = columns as [Value, Value, Value, Value];
  const deviation = apply(Opcode.SQRT, add(variance, floatAttribute(node, 'epsilon', 1e-5)));
  const factor = plan.elementwise(dtype, mean.shape, divide(scale, deviation));
  const offset = plan.elementwise(dtype, mean.shape, subtract(bias, multiply(mean, factor)));
  return plan.elementwise(dtype, shape, add(multiply(x!, factor), offset));
}

/** With the statistics that the model has. */
const batchNormalization: Lower = (plan, node, inputs) => {
  if (intAttribute(node, 'training_mode', 0)) throw new UnsupportedError(`${node.op} that is training`);
  return [batchNormalized(plan, node, inputs as Value[])];
};

export const NORMALIZATION_OPERATORS: Operators = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: groupNormalization,
  GroupNormalization: groupNormalization,
  LayerNormalization: overLastAxes(0),
  RMSNormalization: overLastAxes(1),
};
