/**
 * Pooling (keras/src/layers/pooling). An average counts no padding, as in TensorFlow and in ONNX unless told otherwise.
 */
import { type GraphBuilder, int, ints, type KerasValue, keptAxis } from '../graph-builder.ts';
import { imagesOf } from '../images.ts';
import { channelAxis, flagSetting } from '../layer-config.ts';
import { floatInput, inputOf, type LayerRows, type Rule, takeWeights, unsupportedLayer } from '../layer-rule.ts';
import { poolingWindow, slide } from '../window.ts';

const pooling =
  (op: 'MaxPool' | 'AveragePool', dimensions: number): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    takeWeights(layer, []);
    const images = imagesOf(applied, dimensions);
    const window = poolingWindow(layer, dimensions);
    const { attributes, sizes } = slide(layer, window, images.sizes);
    const name = builder.emit(op, [images.value.name], { kernel_shape: ints(window.kernel), ...attributes });
    return images.result(name, images.channels, sizes);
  };

/** Over all places at once; in whatever order the axes are, since no axis is left but the channels. */
const globalPooling =
  (kind: 'Max' | 'Average', dimensions: number): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    takeWeights(layer, []);
    const rank = dimensions + 2;
    const value = floatInput(builder, inputOf(applied, rank, rank));
    const keepsAxes = flagSetting(layer, 'keepdims', false);
    const channels = channelAxis(layer, rank);
    if (value.mask !== undefined && kind === 'Average' && !keepsAxes) return maskedAverage(builder, value, value.mask);
    if (value.mask !== undefined && kind === 'Average') throw unsupportedLayer(layer, 'keepdims with a mask');
    const [batch = null] = value.shape;
    const isFirst = keptAxis(value, 0) === 0 && keptAxis(value, channels) === 1;
    const axes = value.order.flatMap((axis, place) => (axis === 0 || axis === channels ? [] : [place]));
    const pooled = isFirst
      ? builder.emit(`Global${kind}Pool`, [value.name])
      : builder.emit(kind === 'Max' ? 'ReduceMax' : 'ReduceMean', [value.name, builder.integers('axes', axes)], {
          keepdims: int(keepsAxes ? 1 : 0),
        });
    if (keepsAxes) {
      const shape = value.shape.map((size, axis) => (axis === 0 || axis === channels ? size : 1));
      return { name: pooled, dtype: 'float32', shape, order: value.order };
    }
    const name = isFirst ? builder.emit('Flatten', [pooled]) : pooled;
    const order = keptAxis(value, 0) < keptAxis(value, channels) ? [0, 1] : [1, 0];
    return { name, dtype: 'float32', shape: [batch, value.shape[channels]!], order };
  };

/** The average over the steps that the mask (N, time) has as true. */
function maskedAverage(builder: GraphBuilder, given: KerasValue, mask: string): KerasValue {
  const { mask: _, ...value } = builder.plain(given);
  const counted = builder.cast({ name: mask, dtype: 'bool', shape: value.shape.slice(0, 2), order: [0, 1] }, 'float32');
  const weights = builder.emit('Unsqueeze', [counted.name, builder.integers('last', [2])]);
  const time = builder.integers('time', [1]);
  const reduced = { keepdims: int(0) };
  const sum = builder.emit('ReduceSum', [builder.emit('Mul', [value.name, weights]), time], reduced);
  const name = builder.emit('Div', [sum, builder.emit('ReduceSum', [weights, time], reduced)]);
  return { ...value, name, shape: [value.shape[0]!, value.shape[2]!], order: [0, 1] };
}

const NO_SIZES = 'its windows depend on the size of the image';

export const POOLING_LAYERS: LayerRows = {
  ...Object.fromEntries(
    [1, 2, 3].flatMap((dimensions) => [
      [`MaxPooling${dimensions}D`, { rule: pooling('MaxPool', dimensions) }],
      [`AveragePooling${dimensions}D`, { rule: pooling('AveragePool', dimensions) }],
      [`GlobalMaxPooling${dimensions}D`, { rule: globalPooling('Max', dimensions) }],
      [`GlobalAveragePooling${dimensions}D`, { rule: globalPooling('Average', dimensions) }],
    ]),
  ),
  ...Object.fromEntries(
    [1, 2, 3].flatMap((dimensions) => [
      [`AdaptiveMaxPooling${dimensions}D`, { refused: NO_SIZES }],
      [`AdaptiveAveragePooling${dimensions}D`, { refused: NO_SIZES }],
    ]),
  ),
};
