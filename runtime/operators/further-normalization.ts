/**
 * Normalisations that networks of today seldom have (ONNX operator documentation), as expressions around reductions.
 */
import { floatAttribute, intAttribute, intsAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { add, apply, divide, type Expression, maximum, multiply, operand, subtract } from '../plan/expression.ts';
import type { Value } from '../plan/value.ts';
import { batchNormalized, lastAxes, NORMALIZATION_OPERATORS } from './normalization.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { reduced } from './reduction.ts';
import { axisOf, countUp, product } from './shapes.ts';

/** x − its mean over `axes`, and its population variance. */
function centred(plan: Lowering, x: Value, axes: readonly number[]): { difference: Expression; variance: Value } {
  const difference = subtract(x, reduced(plan, x, axes, Opcode.REDUCE_MEAN));
  const squares = plan.elementwise(x.dtype, x.shape, multiply(difference, difference));
  return { difference, variance: reduced(plan, squares, axes, Opcode.REDUCE_MEAN) };
}

/** BatchNormalization, which takes the statistics of the batch where the node is training. */
const batchNormalization: Lower = (plan, node, inputs) => {
  const [x, scale, bias, ...kept] = inputs as Value[];
  if (!intAttribute(node, 'training_mode', 0)) return NORMALIZATION_OPERATORS.BatchNormalization!(plan, node, inputs);
  const axes = countUp(x!.shape.length).filter((axis) => axis !== 1);
  const statistics = [reduced(plan, x!, axes, Opcode.REDUCE_MEAN), centred(plan, x!, axes).variance];
  const batch = statistics.map((value, at) => plan.view(value, kept[at]!.shape));
  const momentum = floatAttribute(node, 'momentum', 0.9);
  const running = batch.map((value, at) =>
    plan.elementwise(value.dtype, value.shape, add(multiply(kept[at]!, momentum), multiply(value, 1 - momentum))),
  );
  return [batchNormalized(plan, node, [x!, scale!, bias!, ...batch]), ...running];
};

/** LayerNormalization that also gives mean and inverse standard deviation. */
const layerNormalization: Lower = (plan, node, given) => {
  if (!node.outputs[1] && !node.outputs[2]) return NORMALIZATION_OPERATORS.LayerNormalization!(plan, node, given);
  const { inputs, geometry, means } = lastAxes(plan, node, given, 0);
  const [x, scale, bias] = inputs;
  const y = plan.tensor(x!.dtype, x!.shape);
  const [mean, inverse] = [plan.tensor('float32', means), plan.tensor('float32', means)];
  const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  plan.step('normalize', plan.table(geometry), x, scale, bias, y, epsilon, low, high, mean, inverse);
  return [y, mean, inverse];
};

const meanVarianceNormalization: Lower = (plan, node, [x]) => {
  const rank = x!.shape.length;
  const axes = (intsAttribute(node, 'axes') ?? [0, 2, 3]).map((axis) => axisOf(node, axis, rank));
  const { difference, variance } = centred(plan, x!, axes);
  const deviation = add(apply(Opcode.SQRT, variance), 1e-9);
  return [plan.elementwise(x!.dtype, x!.shape, divide(difference, deviation))];
};

/** Divides by the 1-norm or 2-norm along an axis; where that is 0, so is the result. */
const lpNormalization: Lower = (plan, node, [x]) => {
  const { dtype, shape } = x!;
  const axes = [axisOf(node, intAttribute(node, 'axis', -1), shape.length)];
  const source = plan.tensor(dtype, shape, plan.buffer(x!));
  const isSquare = intAttribute(node, 'p', 2) === 2;
  const magnitudes = isSquare ? source : plan.elementwise(dtype, shape, apply(Opcode.ABS, source));
  const total = reduced(plan, magnitudes, axes, isSquare ? Opcode.REDUCE_SUM_SQUARE : Opcode.REDUCE_SUM);
  const norm = isSquare ? apply(Opcode.SQRT, total) : operand(total);
  return [plan.elementwise(dtype, shape, divide(source, maximum(norm, 1e-38)))];
};

/** x / (bias + alpha · mean of x² over neighbouring channels)^beta; channels outside count as 0. */
const localResponseNormalization: Lower = (plan, node, [x]) => {
  const { dtype, shape } = x!;
  const [batch, channels, ...space] = shape as [number, number, ...number[]];
  const window = intAttribute(node, 'size', 1);
  const area = product(space);
  const before = Math.floor((window - 1) / 2);
  const extent = [channels, 1, area];
  const geometry = [batch, ...extent, ...extent, window, 1, 1, 1, 1, 1, 1, 1, 1];
  const pads = [before, 0, 0, window - 1 - before, 0, 0];
  const source = plan.tensor(dtype, shape, plan.buffer(x!));
  const squares = plan.elementwise(dtype, shape, multiply(source, source));
  const mean = plan.tensor(dtype, shape);
  const table = plan.table([...geometry, ...pads, Opcode.POOL_AVERAGE_PADDED, 0, 0]);
  plan.step('pool', table, squares, mean, 0);
  const attribute = (name: string, fallback: number) => floatAttribute(node, name, fallback);
  const base = add(multiply(mean, attribute('alpha', 1e-4)), attribute('bias', 1));
  const power = apply(Opcode.POW, base, -attribute('beta', 0.75));
  return [plan.elementwise(dtype, shape, multiply(source, power))];
};

export const FURTHER_NORMALIZATION_OPERATORS: Operators = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  LpNormalization: lpNormalization,
  LRN: localResponseNormalization,
};
