/**
 * MultiHeadAttention and GroupQueryAttention (keras/src/layers/attention), whose projections Keras writes as einsum:
 * here they are products with matrices, and the heads an axis in front.
 */
import type { Dim } from '../../../src/graph/graph.ts';
import { float32Tensor } from '../../../src/graph/tensor.ts';
import { identity, ints, type KerasValue } from '../graph-builder.ts';
import type { KerasArray } from '../keras-model.ts';
import { flagSetting, setting, sizeSetting } from '../layer-config.ts';
import {
  type AppliedLayer,
  floatInput,
  knownSize,
  layerError,
  type Rule,
  takeWeights,
  unsupportedLayer,
  valuesOf,
} from '../layer-rule.ts';
import { attentionWeights, callFlag, callValue } from './attention-mask.ts';

/** How many heads there are and how wide they are. */
interface Heads {
  readonly query: number;
  /** Heads of keys and values; each serves as many heads of queries. */
  readonly key: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** Features of the output. */
  readonly outputSize: number;
}

interface Operands {
  readonly query: KerasValue;
  readonly value: KerasValue;
  readonly key: KerasValue;
}

/** Query, value and key, each (N, steps, features), from their places or by their names. */
function operandsOf(applied: AppliedLayer): Operands {
  const { layer, builder, args } = applied;
  const positional = valuesOf(args);
  const pick = (place: number, name: string) => positional[place] ?? callValue(applied, name);
  const [query, value] = [pick(0, 'query'), pick(1, 'value')];
  if (!query || !value || positional.length > 3)
    throw layerError(layer, 'is not called with a query, a value and a key');
  const [q, v, k] = [query, value, pick(2, 'key') ?? value].map((each) => {
    if (each.shape.length === 3) return builder.plain(floatInput(builder, each));
    throw unsupportedLayer(layer, `attention over a value with ${each.shape.length} axes`);
  }) as [KerasValue, KerasValue, KerasValue];
  return { query: q, value: v, key: k };
}

/** (N, steps, features) by a kernel (features, heads, size) and a bias (heads, size): (N, steps, heads · size). */
function projected(
  { builder }: AppliedLayer,
  what: string,
  value: string,
  [kernel, bias]: readonly [KerasArray, KerasArray?],
  columns: number,
): string {
  const rows = kernel.values.length / columns;
  const matrix = builder.constant(`${what}/kernel`, float32Tensor([rows, columns], kernel.values));
  const product = builder.emit('MatMul', [value, matrix]);
  if (!bias) return product;
  return builder.emit('Add', [product, builder.constant(`${what}/bias`, float32Tensor([columns], bias.values))]);
}

/** The array times `factor`. */
function scaledArray({ shape, values }: KerasArray, factor: number): KerasArray {
  return { shape, values: values.map((value) => value * factor) };
}

