/**
 * A data set as a sequence of feeds for a model, in batches as large as the model and memory allow.
 */

import { byteLength } from '../graph/dtype.ts';
import { PREPARATION_DEFAULTS, type Preparation } from '../graph/preparation.ts';
import { elementCount, numericTensor, type Tensor } from '../graph/tensor.ts';
import type { TensorInfo } from '../onnxruntime.ts';
import type { PictureDataset, PictureSample } from './dataset.ts';
import { fitSample, type PictureInputOptions, pictureInput, picturesToTensor } from './picture-input.ts';
import { elementsOf, tensorFromNumbers } from './tensor-numbers.ts';

export interface BatchOptions extends PictureInputOptions {
  /** How pictures become values; PREPARATION_DEFAULTS fill what is not given. */
  preparation?: Partial<Preparation>;
  /** Samples in a run, for models that leave it open: as many as are sensible unless given. */
  batch?: number;
  /** Only the first samples. */
  limit?: number;
}

/** One run's inputs. A model of fixed batch size has its last batch filled up by repeating a sample. */
export interface Batch {
  readonly feeds: Map<string, Tensor>;
  /** Index of the first sample. */
  readonly first: number;
  /** Samples that count; the rows beyond are filling. */
  readonly count: number;
  /** Samples that are fed. */
  readonly rows: number;
  /** The `count` samples, fitted to the input; empty for arrays. */
  readonly samples: readonly PictureSample[];
}

/** Elements of one input batch that a run is given when the model leaves the batch size open. */
const ELEMENTS_PER_BATCH = 2 ** 20;
const MAX_BATCH = 64;

/** The feeds for `dataset`, in order. Throws as the readers, `pictureInput` and `picturesToTensor` do. */
export async function* pictureBatches(
  inputs: readonly TensorInfo[],
  dataset: PictureDataset,
  options: BatchOptions = {},
): AsyncGenerator<Batch> {
  const input = pictureInput(inputs, options);
  const preparation = { ...PREPARATION_DEFAULTS, ...options.preparation };
  const total = Math.min(dataset.count, options.limit ?? dataset.count);
  const { channels, height, width } = input;
  // Pictures of open size may all differ, so each is a batch of its own.
  const elements = height === null || width === null ? ELEMENTS_PER_BATCH : (channels ?? 3) * height * width;
  const rows = batchRows(input.batch, elements, total, options);
  for (let first = 0; first < total; first += rows) {
    const samples: PictureSample[] = [];
    for (let index = first; index < Math.min(first + rows, total); index++) {
      samples.push(await fitSample(await dataset.sample(index), input));
    }
    const pictures = Array.from({ length: rows }, (_, row) => samples[Math.min(row, samples.length - 1)]!.pixels);
    const feeds = new Map<string, Tensor>([[input.name, picturesToTensor(pictures, input, preparation)]]);
    yield { feeds, first, count: samples.length, rows, samples };
  }
}

/**
 * The feeds for arrays (by input name, samples along the first axis) converted to the inputs' types. Throws
 * `RangeError` where a fixed batch size contradicts `options`.
 */
export async function* arrayBatches(
  inputs: readonly TensorInfo[],
  arrays: ReadonlyMap<string, Tensor>,
  options: BatchOptions = {},
): AsyncGenerator<Batch> {
  const available = arrays.values().next().value?.shape[0] ?? 0;
  const total = Math.min(available, options.limit ?? available);
  const elements = Math.max(...[...arrays.values()].map((array) => elementCount(array.shape) / available));
  const rows = batchRows(fixedBatch(inputs), elements, total, options);
  for (let first = 0; first < total; first += rows) {
    const count = Math.min(rows, total - first);
    const feeds = new Map<string, Tensor>();
    for (const { name, dtype } of inputs) {
      const chosen = takeRows(arrays.get(name)!, first, count, rows);
      feeds.set(name, chosen.dtype === dtype ? chosen : tensorFromNumbers(dtype, chosen.shape, elementsOf(chosen)));
    }
    yield { feeds, first, count, rows, samples: [] };
  }
}

/** The batch size that the model fixes with the first dimension of an input, or `null`. */
export function fixedBatch(inputs: readonly TensorInfo[]): number | null {
  const dims = inputs.map((input) => input.shape[0]).filter((dim) => typeof dim === 'number');
  return dims[0] ?? null;
}

function batchRows(fixed: number | null, elements: number, total: number, { batch }: BatchOptions): number {
  if (batch !== undefined && !(Number.isInteger(batch) && batch > 0)) {
    throw new RangeError(`batch must be a positive integer, got ${batch}`);
  }
  if (fixed !== null) {
    if (batch !== undefined && batch !== fixed) throw new RangeError(`the model's batch size is fixed at ${fixed}`);
    return fixed;
  }
  return batch ?? Math.max(1, Math.min(MAX_BATCH, total, Math.floor(ELEMENTS_PER_BATCH / elements)));
}

/** Rows `first` to `first + count − 1` of `tensor` along its first axis, the last one repeated to make `rows`. */
export function takeRows(tensor: Tensor, first: number, count: number, rows = count): Tensor {
  const shape = [rows, ...tensor.shape.slice(1)];
  if (tensor.dtype === 'string') throw new TypeError('rows of strings cannot be taken');
  const rowBytes = byteLength(tensor.dtype, elementCount(shape.slice(1)));
  const data = new Uint8Array(rows * rowBytes);
  data.set(tensor.data.subarray(first * rowBytes, (first + count) * rowBytes));
  for (let row = count; row < rows; row++) data.copyWithin(row * rowBytes, (count - 1) * rowBytes, count * rowBytes);
  return numericTensor(tensor.dtype, shape, data);
}
