/**
 * Gradients of convolutions. Conv gathers windows of a large picture into places of a small one, and ConvTranspose spreads
 * them back: each is the other's gradient by its input, and both have the same gradient by their weight.
 */
import { intAttribute, type Node } from '../../graph/graph.ts';
import type { Emitter } from '../emit.ts';
import {
  channelSums,
  cropEnds,
  fitEnds,
  type GradientRule,
  type GradientRules,
  isStatic,
  unsupported,
} from './rule.ts';
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
 * The gradient by a weight (M, C / group, …) between `large` (N, C, …) and `small` (N, M, …) is a convolution of the two: its
 * samples are the channels of `large`, its filters those of `small`, and it sums over N. What were places of the window are
 * now elements of it, so that strides and dilations change roles.
 */
function weightGradient(
  emit: Emitter,
  node: Node,
  axes: readonly WindowAxis[],
  large: string,
  small: string,
  weight: string,
): string {
  const spatial = axes.map((_, axis) => axis + 2);
  const swap = (value: string) => emit.Transpose(value, { perm: [1, 0, ...spatial] });
  const group = intAttribute(node, 'group', 1);
  const channels = emit.shapeOf(weight)?.[1];
  if (typeof channels !== 'number') throw unsupported(node, 'the shape of its weight is not known');
  const used = cropEnds(
    emit,
    large,
    axes.map((axis) => Math.max(0, (unreachedBy(axis) ?? 0) - axis.after)),
  );
  const gradient = emit.Conv(group === 1 ? swap(used) : swapInGroups(emit, used, group, channels), swap(small), {
    group,
    strides: axes.map(({ dilation }) => dilation),
    dilations: axes.map(({ stride }) => stride),
    pads: [
      ...axes.map(({ before }) => before),
      ...axes.map((axis) => (unreachedBy(axis) === undefined ? axis : withoutUnreached(axis)).after),
    ],
  });
  return fitEnds(emit, swap(gradient), weight);
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
function swapInGroups(emit: Emitter, value: string, groups: number, channels: number): string {
  const spatial = emit.shapeOf(value)!.slice(2);
  const shape = (...lead: number[]) =>
    isStatic(spatial) ? [...lead, ...spatial] : emit.Concat(lead, emit.Shape(value, { start: 2 }), { axis: 0 });
  const apart = emit.Reshape(value, shape(-1, groups, channels));
  const turned = emit.Transpose(apart, { perm: [2, 1, 0, ...spatial.map((_, axis) => axis + 3)] });
  return emit.Reshape(turned, shape(channels, -1));
}

export const CONVOLUTION_RULES: GradientRules = { Conv: conv, ConvTranspose: convTranspose };
