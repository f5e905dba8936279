/**
 * The axes of a dense weight, and how each comes from an axis of its core.
 */
import type { Cosines } from './cosine-factors.ts';

/** One axis of the result, and the axis of the core that it comes from. */
export interface CoreAxis {
  /** Entries of the core along it: frequencies, or elements where there are no cosines. */
  readonly count: number;
  /** Length in the result. */
  readonly size: number;
  /** Distance of its entries in the core. */
  readonly stride: number;
  /** Cosines that widen it; several where neighbouring axes have been joined. */
  readonly cosines: readonly Cosines[];
}

/** Joined axes are multiplied out as one; up to so many entries of their joint cosine matrix that costs least. */
const LARGEST_JOINT = 4096;

/**
 * The same axes, joined where that makes the products fewer: neighbours without cosines, unless just `boundary` elements are
 * behind them, and small last ones with cosines.
 */
export function joinAxes(axes: readonly CoreAxis[], boundary: number | undefined): CoreAxis[] {
  const joined: CoreAxis[] = [];
  let elements = 1;
  for (const axis of [...axes].reverse()) {
    if (axis.size === 1) continue;
    const next = joined[0];
    const both = axis.cosines.length > 0;
    const entries = next ? axis.count * next.count * axis.size * next.size : 0;
    const fits =
      next &&
      axis.stride === next.stride * next.count &&
      both === next.cosines.length > 0 &&
      (both ? joined.length === 1 && entries <= LARGEST_JOINT : elements !== boundary);
    elements *= axis.size;
    if (fits) {
      joined[0] = {
        count: axis.count * next.count,
        size: axis.size * next.size,
        stride: next.stride,
        cosines: [...axis.cosines, ...next.cosines],
      };
    } else joined.unshift(axis);
  }
  return joined.length > 0 ? joined : [{ count: 1, size: 1, stride: 1, cosines: [] }];
}
