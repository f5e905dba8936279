/**
 * What a fit can be told, and what it does where it is not told.
 */
import type { Archive } from '../codec/archive.ts';
import type { Execute } from '../codec/calibration/executor.ts';
import type { Model } from '../graph/graph.ts';
import type { Evaluate } from '../graph/passes/fold-constants.ts';
import type { Companions } from './assembly.ts';
import type { TrainingData } from './data.ts';
import type { FitProgress } from './loop.ts';
import type { LossKind } from './loss.ts';
import type { OptimizerOptions } from './optimizer.ts';
import type { Start } from './parameterize.ts';
import type { SupportSchedule } from './schedule.ts';

/** At least one of `targetSize` and `coefficients` is given. */
export interface FitOptions {
  /** Runs the graphs. */
  execute: Execute;
  /** Evaluates constant parts of the model's graph while it is simplified. */
  evaluate?: Evaluate;
  /** Bytes: the whole file is no larger. */
  targetSize?: number;
  /** Most coefficients of all weights together; by default twice what the wanted size has room for, of a trained start all that may stay. */
  coefficients?: number;
  /** Coefficients of single weights at the start, by name. */
  allocation?: ReadonlyMap<string, number>;
  /** Whether coefficients move between weights and places; they do not where tails are cut. */
  allocate?: boolean;
  epochs?: number;
  /** Samples in a step. */
  batch?: number;
  /** Highest learning rate, in units of a coefficient's scale. */
  learningRate?: number;
  optimizer?: OptimizerOptions;
  /** Largest norm of the gradient. */
  clip?: number;
  /** From the model's own coefficients, from random ones, or from those that learn faster in a short trial. */
  start?: Start | 'auto';
  /** Whether biases stay: by default where there are more than twice as many coefficients. */
  biases?: boolean;
  /** The loss of every output; by default what suits the truth, or the shape of the output. */
  loss?: LossKind;
  /** Whether the truth of the data is used, where they tell it. */
  labels?: boolean;
  /** Weight of the teacher's outputs, from 0 to 1: by default 1 without truth, and 0 with it. */
  distillation?: number;
  temperature?: number;
  /** The model to learn from; by default the fitted one, as it was. */
  teacher?: Model;
  /**
   * Part of the model's channels between layers that it is trained with: what is made of cosines is nearly the same network, and
   * trains faster by as much.
   */
  width?: number;
  /** The last part of the steps, which are taken at the whole width, with the same samples at another size or the same one. */
  finish?: { readonly part: number; readonly data: TrainingData };
  schedule?: SupportSchedule;
  /** Part of each support that `tail` and `random-tail` keep. */
  floor?: number;
  /** By how much of its distance to the floor the kept part shrinks in a step of `tail`. */
  dropRate?: number;
  /** Part of the steps after which coefficients are rounded. */
  roundFrom?: number;
  /** Vary samples, where the data can. */
  augment?: boolean;
  /** The same seed gives the same file. */
  seed?: number;
  /** Stored in the file. */
  companions?: Companions;
  /** A checkpoint of a fit with the same model, data and options, to go on from. */
  resume?: Uint8Array;
  /** Called after each step; a fit waits for what it returns. */
  onProgress?: (progress: FitProgress, snapshot: FitSnapshot) => void | Promise<void>;
  signal?: AbortSignal;
}

/** A fit as it is between two steps. */
export interface FitSnapshot {
  /** The model with its coefficients rounded, whatever its size. */
  archive(): Archive;
  /** The model as ONNX for other trainers to go on with: see `trainableModel`. */
  trainable(): Model;
  /** What `resume` takes. */
  checkpoint(): Uint8Array;
}

export const FIT_DEFAULTS = {
  epochs: 20,
  batch: 128,
  learningRate: { fresh: 0.05, trained: 0.01 },
  /** Less than most gradients have, whose length says little while coefficients jump: 95.7 % rather than 94.5 % with 5. */
  clip: 0.1,
  /** Steps until the learning rate is at its highest. */
  warmup: 100,
  temperature: 2,
  start: 'auto',
  schedule: 'constant',
  floor: 0.1,
  dropRate: 0.001,
  roundFrom: 0.3,
  allocate: true,
  width: 1,
  augment: false,
  seed: 1,
} as const;

/** Throws `TypeError` for options that are missing, and `RangeError` for what is out of range. */
export function checkFitOptions(data: Pick<TrainingData, 'count'>, options: FitOptions): void {
  const { targetSize, coefficients, epochs, batch, learningRate, temperature, clip } = options;
  if (data.count === 0) throw new TypeError('the data hold no samples');
  if (targetSize === undefined && coefficients === undefined) {
    throw new TypeError('a fit needs a target size or a number of coefficients');
  }
  const { finish } = options;
  if (finish && finish.data.count !== data.count) {
    throw new TypeError(`the data of the last part have ${finish.data.count} samples, those before ${data.count}`);
  }
  for (const [name, value] of Object.entries({ targetSize, coefficients, batch })) {
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      throw new RangeError(`${name} must be a positive integer, not ${value}`);
    }
  }
  for (const [name, value] of Object.entries({ epochs, learningRate, temperature, clip })) {
    if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
      throw new RangeError(`${name} must be positive, not ${value}`);
    }
  }
  const { distillation, roundFrom, floor, dropRate, width } = options;
  if (width !== undefined && !(width > 0 && width <= 1)) {
    throw new RangeError(`width must be above 0 and at most 1, not ${width}`);
  }
  const parts = { distillation, roundFrom, floor, dropRate, 'the last part': finish?.part };
  for (const [name, value] of Object.entries(parts)) {
    if (value !== undefined && !(value >= 0 && value <= 1)) {
      throw new RangeError(`${name} must be from 0 to 1, not ${value}`);
    }
  }
}
