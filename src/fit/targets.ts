/**
 * What each output is trained towards: the truth that the data tell, the outputs of a teacher, or both.
 */
import type { TrainingBatch, TrainingData } from './data.ts';
import type { LossKind, LossTerm } from './loss.ts';

/** A term of the loss with where its targets come from. */
export interface Objective extends LossTerm {
  readonly from: 'truth' | 'teacher';
}

export interface ObjectiveOptions {
  /** The loss of every output; by default what suits the truth, or the shape of the output. */
  loss?: LossKind;
  /** Whether the truth of the data is used. */
  labels: boolean;
  /** How much the teacher's outputs weigh, from 0 to 1; the truth has the rest. */
  distillation: number;
  /** What logits are divided by before the teacher's and the student's classes are compared. */
  temperature: number;
}

/**
 * The terms for a model with these outputs (shapes of a batch, in order). Throws `TypeError` where the data tell no truth
 * that could be used and there is no teacher.
 */
export function objectivesFor(
  outputs: readonly { readonly name: string; readonly shape: readonly number[] }[],
  truth: TrainingData['truth'],
  { loss, labels, distillation, temperature }: ObjectiveOptions,
): Objective[] {
  const found: Objective[] = [];
  const usesTruth = labels && truth !== 'none' && distillation < 1;
  if (usesTruth) {
    const weight = 1 - distillation;
    const judged = truth === 'outputs' ? outputs : outputs.slice(0, 1);
    for (const { name, shape } of judged) {
      for (const kind of loss ? [loss] : TRUTH_LOSSES[truth](shape)) {
        found.push({ kind, output: name, shape, weight: weight / judged.length, from: 'truth' });
      }
    }
  }
  if (distillation > 0) {
    for (const { name, shape } of outputs) {
      const kind = loss && loss !== 'dice' ? loss : isClasses(shape) ? 'cross-entropy' : 'mse';
      const own = kind === 'cross-entropy' && temperature !== 1 ? { temperature } : {};
      found.push({ kind, output: name, shape, weight: distillation / outputs.length, from: 'teacher', ...own });
    }
  }
  if (found.length === 0) throw new TypeError('the data tell no truth to train towards, and there is no teacher');
  return found;
}

/** Logits of classes, of a sample or of each of its pixels. */
const isClasses = (shape: readonly number[]) => (shape.length === 2 || shape.length === 4) && shape[1]! > 1;

const TRUTH_LOSSES: Record<Exclude<TrainingData['truth'], 'none'>, (shape: readonly number[]) => LossKind[]> = {
  labels: () => ['cross-entropy'],
  masks: (shape) => [shape[1]! > 1 ? 'cross-entropy' : 'bce', 'dice'],
  outputs: () => ['mse'],
};

/**
 * The target of one objective for a batch, of the shape that the loss expects; `taught` are the teacher's outputs. Throws
 * `TypeError` for samples without truth, and `RangeError` for a class that the output does not have.
 */
export function targetOf(
  objective: Objective,
  batch: TrainingBatch,
  taught: ReadonlyMap<string, Float32Array> | undefined,
): Float32Array {
  const { output, shape, kind, temperature = 1, from } = objective;
  if (from === 'teacher') {
    const values = taught!.get(output)!;
    if (kind === 'cross-entropy') return softmax(values, shape, temperature);
    return kind === 'bce' ? values.map((value) => 1 / (1 + Math.exp(-value))) : values;
  }
  if (batch.labels) return oneHot(batch.labels, shape);
  if (batch.masks) return kind === 'cross-entropy' ? maskClasses(batch.masks, shape) : batch.masks;
  const expected = batch.outputs?.get(output);
  if (!expected) throw new TypeError('the samples tell no class to train towards; a teacher needs none');
  return expected;
}

/** Throws `RangeError` where a label is none of the classes of an output of this shape. */
function oneHot(labels: ArrayLike<number>, shape: readonly number[]): Float32Array {
  const classes = shape[1] ?? 0;
  const target = new Float32Array(labels.length * classes);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row]!;
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new RangeError(`a sample has class ${label}, the model tells ${classes} classes apart`);
    }
    target[row * classes + label] = 1;
  }
  return target;
}

/** Two classes of pixels from their foreground; a model with more has the foreground in its second. */
function maskClasses(masks: Float32Array, [samples = 1, channels = 1]: readonly number[]): Float32Array {
  const plane = masks.length / samples;
  const target = new Float32Array(masks.length * channels);
  for (let sample = 0; sample < samples; sample++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      const foreground = masks[sample * plane + pixel]!;
      target[sample * channels * plane + pixel] = 1 - foreground;
      target[(sample * channels + 1) * plane + pixel] = foreground;
    }
  }
  return target;
}

/** Softmax along axis 1 of values / temperature. */
export function softmax(values: Float32Array, shape: readonly number[], temperature: number): Float32Array {
  const [samples = 1, classes = 1] = shape;
  const plane = values.length / (samples * classes);
  const result = new Float32Array(values.length);
  for (let sample = 0; sample < samples; sample++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      const start = sample * classes * plane + pixel;
      let largest = Number.NEGATIVE_INFINITY;
      for (let c = 0; c < classes; c++) largest = Math.max(largest, values[start + c * plane]!);
      let sum = 0;
      for (let c = 0; c < classes; c++) {
        const power = Math.exp((values[start + c * plane]! - largest) / temperature);
        result[start + c * plane] = power;
        sum += power;
      }
      for (let c = 0; c < classes; c++) result[start + c * plane]! /= sum;
    }
  }
  return result;
}
