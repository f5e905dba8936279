/**
 * The model that a fit learns from. Its outputs for each sample are computed once and kept, unless samples are varied or the
 * outputs are too many.
 */
import type { Execute } from '../codec/calibration/executor.ts';
import type { Model } from '../graph/graph.ts';
import { toFloat32 } from '../graph/numbers.ts';
import type { TrainingBatch } from './data.ts';

export interface Teacher {
  /** Outputs by name for a batch, whose samples have these indices in the data. */
  outputs(batch: TrainingBatch, indices: Uint32Array): Promise<ReadonlyMap<string, Float32Array>>;
  release(): Promise<void>;
}

/** Numbers that are kept at most: half a gigabyte of them. */
const MOST_KEPT = 2 ** 27;

/**
 * Opens `model` as a teacher of data with `count` samples.
 *
 * @param keep whether a sample is the same whenever it comes
 */
export async function openTeacher(model: Model, execute: Execute, count: number, keep: boolean): Promise<Teacher> {
  const graph = await execute(model);
  const kept = new Map<string, Float32Array>();
  const known = new Uint8Array(count);
  let keeps = keep;

  const remember = (outputs: ReadonlyMap<string, Float32Array>, indices: Uint32Array): void => {
    if (kept.size === 0) {
      const total = [...outputs.values()].reduce((sum, values) => sum + (values.length / indices.length) * count, 0);
      if (total > MOST_KEPT) {
        keeps = false;
        return;
      }
      for (const [name, values] of outputs) kept.set(name, new Float32Array((values.length / indices.length) * count));
    }
    for (const [name, values] of outputs) {
      const width = values.length / indices.length;
      indices.forEach((index, row) => {
        kept.get(name)!.set(values.subarray(row * width, (row + 1) * width), index * width);
      });
    }
    for (const index of indices) known[index] = 1;
  };

  return {
    async outputs({ feeds }, indices) {
      if (keeps && indices.every((index) => known[index] === 1)) {
        return new Map(
          [...kept].map(([name, values]) => {
            const width = values.length / count;
            const rows = new Float32Array(indices.length * width);
            indices.forEach((index, row) => {
              rows.set(values.subarray(index * width, (index + 1) * width), row * width);
            });
            return [name, rows];
          }),
        );
      }
      const results = await graph.run(feeds);
      const outputs = new Map([...results].map(([name, tensor]) => [name, toFloat32(tensor)]));
      if (keeps) remember(outputs, indices);
      return outputs;
    },
    release: () => graph.release(),
  };
}
