/**
 * Conv and ConvTranspose over one to three axes (ONNX operator documentation): one kernel call each, so that what follows
 * them element by element becomes its epilogue.
 */
import type { DType } from '../../src/graph/dtype.ts';
import { intAttribute, intsAttribute, type Node } from '../../src/graph/graph.ts';
import { convScratch, convTransposeScratch, depthwiseScratch } from '../kernels/scratch.ts';
import type { Argument, Buffer } from '../plan/buffer.ts';
import { sizeOf, type Value } from '../plan/value.ts';
import { move } from './moves.ts';
import type { Inputs, Lower, Lowering, Operators } from './operator.ts';
import { strided } from './strided-copy.ts';
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
  readonly x: Buffer;
  readonly w: Buffer;
  readonly bias: Argument;
}

/** The result of a kernel of the family, of shape (batch, groups · filters, …). */
export function convolved(plan: Lowering, dtype: DType, shape: readonly number[], call: Call): Value {
  const { kernel, windows } = call;
  const geometry = [
    call.batch,
    call.groups,
    call.channels,
    ...windowWords(windows, ['size']),
    call.filters,
    ...windowWords(windows, ['out', 'kernel', 'stride', 'dilation', 'begin']),
  ];
  return plan.produce(dtype, shape, {
    split: [1, 2],
    emit(y, epilogue) {
      const scratch = plan.temporary(SCRATCH[kernel](geometry) / 4);
      plan.step(kernel, plan.table(geometry), call.x, call.w, call.bias, y, ...epilogue, scratch);
    },
  });
}

/** Numbers that both operators need; throws `RangeError` where the channels of input and weight differ. */
function sizes(node: Node, [x, w]: Inputs, transposed: boolean) {
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

const conv: Lower = (plan, node, inputs) => {
  const [x, w, bias] = inputs as [Value, Value, Value?];
  const { groups, batch, channels, filters } = sizes(node, inputs, false);
  const all = windowsOf(node, x.shape.slice(2), w.shape.slice(2));
  const [depth, ...windows] = atRank(node, all, 3) as [Window, Window, Window];
  const isDepthwise = channels === 1 && groups > 1 && depth.kernel === 1;
  const columns = sizeOf(w) / (groups * filters);
  const shape = [groups * filters, ...all.map(({ out }) => out)];
  const isFlat = depth.size === 1 && depth.out === 1 && depth.kernel === 1;
  const call: Call = {
    kernel: isDepthwise ? 'depthwise' : 'conv',
    batch: batch * depth.out,
    groups,
    channels: channels * depth.kernel,
    filters,
    windows,
    x: isFlat ? plan.buffer(x) : slices(plan, x, depth),
    w: isDepthwise
      ? plan.buffer(w)
      : plan.packed(w, {
          side: 'rows',
          batches: groups,
          batchStride: filters * columns,
          rowStride: columns,
          columnStride: 1,
          rows: filters,
          columns,
        }),
    bias: bias ? plan.buffer(bias) : 0,
  };
  if (isFlat) return [convolved(plan, x.dtype, [batch, ...shape], call)];
  const [outer, inner] = [groups * filters, windows[0]!.out * windows[1]!.out];
  const y = convolved(plan, x.dtype, [call.batch, outer, inner], call);
  const dims = [batch, outer, depth.out, inner];
  return [strided(plan, y, [batch, ...shape], [depth.out * outer * inner, inner, outer * inner, 1], 0, dims)];
};

/**
 * (N, C, D, H, W) as (N · OD, C · KD, H, W): with the depth of the kernel as channels, a convolution over three axes is one
 * over two, and the weight is already in that order.
 */
function slices(plan: Lowering, x: Value, { size, out, kernel, stride, dilation, begin, end }: Window): Buffer {
  const [batch, channels, , ...plane] = x.shape as [number, number, number, number, number];
  const area = plane[0]! * plane[1]!;
  let source = x;
  const depth = size + begin + end;
  if (depth !== size) {
    const buffer = plan.temporary(batch * channels * depth * area);
    plan.step('fill', buffer, buffer.words, 0);
    const [dims, from, to] = [
      [batch * channels, size * area],
      [size * area, 1],
      [depth * area, 1],
    ];
    move(plan, plan.buffer(x), buffer, dims, { offset: 0, strides: from }, { offset: begin * area, strides: to });
    source = plan.tensor('float32', [batch, channels, depth, area], buffer);
  }
  const dims = [batch, out, channels, kernel, area];
  const strides = [channels * depth * area, stride * area, depth * area, dilation * area, 1];
  return plan.buffer(strided(plan, source, dims, strides));
}

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
  const columns = sizeOf(w) / (groups * channels);
  const call: Call = {
    kernel: 'convTranspose',
    batch,
    groups,
    channels,
    filters,
    windows: atRank(node, windows, 2),
    x: plan.buffer(x),
    w: plan.packed(w, {
      side: 'rows',
      batches: groups,
      batchStride: channels * columns,
      rowStride: 1,
      columnStride: columns,
      rows: columns,
      columns: channels,
    }),
    bias: bias ? plan.buffer(bias) : 0,
  };
  return [convolved(plan, x.dtype, [batch, groups * filters, ...windows.map(({ out }) => out)], call)];
};

export const CONVOLUTION_OPERATORS: Operators = { Conv: conv, ConvTranspose: convTranspose };
