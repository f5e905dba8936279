/**
 * Where the windows of a node lie along each spatial axis, with `auto_pad` and `output_shape` worked out.
 */
import { type Dim, intsAttribute, type Node, stringAttribute } from '../../graph/graph.ts';
import type { Emitter } from '../emit.ts';
import { unsupported } from './rule.ts';

/** One spatial axis: the sizes on the side of the windows (`large`) and of their places (`small`), `null` where not known. */
export interface WindowAxis {
  readonly large: number | null;
  readonly small: number | null;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}

/** The attributes of ONNX for windows along these axes. */
export function windowAttributes(axes: readonly WindowAxis[]) {
  return {
    kernel_shape: axes.map(({ kernel }) => kernel),
    strides: axes.map(({ stride }) => stride),
    dilations: axes.map(({ dilation }) => dilation),
    pads: [...axes.map(({ before }) => before), ...axes.map(({ after }) => after)],
  };
}

/**
 * The axes of a node whose windows lie on `large`, (N, C, …), and whose places are those of `small`; `weight` is the kernel of a
 * convolution, whose sizes must be known.
 */
export function windowAxes(emit: Emitter, node: Node, large: string, small: string, weight?: string): WindowAxis[] {
  const kernel =
    intsAttribute(node, 'kernel_shape') ?? (weight === undefined ? undefined : emit.shapeOf(weight)?.slice(2));
  if (!kernel?.every((size) => typeof size === 'number'))
    throw unsupported(node, 'the size of its kernel is not known');
  const rank = kernel.length;
  const strides = intsAttribute(node, 'strides');
  const dilations = intsAttribute(node, 'dilations');
  const pads = intsAttribute(node, 'pads');
  const autoPad = stringAttribute(node, 'auto_pad') ?? 'NOTSET';
  const isAutomatic = autoPad.startsWith('SAME') || node.attributes.has('output_shape');
  const sizes = (value: string) => emit.shapeOf(value)?.slice(2) ?? [];
  const [outer, inner] = [sizes(large), sizes(small)];
  return kernel.map((size, axis) => {
    const [stride, dilation] = [strides?.[axis] ?? 1, dilations?.[axis] ?? 1];
    const own = { large: known(outer[axis]), small: known(inner[axis]), kernel: size, stride, dilation };
    if (!isAutomatic) {
      const isValid = autoPad === 'VALID';
      return { ...own, before: isValid ? 0 : (pads?.[axis] ?? 0), after: isValid ? 0 : (pads?.[axis + rank] ?? 0) };
    }
    const reach = (size - 1) * dilation + 1;
    const spare = intsAttribute(node, 'output_padding')?.[axis] ?? 0;
    const total =
      own.large !== null && own.small !== null
        ? Math.max(0, (own.small - 1) * stride + reach + spare - own.large)
        : stride === 1
          ? reach - 1
          : undefined;
    if (total === undefined) throw unsupported(node, `its padding ${autoPad} depends on sizes that are not known`);
    const half = Math.floor(total / 2);
    const before = autoPad === 'SAME_UPPER' ? half : total - half;
    return { ...own, before, after: total - before };
  });
}

const known = (dim: Dim | undefined): number | null => (typeof dim === 'number' ? dim : null);

/** Whether the windows lie side by side without a gap, none of them cut off; not where sizes are unknown. */
export function tiles(axes: readonly WindowAxis[]): boolean {
  return axes.every(
    ({ large, small, kernel, stride, dilation, before, after }) =>
      kernel === stride &&
      dilation === 1 &&
      before + after === 0 &&
      large !== null &&
      small === Math.floor(large / kernel),
  );
}
