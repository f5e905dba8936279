/**
 * The one graph of a fit: forward pass, loss and backward pass of the student. Cores, samples and targets are its inputs, the
 * loss, the gradients and the model's own outputs its outputs, so that one session serves all steps.
 */
import type { Model } from '../graph/graph.ts';
import { float32Tensor } from '../graph/tensor.ts';
import { nameMaker } from '../graph/uses.ts';
import { appendGradients } from './gradient.ts';
import { appendLoss, type LossTerm } from './loss.ts';
import { quickenMaxPooling } from './max-pooling.ts';
import { buildNarrowStudent } from './narrow-student.ts';
import type { Parameter } from './parameter.ts';
import { buildStudent } from './student.ts';

export interface TrainingGraph {
  readonly model: Model;
  /** Inputs of the cores, one for each parameter. */
  readonly cores: readonly string[];
  /** Inputs of the targets, one for each term of the loss. */
  readonly targets: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly loss: string;
  /** Outputs that hold the gradient by each core. */
  readonly gradients: readonly string[];
}

/**
 * The training graph of `model`.
 *
 * @param shapes shapes of the model's inputs in a batch, by name
 * @param width part of the channels between layers that the student has
 * @throws {UnsupportedError} where an operator between the parameters and the loss has no gradient rule
 */
export function buildTrainingGraph(
  model: Model,
  parameters: readonly Parameter[],
  terms: readonly LossTerm[],
  shapes: ReadonlyMap<string, readonly number[]>,
  width = 1,
): TrainingGraph {
  const { model: student, cores } =
    width === 1 ? buildStudent(model, parameters, shapes) : buildNarrowStudent(model, parameters, shapes, width);
  quickenMaxPooling(student);
  const { value, targets } = appendLoss(student, terms);
  const one = nameMaker(student.graph)('one');
  student.graph.initializers.set(one, float32Tensor([], Float32Array.of(1)));
  const found = appendGradients(student, new Map([[value, one]]), cores);
  const gradients = cores.map((core) => found.get(core)!);
  student.graph.outputs.push({ name: value }, ...gradients.map((name) => ({ name })));
  return { model: student, cores, targets, loss: value, gradients };
}
