/**
 * Normalisations (ONNX operator documentation): by the kernel `normalize` where the normalised elements are neighbours,
 * else as expressions around reductions.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { floatAttribute, intAttribute, type Node } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import type { Buffer } from '../plan/buffer.ts';
import { add, apply, divide, multiply, subtract } from '../plan/expression.ts';
import type { Value } from '../plan/value.ts';
import type { Inputs, Lower, Lowering, Operators } from './operator.ts';
import { axisOf, product } from './shapes.ts';

/** The `NORMALIZE_…` words, in order. */
type Geometry = [rows: number, length: number, rowPeriod: number, rowStep: number, run: number, rms?: number];

/**
 * Calls the kernel on x, scale and bias. Where the node names them, mean and inverse standard deviation are further
 * outputs, of shape `means`.
 */
function normalized(
  plan: Lowering,
  node: Node,
  [x, ...weights]: Inputs,
  [rows, length, rowPeriod, rowStep, run, rms = 0]: Geometry,
  means: readonly number[] = [],
): readonly Value[] {
  const { dtype, shape } = x!;
  const geometry = plan.table([rows, length, rowPeriod, rowStep, run, rms]);
  const place = (value: Value | undefined): Buffer | number => (value ? plan.buffer(value) : 0);
  const [source, scale, bias] = [plan.buffer(x!), place(weights[0]), place(weights[1])];
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  const extra = [1, 2].map((at) => (node.outputs[at] ? plan.tensor('float32', means) : undefined));
  const emit = (y: Buffer, [low, high]: readonly [low: number, high: number, ...unknown[]]) =>
    plan.step('normalize', geometry, source, scale, bias, y, epsilon, low, high, place(extra[0]), place(extra[1]));
  if (extra.every((value) => !value)) {
    return [plan.produce(dtype, shape, { split: [0, 0], clampOnly: true, emit })];
  }
  const y = plan.tensor(dtype, shape);
  emit(plan.buffer(y), [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  return [y, ...(extra as Value[])];
}

/** Over all axes from `axis` on; scale and bias have that shape, or one that is broadcast to it. */
const overLastAxes =
  (rms: number): Lower =>
  (plan, node, inputs) => {
    const { dtype, shape } = inputs[0]!;
    const axis = axisOf(node, intAttribute(node, 'axis', -1), shape.length);
    const [outer, last] = [shape.slice(0, axis), shape.slice(axis)];
    const [x, ...weights] = inputs.map((value, at) =>
      at === 0 || !value ? value : plan.elementwise(dtype, last, value),
    );
    const geometry: Geometry = [product(outer), product(last), 1, 0, 1, rms];
    return normalized(plan, node, [x, ...weights], geometry, [...outer, ...last.map(() => 1)]);
  };

/** Over groups of channels in each picture; InstanceNormalization has a group for every channel. */
const groupNormalization: Lower = (plan, node, [x, scale, bias]) => {
  const [batch, channels, ...space] = x!.shape as [number, number, ...number[]];
  const groups = intAttribute(node, 'num_groups', channels);
  const [size, area] = [channels / groups, product(space)];
  if (!Number.isInteger(size)) throw new RangeError(`${node.op}: ${channels} channels in ${groups} groups`);
  const weights = [scale, bias].map((value) => plan.view(value!, [channels]));
  return normalized(plan, node, [x, ...weights], [batch * groups, size * area, groups, size, area]);
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
