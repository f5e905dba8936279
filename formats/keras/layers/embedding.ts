/**
 * Embedding (keras/src/layers/core/embedding.py), and Masking, which like it says which steps of a sequence count.
 */
import { arrayTensor } from '../array-order.ts';
import { identity, int, type KerasValue, keptAxis } from '../graph-builder.ts';
import { flagSetting, numberSetting, sizeSetting } from '../layer-config.ts';
import { floatInput, inputOf, type LayerRows, type Rule, takeWeights, unsupportedLayer } from '../layer-rule.ts';
import { MASK_OPERATIONS } from './mask-operations.ts';

const MASK_OF_MORE = 'a mask of anything but a sequence';

const embedding: Rule = (applied) => {
  const { layer, builder } = applied;
  const given = inputOf(applied);
  const [rows, columns] = [sizeSetting(layer, 'input_dim'), sizeSetting(layer, 'output_dim')];
  const [table] = takeWeights(layer, [['embeddings', [rows, columns]]]);
  // Indices often come as floats: Keras, too, casts them, which cuts off the fraction.
  const plain = builder.plain(given);
  const indices = plain.dtype === 'int32' ? plain : builder.cast(plain, 'int64');
  const value: KerasValue = {
    name: builder.emit('Gather', [builder.constant('embeddings', arrayTensor(table!)), indices.name]),
    dtype: 'float32',
    shape: [...given.shape, columns],
    order: identity(given.shape.length + 1),
  };
  if (!flagSetting(layer, 'mask_zero', false)) return value;
  if (given.shape.length !== 2) throw unsupportedLayer(layer, MASK_OF_MORE);
  return { ...value, mask: builder.cast(indices, 'bool').name };
};

const masking: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = floatInput(builder, inputOf(applied, 3));
  if (value.shape.length !== 3) throw unsupportedLayer(layer, MASK_OF_MORE);
  const isMasked = builder.emit('Equal', [
    value.name,
    builder.scalar('mask_value', numberSetting(layer, 'mask_value', 0)),
  ]);
  const counts = builder.cast({ ...value, name: builder.emit('Not', [isMasked]), dtype: 'bool' }, 'float32');
  const axis = builder.integers('features', [keptAxis(value, -1)]);
  const any = builder.emit('ReduceMax', [counts.name, axis], { keepdims: int(1) });
  const mask = { ...value, name: builder.emit('Squeeze', [any, axis]), shape: value.shape.slice(0, -1) };
  const order = value.order.filter((each) => each < value.shape.length - 1);
  return {
    ...value,
    name: builder.emit('Mul', [value.name, any]),
    mask: builder.cast(builder.plain({ ...mask, order }), 'bool').name,
  };
};

export const EMBEDDING_LAYERS: LayerRows = {
  Embedding: { rule: embedding },
  Masking: { rule: masking },
  ...MASK_OPERATIONS,
};
