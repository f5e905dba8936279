/**
 * Gradients of convolutions. Conv gathers windows of a large picture into places of a small one, and ConvTranspose spreads
 * them back: each is the other's gradient by its input, and both have the same gradient by their weight.
 */
import { intAttribute, type Node } from '../../graph/graph.ts';
import type { Emitter } from '../emit.ts';
import { cropEnds, fitEnds, isStatic, reshapeLike } from './like.ts';
import { channelSums } from './reduction.ts';
import { type GradientRule, type GradientRules, unsupported } from './rule.ts';
import { type WindowAxis, windowAttributes, windowAxes } from './window.ts';

const conv: GradientRule = (emit, { node, x, y, dy, inputs: [, weight, bias], wants }) => {
  const axes = windowAxes(emit, node, x, y, weight);
  const group = intAttribute(node, 'group', 1);
  const reached = emit.ConvTranspose(dy, weight, { ...windowAttributes(axes.map(withoutUnreached)), group });
  return [
    // The windows may end before the picture does.
    fitEnds(emit, reached, x),
    wants(1) ? weightGradient(emit, node, axes, x, dy, weight) : undefined,
    bias && channelSums(emit, dy),
  ];
};

const convTranspose: GradientRule = (emit, { node, x, y, dy, inputs: [, weight, bias], wants }) => {
  const axes = windowAxes(emit, node, y, x, weight);
  const group = intAttribute(node, 'group', 1);
  return [
    fitEnds(emit, emit.Conv(dy, weight, { ...windowAttributes(axes), group }), x),
    wants(1) ? weightGradient(emit, node, axes, dy, x, weight) : undefined,
    bias && channelSums(emit, dy),
  ];
};

/**
 * With this many channels and at most this many elements in a window, one matrix product for each element of the window is
 * quicker than a convolution, which has only few places to compute at once: 8.8 instead of 22.7 ms for 3×3 weights between 16
 * channels of 32×32 (64 samples), but 11.6 instead of 2.2 ms for 5×5 weights on one channel.
 */
const FEWEST_CHANNELS = 8;
const MOST_ELEMENTS = 9;

/** The gradient by a weight (M, C / group, …) between `large` (N, C, …) and `small` (N, M, …). */
function weightGradient(
  emit: Emitter,
  node: Node,
  axes: readonly WindowAxis[],
  large: string,
  small: string,
  weight: string,
): string {
  const group = intAttribute(node, 'group', 1);
  const channels = emit.shapeOf(weight)?.[1];
  if (typeof channels !== 'number') throw unsupported(node, 'the shape of its weight is not known');
  const elements = axes.reduce((product, { kernel }) => product * kernel, 1);
  const isKnown = axes.every((axis) => unreachedBy(axis) !== undefined);
  return group === 1 && channels >= FEWEST_CHANNELS && elements <= MOST_ELEMENTS && isKnown
    ? byElements(emit, axes, large, small, weight)
    : byConvolution(emit, axes, large, small, weight, group, channels);
}

/** (N, C, …) ↔ (C, N, …) */
function swapped(emit: Emitter, value: string, axes: readonly WindowAxis[]): string {
  return emit.Transpose(value, { perm: [1, 0, ...axes.map((_, axis) => axis + 2)] });
}

/** For each element of the window, the product of what it sees in `large` and of `small`, over all samples and places. */
function byElements(emit: Emitter, axes: readonly WindowAxis[], large: string, small: string, weight: string): string {
  const { Concat, Flatten, Gemm, Pad, Slice, Unsqueeze } = emit;
  const spatial = axes.map((_, axis) => axis + 2);
  const { pads, strides } = windowAttributes(axes.map(withoutUnreached));
  const turned = swapped(emit, large, axes);
  const padded = pads.some((pad) => pad > 0) ? Pad(turned, pads, '', spatial) : turned;
  const places = Flatten(swapped(emit, small, axes), { axis: 1 });
  const gradients = windowElements(axes).map((element) => {
    const starts = axes.map(({ dilation }, axis) => element[axis]! * dilation);
    const ends = axes.map(({ small: count, stride }, axis) => starts[axis]! + (count! - 1) * stride + 1);
    const seen = axes.every((axis) => axis.small === axis.large && axis.kernel === 1)
      ? padded
      : Slice(padded, starts, ends, spatial, strides);
    return Gemm(places, Flatten(seen, { axis: 1 }), { transB: 1 });
  });
  // (M, C) each
  const stacked = Concat(...gradients.map((gradient) => Unsqueeze(gradient, [2])), { axis: 2 });
  return reshapeLike(emit, stacked, weight);
}

/** The coordinates of a window's elements, in order. */
function windowElements(axes: readonly WindowAxis[]): number[][] {
  return axes.reduce<number[][]>(
    (found, { kernel }) => found.flatMap((lead) => Array.from({ length: kernel }, (_, index) => [...lead, index])),
    [[]],
  );
}

/**
 * A convolution whose samples are the channels of `large` and whose filters are those of `small`, with a sum over N: what were
 * places of the window are now elements of it, so that strides and dilations change roles.
 */
function byConvolution(
  emit: Emitter,
  axes: readonly WindowAxis[],
  large: string,
  small: string,
  weight: string,
  group: number,
  channels: number,
): string {
  const used = cropEnds(
    emit,
    large,
    axes.map((axis) => Math.max(0, (unreachedBy(axis) ?? 0) - axis.after)),
  );
  const samples = group === 1 ? swapped(emit, used, axes) : swappedInGroups(emit, used, group, channels);
  const gradient = emit.Conv(samples, swapped(emit, small, axes), {
    group,
    strides: axes.map(({ dilation }) => dilation),
    dilations: axes.map(({ stride }) => stride),
    pads: [
      ...axes.map(({ before }) => before),
      ...axes.map((axis) => (unreachedBy(axis) === undefined ? axis : withoutUnreached(axis)).after),
    ],
  });
  return fitEnds(emit, swapped(emit, gradient, axes), weight);
}

/** How much of a picture and its padding lies behind the last window, where the sizes are known. */
function unreachedBy({ large, small, kernel, stride, dilation, before, after }: WindowAxis): number | undefined {
  if (large === null || small === null) return undefined;
  return large + before + after - ((small - 1) * stride + (kernel - 1) * dilation + 1);
}

/** An axis without the padding that no window reaches, or without any at its end where the sizes are not known. */
function withoutUnreached(axis: WindowAxis): WindowAxis {
  return { ...axis, after: Math.max(0, axis.after - (unreachedBy(axis) ?? axis.after)) };
}

/** (N, groups × C, …) → (C, groups × N, …). */
function swappedInGroups(emit: Emitter, value: string, groups: number, channels: number): string {
  const spatial = emit.shapeOf(value)!.slice(2);
  const shape = (...lead: number[]) =>
    isStatic(spatial) ? [...lead, ...spatial] : emit.Concat(lead, emit.Shape(value, { start: 2 }), { axis: 0 });
  const apart = emit.Reshape(value, shape(-1, groups, channels));
  const turned = emit.Transpose(apart, { perm: [2, 1, 0, ...spatial.map((_, axis) => axis + 3)] });
  return emit.Reshape(turned, shape(channels, -1));
}

export const CONVOLUTION_RULES: GradientRules = { Conv: conv, ConvTranspose: convTranspose };
