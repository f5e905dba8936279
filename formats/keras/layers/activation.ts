/**
 * The activation layers (keras/src/layers/activations), in the spellings of every Keras version: `alpha` became
 * `negative_slope` in Keras 3.
 */
import { applyActivation, relu } from '../activations.ts';
import { broadcastConstant } from '../broadcast.ts';
import { float, int, type KerasValue, keptAxis } from '../graph-builder.ts';
import { axisOf, numberSetting, setting } from '../layer-config.ts';
import {
  type AppliedLayer,
  floatInput,
  inputOf,
  type LayerRows,
  layerError,
  type Rule,
  takeWeights,
  unsupportedLayer,
} from '../layer-rule.ts';
import { shapeText } from '../sizes.ts';

/** The one input as float32; layers of activation have no weights. */
function activated(applied: AppliedLayer): KerasValue {
  takeWeights(applied.layer, []);
  return floatInput(applied.builder, inputOf(applied));
}

const activation: Rule = (applied) => applyActivation(applied, activated(applied));

const reluLayer: Rule = (applied) => {
  const { layer, builder } = applied;
  const most = setting(layer, 'max_value') === undefined ? undefined : numberSetting(layer, 'max_value', 0);
  const slope = numberSetting(layer, 'negative_slope', 0);
  return relu(builder, activated(applied), { slope, threshold: numberSetting(layer, 'threshold', 0), most });
};

const leakyRelu: Rule = (applied) => {
  const { layer, builder } = applied;
  const slope = numberSetting(layer, 'negative_slope', numberSetting(layer, 'alpha', 0.3));
  const value = activated(applied);
  return { ...value, name: builder.emit('LeakyRelu', [value.name], { alpha: float(slope) }) };
};

const thresholdedRelu: Rule = (applied) =>
  relu(applied.builder, activated(applied), {
    slope: 0,
    threshold: numberSetting(applied.layer, 'theta', 1),
    most: undefined,
  });

const elu: Rule = (applied) => {
  const value = activated(applied);
  const alpha = float(numberSetting(applied.layer, 'alpha', 1));
  return { ...value, name: applied.builder.emit('Elu', [value.name], { alpha }) };
};

const prelu: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = floatInput(builder, inputOf(applied, 2));
  const rank = value.shape.length;
  const given = setting(layer, 'shared_axes') ?? [];
  const shared = (Array.isArray(given) ? given : [given]).map((axis) => axisOf(layer, 'shared_axes', axis, rank));
  const sizes = value.shape.slice(1).map((size, index) => (shared.includes(index + 1) ? 1 : size));
  if (!sizes.every((size): size is number => typeof size === 'number')) {
    throw unsupportedLayer(layer, `has a slope for each of ${shapeText(sizes)}, not all of which are known`);
  }
  const [alpha] = takeWeights(layer, [['alpha', sizes]]);
  return { ...value, name: builder.emit('PRelu', [value.name, broadcastConstant(builder, 'alpha', alpha!, value)]) };
};

const softmax: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = activated(applied);
  const given = setting(layer, 'axis') ?? -1;
  const axes = Array.isArray(given) ? given : [given];
  if (axes.length > 1) throw unsupportedLayer(layer, 'a softmax over several axes at once');
  if (axes.length === 0) throw layerError(layer, 'has no axis, expected one');
  if (applied.kwargs.mask?.kind === 'value') throw unsupportedLayer(layer, 'a softmax with a mask');
  const axis = keptAxis(value, axisOf(layer, 'axis', axes[0], value.shape.length));
  return { ...value, name: builder.emit('Softmax', [value.name], { axis: int(axis) }) };
};

export const ACTIVATION_LAYERS: LayerRows = {
  Activation: { rule: activation, passesMask: true },
  ReLU: { rule: reluLayer, passesMask: true },
  LeakyReLU: { rule: leakyRelu, passesMask: true },
  ThresholdedReLU: { rule: thresholdedRelu, passesMask: true },
  ELU: { rule: elu, passesMask: true },
  PReLU: { rule: prelu, passesMask: true },
  Softmax: { rule: softmax, passesMask: true, note: 'over one axis, without a mask' },
};
