/**
 * Any data set as feeds for a model.
 */
import { assignArrays } from './data/array-roles.ts';
import { arrayBatches, type Batch, type BatchOptions, pictureBatches } from './data/batches.ts';
import type { Dataset } from './data/dataset.ts';
import type { Runnable } from './onnxruntime.ts';

/** Batches of `dataset` for `model`, in order. Throws as `assignArrays` does, and its batches as `pictureBatches` and `arrayBatches` do. */
export function datasetBatches(
  model: Pick<Runnable, 'inputs' | 'outputs'>,
  dataset: Dataset,
): (options: BatchOptions) => AsyncIterable<Batch> {
  if (dataset.kind === 'pictures') return (options) => pictureBatches(model.inputs, dataset, options);
  const { inputs } = assignArrays(dataset, model);
  return (options) => arrayBatches(model.inputs, inputs, options);
}
