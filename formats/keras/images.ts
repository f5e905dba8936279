/**
 * Images, volumes and sequences of channels: values (N, …sizes, C), or (N, C, …sizes) in Keras' `channels_first`, which
 * ONNX's operators take as the second of these.
 */
import type { Dim } from '../../src/graph/graph.ts';
import { channelsFirst, identity, type KerasValue } from './graph-builder.ts';
import { channelAxis } from './layer-config.ts';
import { type AppliedLayer, floatInput, inputOf } from './layer-rule.ts';

export interface Images {
  /** Kept with the channels behind the batch. */
  readonly value: KerasValue;
  /** Keras' axis of the channels. */
  readonly channelAxis: number;
  readonly channels: Dim;
  /** Height and width, or however many there are. */
  readonly sizes: readonly Dim[];
  /** Another tensor of this kind, kept with the channels behind the batch. */
  result(name: string, channels: Dim, sizes: readonly Dim[]): KerasValue;
}

/** The one input of a layer as float32 images with `dimensions` sizes, with the channels behind the batch. */
export function imagesOf(applied: AppliedLayer, dimensions: number): Images {
  const rank = dimensions + 2;
  const given = inputOf(applied, rank, rank);
  const axis = channelAxis(applied.layer, rank);
  const order = axis === 1 ? identity(rank) : channelsFirst(rank);
  const value = applied.builder.ordered(floatInput(applied.builder, given), order);
  const [batch = null] = value.shape;
  return {
    value,
    channelAxis: axis,
    channels: value.shape[axis]!,
    sizes: value.shape.filter((_, at) => at !== 0 && at !== axis),
    result: (name, channels, sizes) => ({
      name,
      dtype: 'float32',
      shape: axis === 1 ? [batch, channels, ...sizes] : [batch, ...sizes, channels],
      order,
    }),
  };
}
