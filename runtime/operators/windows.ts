/**
 * Sliding windows of convolutions and pools: the sizes, strides, dilations and paddings of a node along each spatial
 * axis, after the formulas of the ONNX operator documentation.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { intAttribute, intsAttribute, type Node, stringAttribute } from '../../src/graph/graph.ts';

/** A window that slides along one spatial axis. */
export interface Window {
  /** Size of the input. */
  readonly size: number;
  /** Size of the output: places that the window takes. */
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: number;
  readonly end: number;
}

/** The window along an axis that is not there. */
export const UNIT: Window = { size: 1, out: 1, kernel: 1, stride: 1, dilation: 1, begin: 0, end: 0 };

/** What the window covers, gaps included. */
export function extent({ kernel, dilation }: Pick<Window, 'kernel' | 'dilation'>): number {
  return (kernel - 1) * dilation + 1;
}

/** The window's attributes along each axis; padding and output are left to `place`. */
export function windowsOf(
  node: Node,
  sizes: readonly number[],
  kernel: readonly number[],
  place: (window: Window, autoPad: string, axis: number) => Partial<Window> = slide(node),
): Window[] {
  const autoPad = stringAttribute(node, 'auto_pad') ?? 'NOTSET';
  const [strides, dilations, pads] = ['strides', 'dilations', 'pads'].map((name) => intsAttribute(node, name));
  return sizes.map((size, axis) => {
    const padded = autoPad === 'NOTSET';
    const window = {
      size,
      out: 0,
      kernel: kernel[axis]!,
      stride: strides?.[axis] ?? 1,
      dilation: dilations?.[axis] ?? 1,
      begin: (padded && pads?.[axis]) || 0,
      end: (padded && pads?.[axis + sizes.length]) || 0,
    };
    const placed = { ...window, ...place(window, autoPad, axis) };
    if (!(placed.kernel > 0 && placed.stride > 0 && placed.dilation > 0))
      throw new RangeError(`${node.op}: empty window`);
    return placed;
  });
}

/** Splits a total padding in two; of an odd one, the end gets more where the node says SAME_UPPER. */
export function halves(total: number, upper: boolean): Pick<Window, 'begin' | 'end'> {
  const small = Math.floor(total / 2);
  return upper ? { begin: small, end: total - small } : { begin: total - small, end: small };
}

/** Padding and places of a window that slides over the input. */
function slide(node: Node) {
  const ceil = intAttribute(node, 'ceil_mode', 0) === 1;
  return (window: Window, autoPad: string): Partial<Window> => {
    const { size, stride, begin, end } = window;
    if (autoPad.startsWith('SAME')) {
      const out = Math.ceil(size / stride);
      return { out, ...halves(Math.max(0, (out - 1) * stride + extent(window) - size), autoPad === 'SAME_UPPER') };
    }
    const steps = (size + begin + end - extent(window)) / stride;
    if (!ceil) return { out: Math.max(0, Math.floor(steps) + 1) };
    const last = Math.max(0, Math.ceil(steps));
    // A last window that would start in the padding behind the input is left out.
    return { out: last * stride >= size + begin ? last : last + 1 };
  };
}

/** The windows with axes of size 1 put in front, so that there are `rank`. Throws `UnsupportedError` where there are more. */
export function atRank(node: Node, windows: readonly Window[], rank: number): readonly Window[] {
  if (windows.length > rank) throw new UnsupportedError(`${node.op} over ${windows.length} axes`);
  return [...new Array<Window>(rank - windows.length).fill(UNIT), ...windows];
}

/** Words of a geometry table: for each of `keys`, the number of every window. */
export function windowWords(windows: readonly Window[], keys: readonly (keyof Window)[]): number[] {
  return keys.flatMap((key) => windows.map((window) => window[key]));
}
