/**
 * The student with fewer channels: what is made of cosines can be sampled at fewer points, and stays nearly the same network (see
 * src/codec/narrowing.ts). A step of training costs less by as much, and trains the same coefficients.
 */
import { narrowing } from '../codec/narrowing.ts';
import { dctNetwork } from '../codec/network.ts';
import { type Model, node } from '../graph/graph.ts';
import { elementCount, float32Tensor } from '../graph/tensor.ts';
import { nameMaker } from '../graph/uses.ts';
import type { Parameter } from './parameter.ts';
import { buildStudent, type Student } from './student.ts';

/**
 * The student of `model` with `width` times the channels wherever they are between layers. Its cores are those of the whole
 * width.
 *
 * @param shapes the shapes that the graph's inputs will have, by name
 * @throws {RangeError} for a width that is not above 0 and at most 1
 * @throws {UnsupportedError} where the model cannot be narrowed, with the reason
 */
export function buildNarrowStudent(
  model: Model,
  parameters: readonly Parameter[],
  shapes: ReadonlyMap<string, readonly number[]>,
  width: number,
): Student {
  const initializers = new Map(model.graph.initializers);
  const narrow = narrowing(model.graph, (name) => initializers.has(name), width);
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  for (const [name, change] of narrow) {
    if (byName.has(name)) continue;
    const changed = change({ name, tensor: initializers.get(name)! });
    if ('tensor' in changed) initializers.set(name, changed.tensor);
  }
  const gains: number[] = [];
  const narrowed = parameters.map((parameter) => {
    const change = narrow.get(parameter.name);
    const own = change ? changedBy(change, parameter) : { shape: parameter.shape, gain: 1 };
    gains.push(own.gain);
    return change ? { ...parameter, shape: own.shape, folded: own.shape } : parameter;
  });
  const student = buildStudent({ ...model, graph: { ...model.graph, initializers } }, narrowed, shapes);
  scaleCores(student, gains);
  return student;
}

/** The shape that narrowing gives a parameter, and what its coefficients are multiplied by. */
function changedBy(change: NonNullable<ReturnType<ReturnType<typeof narrowing>['get']>>, parameter: Parameter) {
  const { name, dtype, shape, folded, axes, box } = parameter;
  const operand = { kind: 'quantized', shape: box, levels: new Int32Array(elementCount(box)), step: 1 } as const;
  const changed = change({ name, dtype, shape, network: dctNetwork(operand, folded, axes) });
  const network = 'network' in changed ? changed.network : undefined;
  const [core] = network?.operands ?? [];
  return { shape: network?.shape ?? shape, gain: core?.kind === 'quantized' ? core.step : 1 };
}

/** Multiplies the cores by constants before anything reads them, in place. */
function scaleCores({ model: { graph }, cores }: Student, gains: readonly number[]): void {
  const newName = nameMaker(graph);
  const scaled = new Map(cores.map((core) => [core, newName(`${core}/narrow`)]));
  graph.nodes = graph.nodes.map((each) => ({
    ...each,
    inputs: each.inputs.map((name) => scaled.get(name) ?? name),
  }));
  const products = cores.map((core, at) => {
    const gain = newName(`${core}/gain`);
    graph.initializers.set(gain, float32Tensor([], Float32Array.of(gains[at]!)));
    return node('Mul', [core, gain], [scaled.get(core)!]);
  });
  graph.nodes.unshift(...products);
}
