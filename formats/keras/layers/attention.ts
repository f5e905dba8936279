/**
 * The attention layers. Those without weights to speak of are here: Attention, by dot products, and AdditiveAttention, by tanh of sums
 * (keras/src/layers/attention/attention.py and additive_attention.py).
 */
import type { Dim } from '../../../src/graph/graph.ts';
import { arrayTensor } from '../array-order.ts';
import { identity, int, ints, type KerasValue } from '../graph-builder.ts';
import { choiceSetting, flagSetting } from '../layer-config.ts';
import {
  type AppliedLayer,
  floatInput,
  inputsOf,
  knownSize,
  type LayerRows,
  layerError,
  type Rule,
  takeWeights,
} from '../layer-rule.ts';
import { attentionWeights, callFlag, type ScoreMasks } from './attention-mask.ts';
import { groupedQueryAttention, multiHeadAttention } from './multi-head-attention.ts';

interface Operands {
  readonly query: KerasValue;
  readonly value: KerasValue;
  readonly key: KerasValue;
}

/** Query, value and key, each (N, steps, features). */
function operandsOf(applied: AppliedLayer): Operands {
  const { layer, builder } = applied;
  const [query, value, key = value, ...others] = inputsOf(applied, 2);
  if (others.length > 0) throw layerError(layer, `is called with ${others.length + 3} inputs, expected 2 or 3`);
  const [q, v, k] = [query!, value!, key!].map((each) => {
    if (each.shape.length === 3) return builder.plain(floatInput(builder, each));
    throw layerError(layer, `is given a value with ${each.shape.length} axes, expected (batch, steps, features)`);
  }) as [KerasValue, KerasValue, KerasValue];
  return { query: q, value: v, key: k };
}

/** The masks of the call, or else those of the inputs. */
function masksOf(
  applied: AppliedLayer,
  { query, value }: Operands,
): ScoreMasks & { readonly query?: string | undefined } {
  const { layer, kwargs, builder } = applied;
  const isCausal = callFlag(applied, 'use_causal_mask') || flagSetting(layer, 'causal', false);
  if (kwargs.mask?.kind !== 'list') return { query: query.mask, keys: [value.mask], isCausal };
  const [first, second] = kwargs.mask.items.map((item) =>
    item.kind === 'value' ? builder.cast(builder.plain(item.value), 'bool').name : undefined,
  );
  return { query: first, keys: [second], isCausal };
}

/** Turns scores (N, queries, keys) into the output and, where the call asks for them, the softmax of the scores. */
function attended(applied: AppliedLayer, operands: Operands, scores: string): KerasValue[] {
  const { builder } = applied;
  const { query, value } = operands;
  const { query: queryMask, ...masks } = masksOf(applied, operands);
  const weights = attentionWeights(builder, scores, 3, masks);
  const product = builder.emit('MatMul', [weights, value.name]);
  const shape = [...query.shape.slice(0, -1), value.shape[2]!];
  const output: KerasValue = { name: product, dtype: 'float32', shape, order: identity(3) };
  const results = [output];
  if (queryMask !== undefined) {
    const column = builder.emit('Unsqueeze', [queryMask, builder.integers('last', [-1])]);
    const factor = builder.cast({ ...output, name: column, dtype: 'bool' }, 'float32');
    results[0] = { ...output, name: builder.emit('Mul', [product, factor.name]), mask: queryMask };
  }
  if (!callFlag(applied, 'return_attention_scores')) return results;
  const sizes: Dim[] = [...query.shape.slice(0, -1), value.shape[1]!];
  return [...results, { ...output, name: weights, shape: sizes }];
}

/** The sums of every query and every key: (N, queries, keys, features). */
function sums({ builder }: AppliedLayer, { query, key }: Operands): string {
  const rows = builder.emit('Unsqueeze', [query.name, builder.integers('axis', [2])]);
  const columns = builder.emit('Unsqueeze', [key.name, builder.integers('axis', [1])]);
  return builder.emit('Add', [rows, columns]);
}

const attention: Rule = (applied) => {
  const { layer, builder } = applied;
  const operands = operandsOf(applied);
  const isSum = choiceSetting(layer, 'score_mode', ['dot', 'concat'], 'dot') === 'concat';
  const isScaled = flagSetting(layer, 'use_scale', false);
  const weights = takeWeights(layer, [
    ...(isScaled ? [['scale', []] as const] : []),
    ...(isSum ? [['concat_score_weight', []] as const] : []),
  ]);
  const scale = isScaled ? builder.constant('scale', arrayTensor(weights[0]!)) : undefined;
  const scaled = (name: string) => (scale === undefined ? name : builder.emit('Mul', [name, scale]));
  if (!isSum) {
    const key = builder.emit('Transpose', [operands.key.name], { perm: ints([0, 2, 1]) });
    return attended(applied, operands, scaled(builder.emit('MatMul', [operands.query.name, key])));
  }
  const bent = builder.emit('Tanh', [scaled(sums(applied, operands))]);
  const sum = builder.emit('ReduceSum', [bent, builder.integers('features', [3])], { keepdims: int(0) });
  const factor = builder.constant('concat_score_weight', arrayTensor(weights.at(-1)!));
  return attended(applied, operands, builder.emit('Mul', [sum, factor]));
};

const additiveAttention: Rule = (applied) => {
  const { layer, builder } = applied;
  const operands = operandsOf(applied);
  const isScaled = flagSetting(layer, 'use_scale', true);
  const features = isScaled ? knownSize(layer, operands.query, -1) : 0;
  const [scale] = takeWeights(layer, isScaled ? [['scale', [features]]] : []);
  const bent = builder.emit('Tanh', [sums(applied, operands)]);
  const terms = scale ? builder.emit('Mul', [bent, builder.constant('scale', arrayTensor(scale))]) : bent;
  const axis = builder.integers('features', [3]);
  return attended(applied, operands, builder.emit('ReduceSum', [terms, axis], { keepdims: int(0) }));
};

export const ATTENTION_LAYERS: LayerRows = {
  MultiHeadAttention: { rule: multiHeadAttention, note: 'over one axis of sequences' },
  // Keras 3 writes the public name into its own files, and the class' name into HDF5.
  GroupQueryAttention: { rule: groupedQueryAttention },
  GroupedQueryAttention: { rule: groupedQueryAttention },
  Attention: { rule: attention },
  AdditiveAttention: { rule: additiveAttention },
};
