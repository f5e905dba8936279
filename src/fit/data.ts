/**
 * What a fit needs of its data; src/training-data.ts makes it of data sets.
 */
import type { Tensor } from '../graph/tensor.ts';
import type { Random } from './random.ts';

/** Some samples as they are fed, with what is known of them. */
export interface TrainingBatch {
  /** By input name, samples along the first axis. */
  readonly feeds: ReadonlyMap<string, Tensor>;
  /** Class of each sample. */
  readonly labels?: ArrayLike<number>;
  /** Foreground of each sample, from 0 to 1: (N, 1, H, W). */
  readonly masks?: Float32Array;
  /** Expected outputs by name, samples along the first axis. */
  readonly outputs?: ReadonlyMap<string, Float32Array>;
}

export interface TrainingData {
  readonly count: number;
  /** What the samples can be judged by. */
  readonly truth: 'labels' | 'masks' | 'outputs' | 'none';
  /**
   * The samples with these indices.
   *
   * @param random where given, the samples are varied with it, as far as the data are of a kind that can be
   */
  batch(indices: Uint32Array, random?: Random): Promise<TrainingBatch>;
}
