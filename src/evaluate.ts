/**
 * How good a model is on data: top-1 accuracy, the Dice coefficient of masks, or the distance from expected outputs.
 */
import { assignArrays } from './data/array-roles.ts';
import { arrayBatches, type Batch, type BatchOptions, pictureBatches, takeRows } from './data/batches.ts';
import type { ArrayDataset, Dataset, PictureDataset, PictureSample, Pixels } from './data/dataset.ts';
import { pictureInput } from './data/picture-input.ts';
import { elementsOf } from './data/tensor-numbers.ts';
import { FormatError } from './errors.ts';
import type { Tensor } from './graph/tensor.ts';
import type { Runnable } from './onnxruntime.ts';
import { compareOutput, largest } from './output-comparison.ts';
import { workableBatch } from './workable-batch.ts';

export interface EvaluateOptions extends BatchOptions {
  onProgress?: (progress: { done: number; total: number }) => void;
  signal?: AbortSignal;
}

/** What one named sample gave: `value` is its Dice coefficient, or 1 or 0 for a right or wrong class. */
export interface SampleResult {
  readonly name: string;
  readonly value: number;
  /** Class that the data set tells. */
  readonly label?: number;
  /** Class that the model tells. */
  readonly predicted?: number;
}

export interface Evaluation {
  /**
   * `top1`: fraction of samples whose label is the largest value of the first output. `dice`: mean Dice coefficient of
   * the foreground. `maxRelativeError`: the largest max |a − b| / max |b| of any output against the expected ones.
   */
  readonly metric: 'top1' | 'dice' | 'maxRelativeError';
  readonly value: number;
  readonly samples: number;
  /** In the data set's order, where its samples are files. */
  readonly perSample?: readonly SampleResult[];
}

/**
 * Runs `model` over `dataset`. Pictures with labels and arrays with labels give `top1`, pictures with masks `dice`,
 * arrays with expected outputs `maxRelativeError`. Throws `RangeError` where the model's output does not suit the
 * metric, `FormatError` where the data tell no truth, and as the data readers and the model's `run` do.
 */
export async function evaluate(model: Runnable, dataset: Dataset, options: EvaluateOptions = {}): Promise<Evaluation> {
  if (dataset.kind === 'arrays') return evaluateArrays(model, dataset, options);
  return dataset.truth === 'mask' ? meanDice(model, dataset, options) : pictureTop1(model, dataset, options);
}

async function pictureTop1(model: Runnable, dataset: PictureDataset, options: EvaluateOptions): Promise<Evaluation> {
  const perSample: SampleResult[] = [];
  let correct = 0;
  const batches = (chosen: BatchOptions) => pictureBatches(model.inputs, dataset, chosen);
  const samples = await forEachRun(model, batches, dataset.count, options, (output, batch) => {
    const predictions = predictedClasses(output, batch.rows);
    for (const [row, sample] of batch.samples.entries()) {
      const label = labelOf(sample, dataset, predictions.classes);
      const predicted = predictions.at(row);
      const value = predicted === label ? 1 : 0;
      correct += value;
      if (sample.name !== undefined) perSample.push({ name: sample.name, value, label, predicted });
    }
  });
  return { metric: 'top1', value: correct / samples, samples, ...(perSample.length > 0 && { perSample }) };
}

function labelOf({ label, name }: PictureSample, dataset: PictureDataset, classes: number): number {
  if (label === undefined) throw new FormatError('images', `${name} does not start with its class number`);
  if (label >= classes) {
    throw new RangeError(`${name ?? dataset.name} has class ${label}, the model tells ${classes} classes apart`);
  }
  return label;
}

/** Largest value of each row of an output whose rows are `rows` samples. */
function predictedClasses(output: Tensor, rows: number): { classes: number; at(row: number): number } {
  const values = elementsOf(output);
  const classes = values.length / rows;
  if (output.shape[0] !== rows || !(classes >= 2)) {
    throw new RangeError(`the first output has shape [${output.shape}], classes need [${rows}, 2 or more]`);
  }
  return { classes, at: (row) => largest(values, row * classes, 1, classes) };
}

async function meanDice(model: Runnable, dataset: PictureDataset, options: EvaluateOptions): Promise<Evaluation> {
  const perSample: SampleResult[] = [];
  const { layout } = pictureInput(model.inputs, options);
  const batches = (chosen: BatchOptions) => pictureBatches(model.inputs, dataset, chosen);
  const samples = await forEachRun(model, batches, dataset.count, options, (output, batch) => {
    const foreground = predictedForeground(output, batch.rows, layout);
    for (const [row, { name = '', mask }] of batch.samples.entries()) {
      perSample.push({ name, value: dice(foreground, row, mask!) });
    }
  });
  const sum = perSample.reduce((total, { value }) => total + value, 0);
  return { metric: 'dice', value: sum / samples, samples, perSample };
}

