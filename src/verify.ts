/**
 * Two models on the same inputs: is the one a stand-in for the other?
 */
import { assignArrays } from './data/array-roles.ts';
import { arrayBatches, type Batch, type BatchOptions, pictureBatches } from './data/batches.ts';
import type { Dataset } from './data/dataset.ts';
import { noiseFeeds } from './data/noise.ts';
import type { Tensor } from './graph/tensor.ts';
import type { Runnable } from './onnxruntime.ts';
import { compareOutput, type OutputComparison } from './output-comparison.ts';
import { workableBatch } from './workable-batch.ts';

export interface VerifyOptions extends Omit<BatchOptions, 'limit'> {
  /** Inputs to run on; seeded noise unless given. */
  dataset?: Dataset;
  /** How many samples of the data, or how many draws of noise; VERIFY_DEFAULTS has the numbers. */
  samples?: number;
  /** Seed of the noise. */
  seed?: number;
  /** Shapes of the noise by input name, for inputs that leave theirs open. */
  shapes?: ReadonlyMap<string, readonly number[]>;
  onProgress?: (progress: { done: number; total: number }) => void;
  signal?: AbortSignal;
}

export const VERIFY_DEFAULTS = { noiseSamples: 4, dataSamples: 100, seed: 1 } as const;

export interface Verification {
  readonly inputs: 'noise' | 'data';
  readonly samples: number;
  readonly outputs: readonly OutputComparison[];
  /** The largest of all outputs. */
  readonly maxRelativeError: number;
}

/**
 * Runs `model` and `reference` on the same inputs and compares every output. Inputs and outputs are matched by name,
 * or by position where the names differ. Throws `TypeError` where their numbers differ, `RangeError` where outputs
 * have different shapes, and as the data readers and the models' `run` do.
 */
export async function verify(model: Runnable, reference: Runnable, options: VerifyOptions = {}): Promise<Verification> {
  const { dataset, seed = VERIFY_DEFAULTS.seed, shapes } = options;
  const inputNames = matchNames(model.inputs, reference.inputs, 'inputs');
  const outputNames = matchNames(model.outputs, reference.outputs, 'outputs');
  const renamed: Runnable = {
    ...model,
    inputs: reference.inputs,
    run: (feeds) => model.run(new Map([...feeds].map(([name, tensor]) => [inputNames.get(name)!, tensor]))),
  };
  const comparers = reference.outputs.map(({ name }) => compareOutput(name));
  let samples = 0;
  for await (const { feeds, count, total } of runs()) {
    options.signal?.throwIfAborted();
    const [ours, theirs] = [await renamed.run(feeds), await reference.run(feeds)];
    for (const [index, { name }] of reference.outputs.entries()) {
      comparers[index]!.add(ours.get(outputNames.get(name)!)!, theirs.get(name)!, count);
    }
    samples += count ?? 1;
    options.onProgress?.({ done: samples, total });
  }
  const outputs = comparers.map((comparer) => comparer.result());
  const maxRelativeError = Math.max(0, ...outputs.map((output) => output.maxRelativeError));
  return { inputs: dataset ? 'data' : 'noise', samples, outputs, maxRelativeError };

  async function* runs(): AsyncGenerator<{ feeds: Map<string, Tensor>; count?: number; total: number }> {
    if (!dataset) {
      const total = options.samples ?? VERIFY_DEFAULTS.noiseSamples;
      for (let draw = 0; draw < total; draw++)
        yield { feeds: noiseFeeds(reference.inputs, seed + draw, shapes), total };
      return;
    }
    const limit = options.samples ?? VERIFY_DEFAULTS.dataSamples;
    const total = Math.min(limit, dataset.count);
    const batches = batchesOf(dataset, reference);
    const chosen = await workableBatch([renamed, reference], batches, { ...options, limit });
    for await (const { feeds, count } of batches(chosen)) yield { feeds, count, total };
  }
}

function batchesOf(dataset: Dataset, model: Runnable): (options: BatchOptions) => AsyncIterable<Batch> {
  if (dataset.kind === 'pictures') return (options) => pictureBatches(model.inputs, dataset, options);
  const { inputs } = assignArrays(dataset, model);
  return (options) => arrayBatches(model.inputs, inputs, options);
}

/** Our name for each of theirs. */
function matchNames(
  ours: readonly { name: string }[],
  theirs: readonly { name: string }[],
  what: string,
): Map<string, string> {
  if (ours.length !== theirs.length) {
    throw new TypeError(`the models differ in their ${what}: ${ours.length} against ${theirs.length}`);
  }
  const byName = theirs.every(({ name }) => ours.some((value) => value.name === name));
  return new Map(theirs.map(({ name }, index) => [name, byName ? name : ours[index]!.name]));
}