function attended(applied: AppliedLayer, heads: Heads): KerasValue[] {
  const { layer, builder } = applied;
  const { query, value, key } = operandsOf(applied);
  const hasBias = flagSetting(layer, 'use_bias', true);
  const weightsOf = (name: string, kernel: readonly number[], bias: readonly number[]) => [
    [`${name} kernel`, kernel] as const,
    ...(hasBias ? [[`${name} bias`, bias] as const] : []),
  ];
  const own = (given: KerasValue, count: number, size: number) => [knownSize(layer, given, -1), count, size] as const;
  const arrays = takeWeights(layer, [
    ...weightsOf('query', own(query, heads.query, heads.keySize), [heads.query, heads.keySize]),
    ...weightsOf('key', own(key, heads.key, heads.keySize), [heads.key, heads.keySize]),
    ...weightsOf('value', own(value, heads.key, heads.valueSize), [heads.key, heads.valueSize]),
    ...weightsOf('output', [heads.query, heads.valueSize, heads.outputSize], [heads.outputSize]),
  ]);
  const step = hasBias ? 2 : 1;
  const part = (index: number) => arrays.slice(index * step, (index + 1) * step) as [KerasArray, KerasArray?];

  const [batch = null, queries = null] = query.shape;
  const keys = key.shape[1] ?? null;
  const isGrouped = heads.key !== heads.query;
  const queryHeads = isGrouped ? [heads.key, heads.query / heads.key] : [heads.query];
  const keyHeads = isGrouped ? [heads.key, 1] : [heads.key];
  /** Behind the batch and the steps; from here on they stand before the steps. */
  const headAxes = queryHeads.map((_, index) => index + 2);
  const last = headAxes.length + 2;
  const split = (name: string, steps: Dim, inner: readonly number[], size: number, perm: readonly number[]) =>
    builder.emit('Transpose', [builder.reshape(name, [batch, steps, ...inner, size])], { perm: ints(perm) });

  // The scores' scale goes into what makes the queries.
  const scale = 1 / Math.sqrt(heads.keySize);
  const queryWeights = part(0).map((array) => scaledArray(array!, scale)) as [KerasArray, KerasArray?];
  const q = projected(applied, 'query', query.name, queryWeights, heads.query * heads.keySize);
  const k = projected(applied, 'key', key.name, part(1), heads.key * heads.keySize);
  const v = projected(applied, 'value', value.name, part(2), heads.key * heads.valueSize);
  const scores = builder.emit('MatMul', [
    split(q, queries, queryHeads, heads.keySize, [0, ...headAxes, 1, last]),
    split(k, keys, keyHeads, heads.keySize, [0, ...headAxes, last, 1]),
  ]);
  const weights = attentionWeights(builder, scores, last + 1, {
    query: query.mask,
    keys: [value.mask, ...(key.name === value.name ? [] : [key.mask])],
    own: callValue(applied, 'attention_mask'),
    isCausal: callFlag(applied, 'use_causal_mask'),
  });
  const found = builder.emit('MatMul', [weights, split(v, keys, keyHeads, heads.valueSize, [0, ...headAxes, 1, last])]);
  const back = builder.emit('Transpose', [found], { perm: ints([0, last - 1, ...identity(last - 1).slice(1), last]) });
  const flat = builder.reshape(back, [batch, queries, heads.query * heads.valueSize]);
  const output: KerasValue = {
    name: projected(applied, 'attention_output', flat, part(3), heads.outputSize),
    dtype: 'float32',
    shape: [batch, queries, heads.outputSize],
    order: identity(3),
    ...(query.mask !== undefined && { mask: query.mask }),
  };
  if (!callFlag(applied, 'return_attention_scores')) return [output];
  const shape = [batch, heads.query, queries, keys];
  const name = isGrouped ? builder.reshape(weights, shape) : weights;
  return [output, { name, dtype: 'float32', shape, order: identity(4) }];
}

/** The features of the output, where the setting asks for others than the query has. */
function outputSize(applied: AppliedLayer): number {
  const { layer } = applied;
  const wanted = setting(layer, 'output_shape');
  const size = Array.isArray(wanted) && wanted.length === 1 ? wanted[0] : wanted;
  if (size === undefined) return knownSize(layer, operandsOf(applied).query, -1);
  if (Number.isSafeInteger(size) && (size as number) > 0) return size as number;
  throw unsupportedLayer(layer, `an output of shape ${JSON.stringify(wanted)}`);
}

export const multiHeadAttention: Rule = (applied) => {
  const { layer } = applied;
  const axes = setting(layer, 'attention_axes');
  const isDefault = axes === undefined || axes === 1 || (Array.isArray(axes) && axes.length === 1 && axes[0] === 1);
  if (!isDefault) throw unsupportedLayer(layer, `attention over the axes ${JSON.stringify(axes)}`);
  const heads = sizeSetting(layer, 'num_heads');
  const keySize = sizeSetting(layer, 'key_dim');
  const valueSize = sizeSetting(layer, 'value_dim', keySize);
  return attended(applied, { query: heads, key: heads, keySize, valueSize, outputSize: outputSize(applied) });
};

export const groupedQueryAttention: Rule = (applied) => {
  const { layer } = applied;
  const size = sizeSetting(layer, 'head_dim');
  const [query, key] = [sizeSetting(layer, 'num_query_heads'), sizeSetting(layer, 'num_key_value_heads')];
  if (query % key !== 0) throw layerError(layer, `shares ${key} heads of keys among ${query} heads of queries`);
  return attended(applied, { query, key, keySize: size, valueSize: size, outputSize: outputSize(applied) });
};
