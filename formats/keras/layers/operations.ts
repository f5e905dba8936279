/**
 * Operations on each element and over axes, as they stand in a model where somebody wrote `x * 2` or `ops.mean(x)`. The
 * names are those of Keras 3's classes.
 */
import { activationByName, gelu } from '../activations.ts';
import { broadcastShape } from '../broadcast.ts';
import { float, type GraphBuilder, int, type KerasValue, keptAxis } from '../graph-builder.ts';
import { axisOf } from '../layer-config.ts';
import { type AppliedLayer, floatInput, type LayerRows, layerError, type Rule, takeWeights } from '../layer-rule.ts';
import { operandsOf } from '../operands.ts';
import { integersOf, numberOf, operand, parameter } from '../operation.ts';

const floats = (applied: AppliedLayer): KerasValue => floatInput(applied.builder, operand(applied));

/** One operator of ONNX on each element. */
const elementwise =
  (op: string): Rule =>
  (applied) => {
    const value = floats(applied);
    return { ...value, name: applied.builder.emit(op, [value.name]) };
  };

/** What `compute` makes of the tensor of this name. */
const computed =
  (compute: (builder: GraphBuilder, name: string) => string): Rule =>
  (applied) => {
    const value = floats(applied);
    return { ...value, name: compute(applied.builder, value.name) };
  };

/** An activation function that has no parameters. */
const activation =
  (name: string): Rule =>
  (applied) =>
    activationByName(name, floats(applied), applied)!;

/** An activation function with one number. */
const withSlope =
  (op: string, fallback: number, ...names: readonly string[]): Rule =>
  (applied) => {
    const value = floats(applied);
    const alpha = float(numberOf(applied, fallback, ...names));
    return { ...value, name: applied.builder.emit(op, [value.name], { alpha }) };
  };

const alongAxis =
  (op: string): Rule =>
  (applied) => {
    const value = floats(applied);
    const [axis = -1, ...others] = integersOf(applied, 'axis') ?? [];
    if (others.length > 0) throw layerError(applied.layer, 'works along several axes, expected one');
    const place = keptAxis(value, axisOf(applied.layer, 'axis', axis, value.shape.length));
    return { ...value, name: applied.builder.emit(op, [value.name], { axis: int(place) }) };
  };

/** Two values, or a value and numbers, in the order of the call. */
const binary =
  (op: string): Rule =>
  (applied) => {
    takeWeights(applied.layer, []);
    const operands = operandsOf(applied);
    if (operands.length !== 2) throw layerError(applied.layer, `is called with ${operands.length} values, expected 2`);
    const [a, b] = operands as [(typeof operands)[0], (typeof operands)[0]];
    const shape = broadcastShape(applied.layer, a.shape, b.shape);
    const name = applied.builder.emit(op, [a.name, b.name]);
    return { name, dtype: 'float32', shape, order: a.order, ...(a.flat && { flat: a.flat }) };
  };

/** Over some axes or all; what is left is kept in the order in which it is. */
const reduction =
  (op: string): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    const given = floats(applied);
    const value = given.flat ? builder.plain(given) : given;
    const { shape, order } = value;
    const axes = (integersOf(applied, 'axis') ?? [...shape.keys()]).map((axis) =>
      axisOf(layer, 'axis', axis, shape.length),
    );
    const keepsAxes = parameter(applied, 'keepdims', 'keep_dims') === true;
    const places = axes.map((axis) => order.indexOf(axis)).sort((a, b) => a - b);
    const name = builder.emit(op, [value.name, builder.integers('axes', places)], { keepdims: int(keepsAxes ? 1 : 0) });
    if (keepsAxes)
      return { name, dtype: 'float32', shape: shape.map((size, at) => (axes.includes(at) ? 1 : size)), order };
    const left = [...shape.keys()].filter((axis) => !axes.includes(axis));
    const kept = order.filter((axis) => left.includes(axis)).map((axis) => left.indexOf(axis));
    return { name, dtype: 'float32', shape: left.map((axis) => shape[axis]!), order: kept };
  };

const identity: Rule = (applied) => operand(applied);

/** A cast between types of floating point changes nothing here; one to whole numbers would. */
const cast: Rule = (applied) => {
  const dtype = `${parameter(applied, 'dtype', 'DstT')}`;
  if (/^(b?float\d+|half)$/.test(dtype)) return floats(applied);
  throw layerError(applied.layer, `casts to ${dtype}, expected a type of floating point`);
};

const clip: Rule = (applied) => {
  const value = floats(applied);
  const { builder } = applied;
  const least = builder.scalar('min', numberOf(applied, 0, 'x_min', 'clip_value_min'));
  const most = builder.scalar('max', numberOf(applied, 0, 'x_max', 'clip_value_max'));
  return { ...value, name: builder.emit('Clip', [value.name, least, most]) };
};

/** Keras approximates it unless told otherwise, TensorFlow does not. */
const geluOperation: Rule = (applied) => {
  const approximate = parameter(applied, 'approximate') ?? applied.layer.className === 'Gelu';
  return gelu(applied.builder, floats(applied), approximate === true);
};

const square = (builder: GraphBuilder, name: string) => builder.emit('Mul', [name, name]);
const reciprocalRoot = (builder: GraphBuilder, name: string) =>
  builder.emit('Reciprocal', [builder.emit('Sqrt', [name])]);

/** Operations whose class names no layer has. */
export const OPERATIONS: LayerRows = {
  Absolute: { rule: elementwise('Abs') },
  Abs: { rule: elementwise('Abs') },
  Negative: { rule: elementwise('Neg') },
  Exp: { rule: elementwise('Exp') },
  Log: { rule: elementwise('Log') },
  Sqrt: { rule: elementwise('Sqrt') },
  Reciprocal: { rule: elementwise('Reciprocal') },
  Sign: { rule: elementwise('Sign') },
  Floor: { rule: elementwise('Floor') },
  Ceil: { rule: elementwise('Ceil') },
  Sin: { rule: elementwise('Sin') },
  Cos: { rule: elementwise('Cos') },
  Erf: { rule: elementwise('Erf') },
  Tanh: { rule: elementwise('Tanh') },
  Sigmoid: { rule: elementwise('Sigmoid') },
  Softplus: { rule: elementwise('Softplus') },
  Softsign: { rule: elementwise('Softsign') },
  Selu: { rule: elementwise('Selu') },
  Relu: { rule: activation('relu') },
  Relu6: { rule: activation('relu6') },
  Silu: { rule: activation('silu') },
  HardSigmoid: { rule: activation('hard_sigmoid') },
  HardSilu: { rule: activation('hard_silu') },
  LogSigmoid: { rule: activation('log_sigmoid') },
  LeakyRelu: { rule: withSlope('LeakyRelu', 0.2, 'negative_slope', 'alpha') },
  Elu: { rule: withSlope('Elu', 1, 'alpha') },
  Gelu: { rule: geluOperation },
  LogSoftmax: { rule: alongAxis('LogSoftmax') },
  Square: { rule: computed(square) },
  Rsqrt: { rule: computed(reciprocalRoot) },
  Clip: { rule: clip },
  Cast: { rule: cast, note: 'between types of floating point' },
  Identity: { rule: identity, passesMask: true },
  StopGradient: { rule: identity },
  Divide: { rule: binary('Div') },
  TrueDivide: { rule: binary('Div') },
  Power: { rule: binary('Pow') },
  Mean: { rule: reduction('ReduceMean') },
  Sum: { rule: reduction('ReduceSum') },
  Max: { rule: reduction('ReduceMax') },
  Min: { rule: reduction('ReduceMin') },
};
