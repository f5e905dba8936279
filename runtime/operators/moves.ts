/**
 * Copies between strided arrays, which most operators of layout come down to.
 */
import type { Buffer } from '../plan/buffer.ts';
import type { Value } from '../plan/value.ts';
import type { Lowering } from './operator.ts';

/** Where an array begins and how far its neighbours along each axis are apart, in elements. */
export interface Walk {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** Copies an array of size `dims` from one walk to another, over as few axes as possible. */
export function move(
  plan: Lowering,
  x: Value | Buffer,
  y: Value | Buffer,
  dims: readonly number[],
  from: Walk,
  to: Walk,
): void {
  const axes: [size: number, from: number, to: number][] = [];
  dims.forEach((dim, axis) => {
    if (dim === 1) return;
    const [source, target] = [from.strides[axis]!, to.strides[axis]!];
    const last = axes.at(-1);
    if (last && last[1] === source * dim && last[2] === target * dim) {
      axes[axes.length - 1] = [last[0] * dim, source, target];
    } else axes.push([dim, source, target]);
  });
  const column = (at: 0 | 1 | 2) => axes.map((axis) => axis[at]);
  if (dims.includes(0)) return;
  plan.step('copy', plan.table([axes.length, from.offset, to.offset, ...column(0), ...column(1), ...column(2)]), x, y);
}