interface Foreground {
  readonly height: number;
  readonly width: number;
  at(row: number, y: number, x: number): boolean;
}

/**
 * The foreground that a segmentation output tells: the single logit above zero, or any channel but the first largest
 * of several. Outputs are (N, C, H, W), (N, H, W, C) for channels-last models, or (N, H, W).
 */
function predictedForeground(output: Tensor, rows: number, layout: 'nchw' | 'nhwc'): Foreground {
  const { shape } = output;
  if (shape[0] !== rows || (shape.length !== 4 && shape.length !== 3)) {
    throw new RangeError(`the first output has shape [${shape}], masks need [${rows}, channels, height, width]`);
  }
  const [, first = 1, second = 1, third = 1] = shape;
  const channelsLast = shape.length === 4 && layout === 'nhwc';
  const [channels, height, width] =
    shape.length === 3 ? [1, first, second] : channelsLast ? [third, first, second] : [first, second, third];
  const values = elementsOf(output);
  const [stride, step] = channelsLast ? [1, channels] : [height * width, 1];
  return {
    height,
    width,
    at(row, y, x) {
      const start = row * channels * height * width + (y * width + x) * step;
      return channels === 1 ? values[start]! > 0 : largest(values, start, stride, channels) > 0;
    },
  };
}

/** 2|A∩B| / (|A| + |B|) at the mask's resolution, the output read at the nearest pixel; 1 where both are empty. */
function dice(foreground: Foreground, row: number, mask: Pixels): number {
  let both = 0;
  let sum = 0;
  for (let y = 0; y < mask.height; y++) {
    const outputY = Math.floor(((y + 0.5) * foreground.height) / mask.height);
    for (let x = 0; x < mask.width; x++) {
      const outputX = Math.floor(((x + 0.5) * foreground.width) / mask.width);
      const predicted = foreground.at(row, outputY, outputX);
      const actual = mask.data[y * mask.width + x]! > 0;
      if (predicted && actual) both++;
      sum += Number(predicted) + Number(actual);
    }
  }
  return sum === 0 ? 1 : (2 * both) / sum;
}

async function evaluateArrays(model: Runnable, dataset: ArrayDataset, options: EvaluateOptions): Promise<Evaluation> {
  const { inputs, outputs, labels } = assignArrays(dataset, model);
  const batches = (chosen: BatchOptions) => arrayBatches(model.inputs, inputs, chosen);
  if (labels) {
    const truth = elementsOf(labels);
    if (truth.length !== dataset.count) {
      throw new FormatError(
        'npz',
        `${dataset.name} has labels of shape [${labels.shape}], expected [${dataset.count}]`,
      );
    }
    let correct = 0;
    const samples = await forEachRun(model, batches, dataset.count, options, (output, { first, count, rows }) => {
      const predictions = predictedClasses(output, rows);
      for (let row = 0; row < count; row++) if (predictions.at(row) === truth[first + row]) correct++;
    });
    return { metric: 'top1', value: correct / samples, samples };
  }
  if (outputs.size === 0) throw new FormatError('npz', `${dataset.name} has neither labels nor expected outputs`);
  const comparers = new Map([...outputs.keys()].map((name) => [name, compareOutput(name)]));
  const samples = await forEachRun(model, batches, dataset.count, options, (_, batch, results) => {
    for (const [name, comparer] of comparers) {
      const expected = takeRows(outputs.get(name)!, batch.first, batch.count, batch.rows);
      comparer.add(results.get(name)!, expected, batch.count);
    }
  });
  const errors = [...comparers.values()].map((comparer) => comparer.result().maxRelativeError);
  return { metric: 'maxRelativeError', value: Math.max(...errors), samples };
}

/** Runs all batches and hands each run's first output, batch and all outputs to `judge`. Returns the sample count. */
async function forEachRun(
  model: Runnable,
  batches: (options: BatchOptions) => AsyncIterable<Batch>,
  available: number,
  options: EvaluateOptions,
  judge: (output: Tensor, batch: Batch, outputs: Map<string, Tensor>) => void,
): Promise<number> {
  const total = Math.min(available, options.limit ?? available);
  const firstOutput = model.outputs[0]?.name ?? '';
  let done = 0;
  for await (const batch of batches(await workableBatch([model], batches, options))) {
    options.signal?.throwIfAborted();
    const outputs = await model.run(batch.feeds);
    judge(outputs.get(firstOutput)!, batch, outputs);
    done += batch.count;
    options.onProgress?.({ done, total });
  }
  return done;
}
