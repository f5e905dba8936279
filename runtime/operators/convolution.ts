/**
 * Conv and ConvTranspose over one or two axes (ONNX operator documentation): one kernel call each, so that what follows
 * them element by element becomes its epilogue.
 */
import { intAttribute, intsAttribute, type Node } from '../../src/graph/graph.ts';
import { convScratch, convTransposeScratch, depthwiseScratch } from '../kernels/scratch.ts';
import type { Buffer } from '../plan/buffer.ts';
import { sizeOf, type Value } from '../plan/value.ts';
import type { Inputs, Lower, Lowering, Operators } from './operator.ts';
import { atRank, extent, halves, type Window, windowsOf, windowWords } from './windows.ts';

const SCRATCH = { conv: convScratch, depthwise: depthwiseScratch, convTranspose: convTransposeScratch };

interface Call {
  readonly kernel: keyof typeof SCRATCH;
  readonly batch: number;
  readonly groups: number;
  /** Per group. */
  readonly channels: number;
  readonly filters: number;
  /** Height and width. */
  readonly windows: readonly Window[];
  readonly w: Buffer;
  readonly bias?: Value | undefined;
}

/** The result of a kernel of the family on `x`, of shape (batch, groups · filters, …). */
export function convolved(plan: Lowering, x: Value, shape: readonly number[], call: Call): Value {
  const { kernel, windows, w, bias } = call;
  const geometry = [
    call.batch,
    call.groups,
    call.channels,
    ...windowWords(windows, ['size']),
    call.filters,
    ...windowWords(windows, ['out', 'kernel', 'stride', 'dilation', 'begin']),
  ];
  const [source, added] = [plan.buffer(x), bias ? plan.buffer(bias) : 0];
  return plan.produce(x.dtype, shape, {
    split: [1, 2],
    emit(y, epilogue) {
      const scratch = plan.temporary(SCRATCH[kernel](geometry) / 4);
      plan.step(kernel, plan.table(geometry), source, w, added, y, ...epilogue, scratch);
    },
  });
}

/** The matrices (batches, rows, columns) of a weight, packed as left factors; the weight may hold them transposed. */
export function leftFactors(
  plan: Lowering,
  w: Value,
  batches: number,
  rows: number,
  columns: number,
  transposed = false,
): Buffer {
  const [rowStride, columnStride] = transposed ? [1, rows] : [columns, 1];
  return plan.packed(w, { side: 'rows', batches, batchStride: rows * columns, rowStride, columnStride, rows, columns });
}

/** Numbers that both operators need; throws `RangeError` where the channels of input and weight differ. */
export function sizes(node: Node, [x, w]: Inputs, transposed: boolean) {
  const groups = intAttribute(node, 'group', 1);
  const [batch, given] = x!.shape as [number, number];
  const [first, second] = w!.shape as [number, number];
  const channels = transposed ? first / groups : second;
  const filters = transposed ? second : first / groups;
  if (given !== channels * groups || !Number.isInteger(filters)) {
    throw new RangeError(`${node.op}: ${given} channels where the weight has ${channels * groups}`);
  }
  return { groups, batch, channels, filters };
}

/** Over one or two axes. */
const conv: Lower = (plan, node, inputs) => {
  const [x, w, bias] = inputs as [Value, Value, Value?];
  const { groups, batch, channels, filters } = sizes(node, inputs, false);
  const windows = windowsOf(node, x.shape.slice(2), w.shape.slice(2));
  const isDepthwise = channels === 1 && groups > 1;
  const call: Call = {
    kernel: isDepthwise ? 'depthwise' : 'conv',
    batch,
    groups,
    channels,
    filters,
    windows: atRank(node, windows, 2),
    w: isDepthwise ? plan.buffer(w) : leftFactors(plan, w, groups, filters, sizeOf(w) / (groups * filters)),
    bias,
  };
  return [convolved(plan, x, [batch, groups * filters, ...windows.map(({ out }) => out)], call)];
};

const convTranspose: Lower = (plan, node, inputs) => {
  const [x, w, bias] = inputs as [Value, Value, Value?];
  const { groups, batch, channels, filters } = sizes(node, inputs, true);
  const extra = intsAttribute(node, 'output_padding');
  const fixed = intsAttribute(node, 'output_shape');
  const rank = x.shape.length - 2;
  const windows = windowsOf(node, x.shape.slice(2), w.shape.slice(2), (window, autoPad, axis) => {
    const { size, stride, begin, end } = window;
    const full = Math.max(0, size - 1) * stride + (extra?.[axis] ?? 0) + extent(window);
    const same = autoPad.startsWith('SAME');
    const out = fixed?.at(axis - rank) ?? (same ? size * stride : full - begin - end);
    return { out, ...((fixed || same) && halves(Math.max(0, full - out), autoPad === 'SAME_UPPER')) };
  });
  const call: Call = {
    kernel: 'convTranspose',
    batch,
    groups,
    channels,
    filters,
    windows: atRank(node, windows, 2),
    w: leftFactors(plan, w, groups, sizeOf(w) / (groups * channels), channels, true),
    bias,
  };
  return [convolved(plan, x, [batch, groups * filters, ...windows.map(({ out }) => out)], call)];
};

export const CONVOLUTION_OPERATORS: Operators = { Conv: conv, ConvTranspose: convTranspose };
