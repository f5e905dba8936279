/**
 * Shapes of operators on images (N, C, D1, D2, …): convolutions, pooling, resampling and pixel shuffling, after the
 * formulas of the ONNX operator documentation.
 */
import type { Dim } from '../graph.ts';
import { toNumbers } from '../numbers.ts';
import { add, fromFront, multiply, quotient, type Shape, unknownDims } from './dims.ts';
import {
  type Application,
  dtypeOf,
  int,
  ints,
  isGiven,
  type Rule,
  type Rules,
  shapeOf,
  string,
  typed,
} from './rule.ts';

/** A sliding window along one spatial axis. */
interface Window {
  readonly kernel: Dim;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  readonly autoPad: string;
}

/** The windows of a node over `rank` spatial axes; `kernel` where the kernel's sizes come from the weight's shape. */
function windowsOf(at: Application, rank: number, kernel: Shape = unknownDims(rank)): Window[] {
  const kernelShape = ints(at, 'kernel_shape');
  const strides = ints(at, 'strides');
  const dilations = ints(at, 'dilations');
  const pads = ints(at, 'pads');
  const autoPad = string(at, 'auto_pad') ?? 'NOTSET';
  return Array.from({ length: rank }, (_, axis) => ({
    kernel: kernelShape?.[axis] ?? kernel[axis] ?? null,
    stride: strides?.[axis] ?? 1,
    dilation: dilations?.[axis] ?? 1,
    before: pads?.[axis] ?? 0,
    after: pads?.[axis + rank] ?? 0,
    autoPad,
  }));
}

/** How many places a window takes along an axis of size `size`. */
function slide(size: Dim, window: Window, ceil = false): Dim {
  const { kernel, stride, dilation, autoPad } = window;
  if (autoPad.startsWith('SAME')) {
    if (stride === 1) return size;
    return typeof size === 'number' ? Math.ceil(size / stride) : null;
  }
  if (typeof kernel !== 'number') return null;
  const [before, after] = autoPad === 'VALID' ? [0, 0] : [window.before, window.after];
  const slack = before + after - ((kernel - 1) * dilation + 1);
  if (stride === 1) return add(add(size, slack + 1), 0);
  if (typeof size !== 'number') return null;
  const steps = (size + slack) / stride;
  if (!ceil) return Math.max(0, Math.floor(steps) + 1);
  const places = Math.ceil(steps) + 1;
  // A last window that would start in the padding behind the input is left out.
  return (places - 1) * stride >= size + before ? places - 1 : places;
}

/** (N, C, …) with N from the input, `channels`, and each spatial axis slid over. */
function slid(input: Shape, channels: Dim, windows: readonly Window[], ceil = false): Dim[] {
  return [input[0]!, channels, ...windows.map((window, axis) => slide(input[axis + 2]!, window, ceil))];
}

/** Convolutions whose weight (M, C / group, …) is input `weight`, with results of type `dtype` or the input's. */
const convolution =
  (weight: number, dtype: (at: Application) => ReturnType<typeof dtypeOf>): Rule =>
  (at) => {
    const input = shapeOf(at, 0);
    const kernel = shapeOf(at, weight);
    if (!input || input.length < 2) return [typed(dtype(at), undefined)];
    const windows = windowsOf(at, input.length - 2, kernel?.slice(2));
    return [typed(dtype(at), slid(input, kernel?.[0] ?? null, windows))];
  };

const convTranspose: Rule = (at) => {
  const input = shapeOf(at, 0);
  const kernel = shapeOf(at, 1);
  if (!input || input.length < 2) return [typed(dtypeOf(at, 0), undefined)];
  const channels = multiply(kernel?.[1] ?? null, int(at, 'group', 1));
  const outputShape = ints(at, 'output_shape');
  const outputPadding = ints(at, 'output_padding');
  const spatial = windowsOf(at, input.length - 2, kernel?.slice(2)).map((window, axis): Dim => {
    const fixed = outputShape?.at(axis - (input.length - 2));
    if (fixed !== undefined) return fixed;
    const { kernel: size, stride, dilation, autoPad } = window;
    const from = input[axis + 2]!;
    if (autoPad.startsWith('SAME')) return multiply(from, stride);
    if (typeof size !== 'number') return null;
    const pads = autoPad === 'VALID' ? 0 : window.before + window.after;
    return add(multiply(from, stride), (outputPadding?.[axis] ?? 0) - stride + (size - 1) * dilation + 1 - pads);
  });
  return [typed(dtypeOf(at, 0), [input[0]!, channels, ...spatial])];
};

const pool: Rule = (at) => {
  const input = shapeOf(at, 0);
  if (!input || input.length < 2) return [typed(dtypeOf(at, 0), undefined), { dtype: 'int64' }];
  const windows = windowsOf(at, input.length - 2);
  const shape = slid(input, input[1]!, windows, int(at, 'ceil_mode', 0) === 1);
  return [typed(dtypeOf(at, 0), shape), { dtype: 'int64', shape }];
};

