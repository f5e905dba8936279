/**
 * A fitted model as ONNX whose initialisers are the coefficients, for trainers that know nothing of networks of tensors: the inverse
 * DCT of every weight is nodes of the graph, so that its gradients reach the coefficients.
 */
import type { Model } from '../graph/graph.ts';
import { float32Tensor } from '../graph/tensor.ts';
import type { Parameter } from './parameter.ts';
import { coreOf } from './quantization.ts';
import { buildStudent } from './student.ts';

/**
 * The model with each weight of `parameters` rebuilt from an initialiser `NAME/core`, which holds its coefficients, rounded as
 * they are in the file; the weight has its own name as a value.
 */
export function trainableModel(model: Model, parameters: readonly Parameter[]): Model {
  const { model: student, cores } = buildStudent(model, parameters, new Map(), { layers: false });
  const { graph } = student;
  graph.inputs = graph.inputs.filter(({ name }) => !cores.includes(name));
  graph.outputs = [...model.graph.outputs];
  parameters.forEach((parameter, at) => {
    graph.initializers.set(cores[at]!, float32Tensor(parameter.box, coreOf(parameter, true)));
  });
  return student;
}
