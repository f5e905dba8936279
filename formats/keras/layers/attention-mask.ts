/**
 * Which keys a query may look at: Keras joins the masks of its inputs, a mask of the call and the causal one by "and"
 * (`_compute_attention_mask` and `_calculate_score_mask` in keras/src/layers/attention).
 */
import { numericTensor } from '../../../src/graph/tensor.ts';
import { type GraphBuilder, int, type KerasValue } from '../graph-builder.ts';
import { type AppliedLayer, unsupportedLayer, valuesOf } from '../layer-rule.ts';

/** What is added to a score that does not count; so much that the softmax makes it zero. */
const HIDDEN = -1e9;

/** Masks that are given for the scores (N, …, queries, keys). */
export interface ScoreMasks {
  /** bool (N, queries) */
  readonly query?: string | undefined;
  /** bool (N, keys), each */
  readonly keys: readonly (string | undefined)[];
  /** Of fewer axes than the scores, or as many, of which the first is the batch. */
  readonly own?: KerasValue | undefined;
  /** Whether a query may only look at keys that stand no later than itself. */
  readonly isCausal: boolean;
}

/** The softmax over the keys of `scores`, a tensor of `rank` axes, without the keys that the masks hide. */
export function attentionWeights(builder: GraphBuilder, scores: string, rank: number, masks: ScoreMasks): string {
  const wanted = [
    ...(masks.query === undefined ? [] : [withAxes(builder, masks.query, [...between(1, rank - 2), rank - 1])]),
    ...masks.keys.flatMap((mask) => (mask === undefined ? [] : [withAxes(builder, mask, between(1, rank - 1))])),
    ...(masks.own ? [ownMask(builder, masks.own, rank)] : []),
    ...(masks.isCausal ? [causalMask(builder, scores)] : []),
  ];
  const mask = wanted.reduce<string | undefined>(
    (joined, each) => (joined === undefined ? each : builder.emit('And', [joined, each])),
    undefined,
  );
  const visible = mask === undefined ? scores : builder.emit('Where', [mask, scores, builder.scalar('hidden', HIDDEN)]);
  return builder.emit('Softmax', [visible]);
}

const between = (first: number, end: number): number[] =>
  Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);

function withAxes(builder: GraphBuilder, name: string, axes: readonly number[]): string {
  return axes.length === 0 ? name : builder.emit('Unsqueeze', [name, builder.integers('axes', axes)]);
}

/** A mask (N, queries, keys), or of another rank, as one that goes with the scores. */
function ownMask(builder: GraphBuilder, mask: KerasValue, rank: number): string {
  const { name, shape } = builder.cast(builder.plain(mask), 'bool');
  return withAxes(builder, name, between(1, 1 + rank - shape.length));
}

/** (queries, keys): true where the key stands no later than the query. */
function causalMask(builder: GraphBuilder, scores: string): string {
  const sizes = builder.emit('Shape', [scores], { start: int(-2) });
  const value = { type: 'tensor', value: numericTensor('bool', [1], Uint8Array.of(1)) } as const;
  return builder.emit('Trilu', [builder.emit('ConstantOfShape', [sizes], { value })], { upper: int(0) });
}

/** A flag among the keyword arguments of a call, which must be constant. */
export function callFlag({ layer, kwargs }: AppliedLayer, name: string): boolean {
  const argument = kwargs[name];
  if (!argument || (argument.kind === 'constant' && !argument.value)) return false;
  if (argument.kind === 'constant' && argument.value === true) return true;
  throw unsupportedLayer(layer, `a call whose ${name} is not a constant`);
}

/** A value among the keyword arguments of a call. */
export function callValue({ kwargs }: AppliedLayer, name: string): KerasValue | undefined {
  const argument = kwargs[name];
  return argument && valuesOf([argument])[0];
}
