/**
 * The samples that a conversion is calibrated on, and the engine that runs the model on them: what the codec's calibration is
 * given from outside.
 */
import { writeOnnx } from '../formats/onnx/write.ts';
import type { Execute } from './codec/calibration/executor.ts';
import type { BatchOptions } from './data/batches.ts';
import type { Dataset } from './data/dataset.ts';
import { datasetBatches } from './dataset-batches.ts';
import type { Model } from './graph/graph.ts';
import type { Tensor } from './graph/tensor.ts';
import { openOnnx } from './onnxruntime.ts';
import { workableBatch } from './workable-batch.ts';

export interface CalibrationDataOptions extends Omit<BatchOptions, 'limit'> {
  /** How many samples; CALIBRATION_DEFAULTS unless given. Spread evenly over pictures that are more, the first of arrays. */
  samples?: number;
}

export const CALIBRATION_DEFAULTS = { samples: 512 } as const;

/** Photos can be any size: samples beyond so many bytes are left out. */
const MOST_BYTES = 2 ** 28;

/** What `convert` calibrates with. */
export interface CalibrationData {
  /** Noise tells less than samples do: which weights matter, but not what an output is on average. */
  readonly source: 'samples' | 'noise';
  /** The inputs of `model`, batch by batch, by name. */
  batches(model: Model, signal?: AbortSignal): Promise<ReadonlyMap<string, Tensor>[]>;
  readonly execute: Execute;
}

/** Opens models in onnxruntime. Rejects as `openOnnx` does. */
export const onnxruntimeExecute: Execute = (model) => openOnnx(writeOnnx(model));

/**
 * Samples of a data set, run by onnxruntime. Its `batches` reject as the data readers do, and as `openOnnx` and its `run`.
 * Throws `RangeError` where `samples` is no positive integer.
 */
export function onnxruntimeCalibration(dataset: Dataset, options: CalibrationDataOptions = {}): CalibrationData {
  const { samples = CALIBRATION_DEFAULTS.samples, ...given } = options;
  if (!(Number.isInteger(samples) && samples > 0)) {
    throw new RangeError(`samples must be a positive integer, not ${samples}`);
  }
  return {
    source: 'samples',
    execute: onnxruntimeExecute,
    async batches(model, signal) {
      const session = await openOnnx(writeOnnx(model));
      try {
        const batches = datasetBatches(session, spreadOver(dataset, samples));
        const workable = await workableBatch([session], batches, { ...given, limit: samples });
        const found: ReadonlyMap<string, Tensor>[] = [];
        let bytes = 0;
        for await (const { feeds } of batches(workable)) {
          signal?.throwIfAborted();
          found.push(feeds);
          for (const tensor of feeds.values()) bytes += tensor.dtype === 'string' ? 0 : tensor.data.length;
          if (bytes > MOST_BYTES) break;
        }
        return found;
      } finally {
        await session.release();
      }
    },
  };
}

/** As many samples of a data set, evenly spaced: files of one class often stand together. */
function spreadOver(dataset: Dataset, samples: number): Dataset {
  if (dataset.kind === 'arrays' || samples >= dataset.count) return dataset;
  const spacing = dataset.count / samples;
  return { ...dataset, count: samples, sample: (index) => dataset.sample(Math.floor(index * spacing)) };
}
