/**
 * The batch size that a model really runs at: exporters often declare a free one and bake 1 into a Reshape.
 */
import { type Batch, type BatchOptions, fixedBatch } from './data/batches.ts';
import type { Runnable } from './onnxruntime.ts';

/**
 * `options`, with `batch: 1` where a model with a free batch size fails on the first of `batches`, or gives an output
 * of another batch size.
 */
export async function workableBatch<Options extends BatchOptions>(
  models: readonly Runnable[],
  batches: (options: BatchOptions) => AsyncIterable<Batch>,
  options: Options,
): Promise<Options> {
  if (options.batch !== undefined || models.some(({ inputs }) => fixedBatch(inputs) !== null)) return options;
  for await (const { feeds, rows } of batches(options)) {
    if (rows === 1) break;
    for (const model of models) {
      // What fails for another reason than the batch size fails again, and is heard of then.
      const outputs = await model.run(feeds).catch(() => undefined);
      if (outputs?.get(model.outputs[0]?.name ?? '')?.shape[0] !== rows) return { ...options, batch: 1 };
    }
    break;
  }
  return options;
}
