/**
 * Conv over three axes (ONNX operator documentation). With the depth of the kernel as channels it is a convolution over two, and the
 * weight is already in that order.
 */
import { sizeOf, type Value } from '../plan/value.ts';
import { CONVOLUTION_OPERATORS, convolved, leftFactors, sizes } from './convolution.ts';
import { move } from './moves.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { strided } from './strided-copy.ts';
import { type Window, windowsOf } from './windows.ts';

const conv: Lower = (plan, node, inputs) => {
  const [x, w, bias] = inputs as [Value, Value, Value?];
  if (x.shape.length !== 5) return CONVOLUTION_OPERATORS.Conv!(plan, node, inputs);
  const { groups, batch, channels, filters } = sizes(node, inputs, false);
  const [depth, ...windows] = windowsOf(node, x.shape.slice(2), w.shape.slice(2)) as [Window, Window, Window];
  const plane = windows.map(({ out }) => out) as [number, number];
  const [outer, inner] = [groups * filters, plane[0] * plane[1]];
  const y = convolved(plan, slices(plan, x, depth), [batch * depth.out, outer, inner], {
    kernel: 'conv',
    batch: batch * depth.out,
    groups,
    channels: channels * depth.kernel,
    filters,
    windows,
    w: leftFactors(plan, w, groups, filters, sizeOf(w) / outer),
    bias,
  });
  const dims = [batch, outer, depth.out, inner];
  const strides = [depth.out * outer * inner, inner, outer * inner, 1];
  return [strided(plan, y, [batch, outer, depth.out, ...plane], strides, 0, dims)];
};

/** (N, C, D, H, W) as (N · OD, C · KD, H, W). */
function slices(plan: Lowering, x: Value, { size, out, kernel, stride, dilation, begin, end }: Window): Value {
  const [batch, channels, , height, width] = x.shape as [number, number, number, number, number];
  const area = height * width;
  const depth = size + begin + end;
  let source = x;
  if (depth !== size) {
    source = plan.tensor(x.dtype, [batch, channels, depth, area]);
    const buffer = plan.buffer(source);
    plan.step('fill', buffer, sizeOf(source), 0);
    const walk = (planes: number, offset: number) => ({ offset, strides: [planes * area, 1] });
    move(plan, plan.buffer(x), buffer, [batch * channels, size * area], walk(size, 0), walk(depth, begin * area));
  }
  const dims = [batch, out, channels, kernel, area];
  const strides = [channels * depth * area, stride * area, depth * area, dilation * area, 1];
  return strided(plan, source, [batch * out, channels * kernel, height, width], strides, 0, dims);
}

/** `Conv` over any number of axes. */
export const VOLUME_CONVOLUTION_OPERATORS: Operators = { Conv: conv };
