/**
 * What a layer's inputs look like on the samples: H = Σ x xᵀ, the sum of what a row of its weight is multiplied with, over all
 * positions and samples; and, where the inputs are no longer the original ones, what the layer now misses of its original
 * outputs, against the same inputs.
 */
import { intsAttribute } from '../../graph/graph.ts';
import { toFloat32, toNumbers } from '../../graph/numbers.ts';
import { elementCount, type NumericTensor, type Tensor } from '../../graph/tensor.ts';
import type { LayerUse } from './biases.ts';
import { type Execute, runEach } from './executor.ts';
import type { Layer } from './layers.ts';
import { type LayerInputs, momentGraph, valueAxes } from './moment-graph.ts';

export type { LayerInputs };

/** Moments of one group of a layer; x is what a row of the weight is multiplied with. */
export interface GroupMoments {
  /** Σ x xᵀ: (columns, columns). */
  readonly products: Float64Array;
  /** Σ x: (columns). */
  readonly sums: Float64Array;
  /** Σ e xᵀ: (rows, columns), where e is what is missing of the outputs; all zero unless the inputs have changed. */
  readonly missing: Float64Array;
  /** Σ e: (rows). */
  readonly missingSums: Float64Array;
}

export interface Moments {
  readonly groups: readonly GroupMoments[];
  /** How many x were summed in each group. */
  readonly count: number;
}

/**
 * Positions that are looked at for each column: neighbouring positions see nearly the same, so that more of them cost much
 * and tell little.
 */
const POSITIONS_PER_COLUMN = 1024;

/** Elements of the patches that one run may make; some four times their memory is in use. */
const LARGEST_PATCHES = 2 ** 24;

/**
 * Measures the moments of one use of a layer. All of `batches` have the same parts.
 *
 * @param weight the layer's original weight
 * @param execute runs graphs of opset 13
 */
export async function layerMoments(
  layer: Layer,
  use: LayerUse,
  weight: Tensor,
  batches: readonly LayerInputs[],
  execute: Execute,
  signal?: AbortSignal,
): Promise<Moments> {
  const { groups: groupCount, rows, columns } = layer;
  const [first] = batches;
  if (!first) throw new RangeError('no samples to calibrate with');
  const groups = Array.from({ length: groupCount }, () => ({
    products: new Float64Array(columns * columns),
    sums: new Float64Array(columns),
    missing: new Float64Array(rows * columns),
    missingSums: new Float64Array(rows),
  }));
  let count = 0;
  const parts = Object.keys(groups[0]!) as (keyof GroupMoments)[];
  const feeds = batches.flatMap((batch) => (layer.kind === 'window' ? pieces(batch, layer) : [batch]).map(feedsOf));
  const stride = strideOver(layer, use, batches);
  await runEach(
    execute,
    momentGraph(layer, use, weight, first, stride),
    feeds,
    (outputs) => {
      for (const part of parts) {
        const tensor = outputs.get(part);
        if (!tensor) continue;
        const values = toFloat32(tensor);
        const size = values.length / groupCount;
        for (const [at, group] of groups.entries()) addTo(group[part], values.subarray(at * size, (at + 1) * size));
      }
      count += toNumbers(outputs.get('shape')!).at(-1)!;
    },
    signal,
  );
  return { groups, count };
}

/** Moments over all that `each` was summed over; they are of the same layer, and at least one. */
export function addMoments(each: readonly Moments[]): Moments {
  const [first, ...others] = each as [Moments, ...Moments[]];
  for (const { groups } of others) {
    for (const [at, group] of groups.entries()) {
      for (const part of Object.keys(group) as (keyof GroupMoments)[]) addTo(first.groups[at]![part], group[part]);
    }
  }
  return { groups: first.groups, count: each.reduce((sum, { count }) => sum + count, 0) };
}

function addTo(sums: Float64Array, values: ArrayLike<number>): void {
  for (let at = 0; at < sums.length; at++) sums[at]! += values[at]!;
}

function feedsOf({ input, original, shortcut }: LayerInputs): Map<string, Tensor> {
  const feeds = new Map([['input', input]]);
  if (original) feeds.set('original input', original);
  if (shortcut) feeds.set('shortcut', shortcut.now).set('original shortcut', shortcut.original);
  return feeds;
}

/** A batch cut along its first axis, so that the patches of each piece fit in memory. */
function pieces(batch: LayerInputs, { columnShape }: Layer): LayerInputs[] {
  const { shape } = batch.input;
  const samples = shape[0] ?? 1;
  if (samples <= 1) return [batch];
  const patches = (elementCount(shape) / samples) * elementCount(columnShape.slice(1));
  const rows = Math.max(1, Math.floor(LARGEST_PATCHES / patches));
  return Array.from({ length: Math.ceil(samples / rows) }, (_, piece) => {
    const cut = (tensor: Tensor) =>
      rowsFrom(tensor as NumericTensor, piece * rows, Math.min(samples, (piece + 1) * rows));
    const { input, original, shortcut } = batch;
    return {
      input: cut(input),
      ...(original && { original: cut(original) }),
      ...(shortcut && { shortcut: { now: cut(shortcut.now), original: cut(shortcut.original) } }),
    };
  });
}

function rowsFrom({ dtype, shape, data }: NumericTensor, first: number, end: number): NumericTensor {
  const bytes = data.length / shape[0]!;
  return { dtype, shape: shape.with(0, end - first), data: data.subarray(first * bytes, end * bytes) };
}

/** Every how manieth position is looked at: no multiple of a row or column of a picture, so that all places have their turn. */
function strideOver(layer: Layer, use: LayerUse, batches: readonly LayerInputs[]): number {
  const { columns, groups, columnShape, kind } = layer;
  const { shape } = batches[0]!.input;
  const elements = batches.reduce((sum, { input }) => sum + elementCount(input.shape), 0);
  let positions: number;
  if (kind === 'window') {
    const steps = intsAttribute(use.node, 'strides')?.reduce((product, step) => product * step, 1) ?? 1;
    positions = (elements / (groups * columnShape[0]!)) * (use.node.op === 'Conv' ? 1 / steps : steps);
  } else {
    const { rank, groups: axes } = valueAxes(layer, use, shape.length, 'input');
    const own = axes.map(({ axis }) => shape[axis - (rank - shape.length)] ?? 1);
    positions = elements / columns / elementCount(own);
  }
  let stride = Math.max(1, Math.floor(positions / (POSITIONS_PER_COLUMN * columns)));
  const [, , ...picture] = shape;
  while (picture.some((size) => commonDivisor(size, stride) > 1)) stride++;
  return stride;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
