/**
 * What changes over the course of a fit: the learning rate, and how much of each support takes part (Frequency
 * Regularization's truncation, Zhao et al. 2023, section 3.3).
 */
import type { Random } from './random.ts';

/** Warm-up from 0 over the first `warmup` steps, then half a cosine down to 0 at `total` (Loshchilov and Hutter 2017). */
export function learningRate(step: number, total: number, peak: number, warmup: number): number {
  if (step < warmup) return (peak * (step + 1)) / warmup;
  const done = (step - warmup) / Math.max(1, total - warmup);
  return 0.5 * peak * (1 + Math.cos(Math.PI * Math.min(1, done)));
}

/**
 * `constant`: the whole support at every step. `tail`: the paper's, the end of the support is cut off more and more until
 * the part `floor` is left. `random-tail`: at each step a random part, so that every beginning of the file is a model of
 * its own.
 */
export type SupportSchedule = 'constant' | 'tail' | 'random-tail';

export interface TruncationOptions {
  schedule: SupportSchedule;
  /** Part of the support that is always kept. */
  floor: number;
  /** By how much of its distance to the floor the kept part shrinks in a step, for `tail`. */
  dropRate: number;
}

/**
 * Part of each support, in zigzag order, that takes part in step `step`. `tail` is the closed form of the paper's
 * keep ← keep − dropRate · (keep − floor), starting at 1.
 */
export function keptPart(step: number, { schedule, floor, dropRate }: TruncationOptions, random: Random): number {
  if (schedule === 'constant') return 1;
  if (schedule === 'tail') return floor + (1 - floor) * (1 - dropRate) ** step;
  return floor + (1 - floor) * random.uniform();
}
