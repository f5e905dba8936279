/**
 * Budgets of quality, measured on data: how far accuracy may drop, or the classes' probabilities may move, from the original model
 * to the file. `convert` looks for the smallest file that keeps one.
 */
import { readFqz } from '../formats/fqz/read.ts';
import { writeOnnx } from '../formats/onnx/write.ts';
import type { Dataset } from './data/dataset.ts';
import { elementsOf } from './data/tensor-numbers.ts';
import { datasetBatches } from './dataset-batches.ts';
import { type EvaluateOptions, evaluate } from './evaluate.ts';
import { openOnnx, type Runnable } from './onnxruntime.ts';
import { unpack } from './unpack.ts';
import { workableBatch } from './workable-batch.ts';

/** Whether a `.fqz` file is good enough. */
export type Budget = (file: Uint8Array) => Promise<boolean>;

/**
 * The files whose top-1 accuracy or Dice coefficient on `dataset` is at most `points` (hundredths) below that of `reference`.
 * Throws `RangeError` where the data have expected outputs instead, and as `evaluate` does.
 */
export async function dropBudget(
  reference: Runnable,
  dataset: Dataset,
  points: number,
  options: EvaluateOptions = {},
): Promise<Budget> {
  const original = await evaluate(reference, dataset, options);
  if (original.metric === 'maxRelativeError') {
    throw new RangeError(`${dataset.name} has neither labels nor masks, of which a drop could be told`);
  }
  return (file) =>
    opened(file, async (model) => {
      const { value } = await evaluate(model, dataset, options);
      return 100 * (original.value - value) <= points;
    });
}

/**
 * The files whose mean Kullback-Leibler divergence from `reference` on `dataset`, over the classes of the first output, is at most `nats`.
 * Throws as `logProbabilities` does.
 */
export async function divergenceBudget(
  reference: Runnable,
  dataset: Dataset,
  nats: number,
  options: EvaluateOptions = {},
): Promise<Budget> {
  const original = await logProbabilities(reference, dataset, options);
  return (file) =>
    opened(file, async (model) => meanDivergence(original, await logProbabilities(model, dataset, options)) <= nats);
}

async function opened<Result>(file: Uint8Array, use: (model: Runnable) => Promise<Result>): Promise<Result> {
  const session = await openOnnx(writeOnnx(unpack(readFqz(file))));
  try {
    return await use(session);
  } finally {
    await session.release();
  }
}

/**
 * Logarithms of the classes' probabilities of every sample, from a first output (N, C) of logits or of probabilities. Throws `RangeError`
 * for any other output, and as the data readers and the model's `run` do.
 */
export async function logProbabilities(
  model: Runnable,
  dataset: Dataset,
  options: EvaluateOptions = {},
): Promise<Float64Array[]> {
  const found: Float64Array[] = [];
  const batches = datasetBatches(model, dataset);
  const total = Math.min(dataset.count, options.limit ?? dataset.count);
  const name = model.outputs[0]?.name ?? '';
  for await (const { feeds, rows, count } of batches(await workableBatch([model], batches, options))) {
    options.signal?.throwIfAborted();
    const output = (await model.run(feeds)).get(name)!;
    const values = elementsOf(output);
    const classes = values.length / rows;
    if (output.shape[0] !== rows || output.shape.slice(2).some((size) => size !== 1) || !(classes >= 2)) {
      throw new RangeError(`the first output has shape [${output.shape}], classes need [${rows}, 2 or more]`);
    }
    for (let row = 0; row < count; row++) {
      found.push(logarithms(Float64Array.from({ length: classes }, (_, at) => values[row * classes + at]!)));
    }
    options.onProgress?.({ done: found.length, total });
  }
  return found;
}

/** Probabilities sum to 1 but for rounding. */
const SUM_TOLERANCE = 1e-3;
/** Probabilities that a model rounded to zero. */
const SMALLEST_PROBABILITY = 1e-10;

function logarithms(scores: Float64Array): Float64Array {
  const sum = scores.reduce((total, score) => total + score, 0);
  if (Math.abs(sum - 1) < SUM_TOLERANCE && scores.every((score) => score >= 0)) {
    return scores.map((score) => Math.log(Math.max(score, SMALLEST_PROBABILITY)));
  }
  const largest = Math.max(...scores);
  const total = Math.log(scores.reduce((part, score) => part + Math.exp(score - largest), 0));
  return scores.map((score) => score - largest - total);
}

/** Mean over the samples of Σ p (ln p − ln q), in nats; both are as `logProbabilities` gives them. */
export function meanDivergence(original: readonly Float64Array[], changed: readonly Float64Array[]): number {
  let sum = 0;
  for (const [sample, expected] of original.entries()) {
    const found = changed[sample]!;
    for (let at = 0; at < expected.length; at++) sum += Math.exp(expected[at]!) * (expected[at]! - found[at]!);
  }
  return sum / original.length;
}