const globalPool: Rule = (at) => {
  const input = shapeOf(at, 0);
  return [
    typed(
      dtypeOf(at, 0),
      input?.map((dim, axis) => (axis < 2 ? dim : 1)),
    ),
  ];
};

const maxUnpool: Rule = (at) => {
  const input = shapeOf(at, 0);
  if (isGiven(at, 2)) return [typed(dtypeOf(at, 0), at.integers(2) ?? (input && unknownDims(input.length)))];
  if (!input || input.length < 2) return [typed(dtypeOf(at, 0), undefined)];
  const spatial = windowsOf(at, input.length - 2).map(({ kernel, stride, before, after }, axis) =>
    typeof kernel === 'number' ? add(multiply(input[axis + 2]!, stride), kernel - stride - before - after) : null,
  );
  return [typed(dtypeOf(at, 0), [input[0]!, input[1]!, ...spatial])];
};

const resize: Rule = (at) => {
  const input = shapeOf(at, 0);
  const result = (shape: Shape | undefined) => [typed(dtypeOf(at, 0), shape)];
  if (!input) return result(undefined);
  const axes = (ints(at, 'axes') ?? input.map((_, axis) => axis)).map((axis) => fromFront(axis, input.length));
  const policy = string(at, 'keep_aspect_ratio_policy') ?? 'stretch';
  const sizes = isGiven(at, 3) ? at.integers(3) : undefined;
  const scalesTensor = isGiven(at, 3) ? undefined : at.constant(2);
  const scales = scalesTensor?.dtype === 'float32' ? toNumbers(scalesTensor) : undefined;
  const roi = string(at, 'coordinate_transformation_mode') === 'tf_crop_and_resize';
  const shape = input.map((dim, axis): Dim => {
    const place = axes.indexOf(axis);
    if (place < 0) return dim;
    if (sizes) return policy === 'stretch' ? (sizes[place] ?? null) : null;
    const scale = scales?.[place];
    if (scale === undefined || roi) return null;
    if (scale === 1) return dim;
    return typeof dim === 'number' ? Math.floor(Math.fround(dim * scale)) : null;
  });
  return result(shape);
};

/** DepthToSpace and SpaceToDepth: `block` moves that factor from the channels to each spatial axis, or back. */
const shuffle =
  (toSpace: boolean): Rule =>
  (at) => {
    const block = int(at, 'blocksize', 1);
    const input = shapeOf(at, 0);
    if (input?.length !== 4) return [typed(dtypeOf(at, 0), undefined)];
    const [batch, channels, ...spatial] = input as [Dim, Dim, ...Dim[]];
    const squared = block * block;
    return [
      typed(dtypeOf(at, 0), [
        batch,
        toSpace ? quotient([channels], [squared]) : multiply(channels, squared),
        ...spatial.map((dim) => (toSpace ? multiply(dim, block) : quotient([dim], [block]))),
      ]),
    ];
  };

const gridSample: Rule = (at) => {
  const input = shapeOf(at, 0);
  const grid = shapeOf(at, 1);
  return [typed(dtypeOf(at, 0), input && grid && [...input.slice(0, 2), ...grid.slice(1, -1)])];
};

const affineGrid: Rule = (at) => {
  const size = at.integers(1);
  return [typed(dtypeOf(at, 0), size?.length ? [size[0]!, ...size.slice(2), size.length - 2] : undefined)];
};

const roiAlign: Rule = (at) => {
  const input = shapeOf(at, 0);
  const count = shapeOf(at, 1)?.[0] ?? null;
  const shape = [count, input?.[1] ?? null, int(at, 'output_height', 1), int(at, 'output_width', 1)];
  return [typed(dtypeOf(at, 0), shape)];
};

const maxRoiPool: Rule = (at) => {
  const pooled = ints(at, 'pooled_shape');
  return [typed(dtypeOf(at, 0), pooled && [shapeOf(at, 1)?.[0] ?? null, shapeOf(at, 0)?.[1] ?? null, ...pooled])];
};

const col2im: Rule = (at) => {
  const input = shapeOf(at, 0);
  const image = at.integers(1);
  const block = at.integers(2);
  if (!input || !image || !block) return [typed(dtypeOf(at, 0), undefined)];
  return [typed(dtypeOf(at, 0), [input[0]!, quotient([input[1]!], block), ...image])];
};

export const WINDOW_RULES: Rules = {
  Conv: convolution(1, (at) => dtypeOf(at, 0)),
  ConvInteger: convolution(1, () => 'int32'),
  QLinearConv: convolution(3, (at) => dtypeOf(at, 7)),
  DeformConv: convolution(1, (at) => dtypeOf(at, 0)),
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  MaxUnpool: maxUnpool,
  Resize: resize,
  DepthToSpace: shuffle(true),
  SpaceToDepth: shuffle(false),
  GridSample: gridSample,
  AffineGrid: affineGrid,
  RoiAlign: roiAlign,
  MaxRoiPool: maxRoiPool,
  Col2Im: col2im,
};
