/**
 * Keras' activation functions, by the names that layers have in `activation`. The definitions are those of
 * keras/src/activations (Keras 3) and keras/activations.py (Keras 2), which differ in `hard_sigmoid`.
 */
import type { Attribute } from '../../src/graph/graph.ts';
import { float, type GraphBuilder, int, type KerasValue, keptAxis, text } from './graph-builder.ts';
import type { KerasLayer } from './keras-model.ts';
import { axisOf, setting } from './layer-config.ts';
import { type AppliedLayer, layerError, unsupportedLayer } from './layer-rule.ts';

/** Where an activation stands. */
type Place = Pick<AppliedLayer, 'builder' | 'layer' | 'kerasMajor'>;

/** Returns the name of the activation of the tensor `name`, which is `value` in the graph. */
type ActivationFunction = (name: string, place: Place, value: KerasValue) => string;

/** One ONNX operator on each element. */
const operator =
  (op: string, attributes: Readonly<Record<string, Attribute>> = {}): ActivationFunction =>
  (name, { builder }) =>
    builder.emit(op, [name], attributes);

const clip =
  (least: number, most: number): ActivationFunction =>
  (name, { builder }) =>
    builder.emit('Clip', [name, builder.scalar('min', least), builder.scalar('max', most)]);

/** An operator along the last axis of Keras. */
const alongLastAxis =
  (op: string): ActivationFunction =>
  (name, { builder, layer }, value) =>
    builder.emit(op, [name], { axis: int(keptAxis(value, axisOf(layer, 'axis', -1, value.shape.length))) });

const swish: ActivationFunction = (name, { builder }) => builder.emit('Mul', [name, builder.emit('Sigmoid', [name])]);

const hardSigmoid: ActivationFunction = (name, { builder, kerasMajor }) =>
  builder.emit('HardSigmoid', [name], { alpha: float(kerasMajor >= 3 ? 1 / 6 : 0.2), beta: float(0.5) });

const logSigmoid: ActivationFunction = (name, { builder }) =>
  builder.emit('Neg', [builder.emit('Softplus', [builder.emit('Neg', [name])])]);

const tanhShrink: ActivationFunction = (name, { builder }) => builder.emit('Sub', [name, builder.emit('Tanh', [name])]);

/** (x + √(x² + 4)) / 2. */
const squarePlus: ActivationFunction = (name, { builder }) => {
  const square = builder.emit('Add', [builder.emit('Mul', [name, name]), builder.scalar('b', 4)]);
  return builder.emit('Mul', [
    builder.emit('Add', [name, builder.emit('Sqrt', [square])]),
    builder.scalar('half', 0.5),
  ]);
};

const FUNCTIONS: ReadonlyMap<string, ActivationFunction> = new Map<string, ActivationFunction>([
  ['linear', (name) => name],
  ['relu', operator('Relu')],
  ['relu6', clip(0, 6)],
  ['leaky_relu', operator('LeakyRelu', { alpha: float(0.2) })],
  ['elu', operator('Elu', { alpha: float(1) })],
  ['selu', operator('Selu')],
  ['celu', operator('Celu', { alpha: float(1) })],
  ['gelu', operator('Gelu')],
  ['tanh', operator('Tanh')],
  ['sigmoid', operator('Sigmoid')],
  ['exponential', operator('Exp')],
  ['softplus', operator('Softplus')],
  ['softsign', operator('Softsign')],
  ['mish', operator('Mish')],
  ['swish', swish],
  ['silu', swish],
  ['hard_sigmoid', hardSigmoid],
  ['hard_swish', operator('HardSwish')],
  ['hard_silu', operator('HardSwish')],
  ['hard_tanh', clip(-1, 1)],
  ['hard_shrink', operator('Shrink', { lambd: float(0.5) })],
  ['soft_shrink', operator('Shrink', { lambd: float(0.5), bias: float(0.5) })],
  ['tanh_shrink', tanhShrink],
  ['log_sigmoid', logSigmoid],
  ['squareplus', squarePlus],
  ['softmax', alongLastAxis('Softmax')],
  ['log_softmax', alongLastAxis('LogSoftmax')],
]);

/** The names of the functions that are read. */
export const ACTIVATION_NAMES: readonly string[] = [...FUNCTIONS.keys()];

/** The function called `activation` of `value`, or `undefined` where there is no such function. */
export function activationByName(activation: string, value: KerasValue, place: Place): KerasValue | undefined {
  const activate = FUNCTIONS.get(activation);
  return activate && { ...value, name: activate(value.name, place, value) };
}

/** GELU, exactly or by its approximation with tanh. */
export function gelu(builder: GraphBuilder, value: KerasValue, approximate: boolean): KerasValue {
  return {
    ...value,
    name: builder.emit('Gelu', [value.name], approximate ? { approximate: text('tanh') } : {}),
  };
}

/** The settings of ReLU in all its forms; a slope of 0 and a threshold of 0 are the plain one. */
export interface ReluSettings {
  readonly slope: number;
  readonly threshold: number;
  readonly most: number | undefined;
}

/** x above the threshold, at most `most`, and `slope · (x − threshold)` below it. */
export function relu(builder: GraphBuilder, value: KerasValue, { slope, threshold, most }: ReluSettings): KerasValue {
  const capped = (name: string, least: number | undefined) =>
    most === undefined
      ? name
      : builder.emit('Clip', [
          name,
          least === undefined ? '' : builder.scalar('min', least),
          builder.scalar('max', most),
        ]);
  const named = (name: string): KerasValue => ({ ...value, name });
  if (threshold === 0 && slope === 0) {
    return named(most === undefined ? builder.emit('Relu', [value.name]) : capped(value.name, 0));
  }
  if (threshold === 0)
    return named(capped(builder.emit('LeakyRelu', [value.name], { alpha: float(slope) }), undefined));
  const above = capped(builder.emit('ThresholdedRelu', [value.name], { alpha: float(threshold) }), 0);
  if (slope === 0) return named(above);
  const missing = builder.emit('Relu', [builder.emit('Sub', [builder.scalar('threshold', threshold), value.name])]);
  return named(builder.emit('Sub', [above, builder.emit('Mul', [missing, builder.scalar('slope', slope)])]));
}

/**
 * Applies what a layer has in its setting `name` to `value`: nothing, a function by name (plainly or as Keras 3 writes
 * it), or a layer of activation.
 */
export function applyActivation(applied: AppliedLayer, value: KerasValue, name = 'activation'): KerasValue {
  const { layer } = applied;
  const given = setting(layer, name) ?? 'linear';
  if (typeof given === 'string') return named(given);
  const { class_name: className, config } = given as { class_name?: unknown; config?: unknown };
  if (className === 'function' && typeof config === 'string') return named(config);
  if (typeof className !== 'string')
    throw layerError(layer, `has ${name} ${JSON.stringify(given)}, expected a function`);
  if (FUNCTIONS.has(className)) return named(className);
  const inside: KerasLayer = {
    className,
    name: layer.name,
    path: `${layer.path}/${name}`,
    config: (config ?? {}) as KerasLayer['config'],
    weights: [],
    calls: [],
  };
  return applied.apply(inside, [{ kind: 'value', value }])[0]!;

  function named(activation: string): KerasValue {
    // A function of a package is written with the package's name before it.
    const plain = activation.slice(activation.lastIndexOf('>') + 1);
    const result = activationByName(plain, value, applied);
    if (result) return result;
    throw unsupportedLayer(layer, `${name} "${activation}" is not one of Keras' own`);
  }
}
