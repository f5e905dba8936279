/**
 * What a fit learns from, and what it is to learn of it: data with the shapes of their batches, the objectives, and the teacher.
 */
import type { Execute, OpenGraph } from '../codec/calibration/executor.ts';
import type { Model } from '../graph/graph.ts';
import type { TrainingData } from './data.ts';
import { FIT_DEFAULTS, type FitOptions } from './options.ts';
import { withInputShapes } from './student.ts';
import { type Objective, objectivesFor } from './targets.ts';
import { openTeacher, type Teacher } from './teacher.ts';

export interface Lesson {
  readonly data: TrainingData;
  /** Shapes of the feeds of a batch, by name. */
  readonly feeds: ReadonlyMap<string, readonly number[]>;
  readonly objectives: readonly Objective[];
  /** The caller releases it. */
  readonly teacher?: Teacher;
}

/**
 * The lesson of `data` for `model`, which is not yet simplified.
 *
 * @param batch samples in a step
 * @throws {TypeError} where the data tell no truth that could be used, and there is no teacher
 * @throws {RangeError} where the model does not run on inputs of such shapes
 */
export async function lessonOf(model: Model, data: TrainingData, batch: number, options: FitOptions): Promise<Lesson> {
  const { execute, loss, augment = FIT_DEFAULTS.augment, temperature = FIT_DEFAULTS.temperature } = options;
  const labels = (options.labels ?? true) && data.truth !== 'none';
  const distillation = options.distillation ?? (labels ? 0 : 1);
  const { feeds, outputs } = await batchShapes(model, data, batch, execute);
  const objectives = objectivesFor(outputs, data.truth, { labels, distillation, temperature, ...(loss && { loss }) });
  if (distillation === 0) return { data, feeds, objectives };
  const teacher = withInputShapes(options.teacher ?? model, feeds);
  return { data, feeds, objectives, teacher: await openTeacher(teacher, execute, data.count, !augment) };
}

/** Shapes of a batch's feeds, and of the outputs that the model gives for them, which may not be of the size that it declares. */
async function batchShapes(model: Model, data: TrainingData, batch: number, execute: Execute) {
  const { feeds } = await data.batch(Uint32Array.from({ length: batch }, (_, at) => at));
  const shapes = new Map([...feeds].map(([name, { shape }]) => [name, shape]));
  let graph: OpenGraph | undefined;
  try {
    graph = await execute(withInputShapes(model, shapes));
    const results = await graph.run(feeds);
    const outputs = model.graph.outputs.map(({ name }) => ({ name, shape: results.get(name)!.shape }));
    return { feeds: shapes, outputs };
  } catch (cause) {
    const sizes = [...shapes].map(([name, shape]) => `${name} ${shape.join('x')}`);
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new RangeError(`the model does not run on a batch of ${sizes.join(', ')}: ${problem}`, { cause });
  } finally {
    await graph?.release();
  }
}
