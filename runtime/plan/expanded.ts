/**
 * Values whose many channels are linear combinations of few maps (the output frequencies of a layer): they are kept as
 * the maps and what is still to be done to them, and the channels are never written where the next layer only projects
 * them onto few input frequencies again.
 */
import type { Argument } from './buffer.ts';
import type { Value } from './value.ts';

/** One run of channels of an expanded value. */
export type Part = ExpandedPart | DensePart;

/** Channels that are in memory, or will be. */
export interface DensePart {
  readonly kind: 'dense';
  readonly channels: number;
  readonly value: Value;
}

/** channel c = pad(pool(clamp(Σ_a factors[c, a] · maps[a] + shift[c]))). */
export interface ExpandedPart {
  readonly kind: 'expanded';
  readonly channels: number;
  readonly rank: number;
  /** (N, rank, height, width). */
  readonly maps: Argument;
  readonly height: number;
  readonly width: number;
  readonly matrix: Matrix;
  readonly low: number;
  readonly high: number;
  /** Whether the largest of every 2×2 pixels is taken. */
  readonly pooled: boolean;
  /** Rows and columns of zeros around: top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
}

/** Factors and shifts of channels: known while planning, or in memory as `Kernels.expandProject` wants them. */
export type Matrix =
  /** `factors` (channels, rank), `shift` (channels). */
  | { readonly kind: 'known'; readonly factors: Float64Array; readonly shift: ArrayLike<number> }
  | { readonly kind: 'computed'; readonly address: Argument; readonly sampleStride: number };

/** A value (N, C, H, W) as runs of channels behind each other. */
export interface Expanded {
  readonly parts: readonly Part[];
}

/** Whether nothing is done to the channels after the expansion. */
export function isLinear(part: ExpandedPart): boolean {
  return part.low === -Infinity && part.high === Infinity && !part.pooled && isBare(part);
}

/** Whether there are no zeros around. */
export function isBare({ pads }: ExpandedPart): boolean {
  return pads.every((pad) => pad === 0);
}

/** Height and width of the part's result. */
export function sizeOfPart(part: ExpandedPart): [height: number, width: number] {
  const { pads, pooled } = part;
  const scale = (size: number) => (pooled ? Math.floor(size / 2) : size);
  return [scale(part.height) + pads[0] + pads[2], scale(part.width) + pads[1] + pads[3]];
}

/** The parts clamped further; `undefined` where padding or dense channels are in the way. */
export function clampParts({ parts }: Expanded, low: number, high: number): Expanded | undefined {
  const clamped = parts.map((part): ExpandedPart | undefined => {
    if (part.kind === 'dense' || !isBare(part)) return undefined;
    const within = (bound: number) => Math.min(Math.max(bound, low), high);
    return { ...part, low: within(part.low), high: within(part.high) };
  });
  return clamped.every((part) => part !== undefined) ? { parts: clamped } : undefined;
}
