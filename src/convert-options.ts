/**
 * What a conversion can be asked for, and what of it is refused.
 */
import { MOST_LAYERS } from '../formats/fqz/format.ts';
import type { Budget } from './budget.ts';
import type { CalibrationData } from './calibration-data.ts';
import type { Stages } from './codec/calibration/code-layer.ts';
import type { Fidelity } from './codec/fidelity.ts';
import type { Evaluate } from './graph/passes/fold-constants.ts';
import type { Preparation } from './graph/preparation.ts';

/** What a conversion is doing; `done` of `total` steps of this phase. */
export interface ConvertProgress {
  readonly phase: 'simplifying the graph' | 'calibrating' | 'coding weights' | 'searching' | 'writing';
  readonly done: number;
  readonly total: number;
}

/** At most one of `quality`, `targetSize`, `budget`, `maxError` and `precision` is given. */
export interface ConvertOptions {
  /** 1 to 100: how close the weights stay. The default is 90. */
  quality?: number;
  /** Bytes: the highest quality whose file is no larger. */
  targetSize?: number;
  /** The smallest file that this finds good enough: `dropBudget` and `divergenceBudget` make such functions. */
  budget?: Budget;
  /** Largest relative error (Frobenius norm) of any weight tensor, between 0 and 1. */
  maxError?: number;
  /** Weights as float16 numbers, or bit for bit as they are. */
  precision?: 'fp16' | 'lossless';
  /**
   * Samples to code the weights of layers against, or noise in their place (`noiseCalibration`), so that the outputs stay close rather than
   * the weights themselves. Goes with `quality`, `targetSize` and `budget`.
   */
  calibrate?: CalibrationData;
  /** Parts of the calibration to leave out, to see what they are worth; all unless given. */
  calibrationStages?: Stages;
  /**
   * 1 to 8 quality layers: every prefix of the file that ends with a layer is a file of its own, coarser by a third (of two
   * layers) or by halves. Goes with any quality, size, budget or error, which are those of the whole file. The default is 1.
   */
  layers?: number;
  /** Keep the names of nodes, weights and inner values, and the model's metadata. */
  keepNames?: boolean;
  /** Stored with the model, for whoever prepares its input. */
  preparation?: Preparation;
  /** Stored with the model: class labels by index. */
  labels?: readonly string[];
  /** Evaluates constant parts of the graph; without it, some exporters' shape arithmetic stays. */
  evaluate?: Evaluate;
  onProgress?: (progress: ConvertProgress) => void;
  signal?: AbortSignal;
}

export const CONVERT_DEFAULTS = { quality: 90 } as const;

/** The fidelity that the options ask for. Throws `TypeError` where they contradict each other or are out of range. */
export function fidelityOf({ quality, targetSize, budget, maxError, precision, calibrate }: ConvertOptions): Fidelity {
  if (calibrate && (maxError ?? precision) !== undefined) {
    throw new TypeError(
      `calibrate goes with quality, targetSize or budget, not with ${maxError === undefined ? 'precision' : 'maxError'}`,
    );
  }
  const given = [quality, targetSize, budget, maxError, precision].filter((option) => option !== undefined);
  if (given.length > 1)
    throw new TypeError('only one of quality, targetSize, budget, maxError and precision can be given');
  if (precision !== undefined) {
    if (precision !== 'fp16' && precision !== 'lossless') {
      throw new TypeError(`precision must be fp16 or lossless, not ${precision}`);
    }
    return { kind: precision };
  }
  if (maxError !== undefined) {
    if (!(maxError > 0 && maxError < 1)) throw new TypeError(`maxError must be between 0 and 1, not ${maxError}`);
    return { kind: 'max-error', error: maxError };
  }
  if (targetSize !== undefined && !(targetSize > 0))
    throw new TypeError(`targetSize must be positive, not ${targetSize}`);
  const wanted = quality ?? CONVERT_DEFAULTS.quality;
  if (!(wanted >= 1 && wanted <= 100)) throw new TypeError(`quality must be from 1 to 100, not ${wanted}`);
  return { kind: 'quality', quality: wanted };
}

/** Throws `TypeError` for layers that a file cannot have. */
export function checkLayers({ layers = 1, precision }: ConvertOptions): void {
  if (!(Number.isInteger(layers) && layers >= 1 && layers <= MOST_LAYERS)) {
    throw new TypeError(`layers must be a whole number from 1 to ${MOST_LAYERS}, not ${layers}`);
  }
  if (layers > 1 && precision) throw new TypeError('layers are of quantised weights: they do not go with precision');
}

/** Throws `TypeError` for a preparation or labels that a file should not carry. */
export function checkCompanions({ preparation, labels }: ConvertOptions): void {
  if (labels !== undefined && !(Array.isArray(labels) && labels.every((label) => typeof label === 'string'))) {
    throw new TypeError('labels must be an array of strings');
  }
  if (preparation === undefined) return;
  const { scale, mean, std, channels } = preparation;
  const isList = (values: unknown): values is number[] =>
    Array.isArray(values) && values.length > 0 && values.every(Number.isFinite);
  if (!(Number.isFinite(scale) && scale > 0)) throw new TypeError(`preparation.scale must be positive, not ${scale}`);
  if (!isList(mean)) throw new TypeError('preparation.mean must be a list of numbers');
  if (!isList(std) || std.includes(0)) throw new TypeError('preparation.std must be a list of numbers other than 0');
  if (channels !== 'rgb' && channels !== 'bgr')
    throw new TypeError(`preparation.channels is rgb or bgr, not ${channels}`);
}
