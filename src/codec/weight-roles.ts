/**
 * Which initialisers may lose precision, and in which shape the codec should see them.
 */
import type { Graph, Model, Node } from '../graph/graph.ts';
import { intAttribute } from '../graph/graph.ts';
import { opSpec } from '../graph/op-table.ts';
import { inferShapes } from '../graph/shape-inference.ts';
import { usedNames } from '../graph/uses.ts';

export interface WeightRole {
  /**
   * `weight`: every use is the weight of a known operator. `ambiguous`: some use may be a weight or a constant that
   * matters to the last digit. Everything else has no role and stays exact.
   */
  readonly kind: 'weight' | 'ambiguous';
  /** Shape with the flattened axes of a dense layer told apart, where that differs from the initialiser's. */
  readonly folded?: readonly number[];
  /** Axis (of the folded shape, where there is one) along which the outputs of the layer lie. */
  readonly outputAxis?: number;
}

/** The roles of the main graph's initialisers, by name. */
export function weightRoles(model: Model): Map<string, WeightRole> {
  const roles = new Map<string, WeightRole>();
  const exact = new Set(model.graph.outputs.map(({ name }) => name));
  for (const node of model.graph.nodes) {
    const spec = node.domain === '' ? opSpec(node.op) : undefined;
    node.inputs.forEach((name, input) => {
      const initializer = model.graph.initializers.get(name);
      if (!initializer) return;
      if (spec?.weights.includes(input)) roles.set(name, roles.get(name) ?? weightOf(node, input, initializer.shape));
      else if (spec?.ambiguousWeights.includes(input)) roles.set(name, { kind: 'ambiguous' });
      else exact.add(name);
    });
    // What a subgraph takes from outside is used in ways that are not looked into.
    for (const name of usedNames(node)) if (!node.inputs.includes(name)) exact.add(name);
  }
  for (const name of exact) roles.delete(name);
  foldFlattened(model, roles);
  return roles;
}

function weightOf(node: Node, input: number, shape: readonly number[]): WeightRole {
  const outputAxis = input === 1 ? outputAxisOf(node, shape.length) : undefined;
  return { kind: 'weight', ...(outputAxis !== undefined && { outputAxis }) };
}

/**
 * The axis of a weight of `rank` axes, input 1 of `node`, along which the outputs of the layer lie; `undefined` for other
 * operators, and where groups put outputs along two axes.
 */
export function outputAxisOf(node: Node, rank: number): number | undefined {
  if (node.domain !== '') return undefined;
  if (node.op === 'Conv') return 0;
  if (node.op === 'ConvTranspose') return intAttribute(node, 'group', 1) === 1 ? 1 : undefined;
  if (node.op === 'Gemm') return intAttribute(node, 'transB', 0) ? 0 : 1;
  return node.op === 'MatMul' && rank === 2 ? 1 : undefined;
}

/**
 * A dense layer after Flatten of (N, c, h, w) sees pixels in its input axis. As (out, c, h, w) its low frequencies are
 * smooth images, which as (out, c·h·w) they are not.
 */
function foldFlattened(model: Model, roles: Map<string, WeightRole>): void {
  const dense = model.graph.nodes.filter(({ op, domain }) => domain === '' && (op === 'Gemm' || op === 'MatMul'));
  if (dense.length === 0) return;
  const producers = new Map(model.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const types = inferShapes(model);
  const shapeOf = (name: string) => types.get(name)?.shape;
  for (const node of dense) {
    const name = node.inputs[1]!;
    const role = roles.get(name);
    const shape = model.graph.initializers.get(name)?.shape;
    if (!role || shape?.length !== 2 || (node.op === 'Gemm' && intAttribute(node, 'transA', 0))) continue;
    if (usesOf(model.graph, name) !== 1) continue;
    const inputFirst = !(node.op === 'Gemm' && intAttribute(node, 'transB', 0));
    const [features, units] = inputFirst ? [shape[0]!, shape[1]!] : [shape[1]!, shape[0]!];
    const source = flattened(node.inputs[0]!, producers);
    const axes = source === undefined ? undefined : shapeOf(source)?.slice(1);
    if (!axes || axes.length < 2 || !axes.every((size): size is number => typeof size === 'number')) continue;
    if (axes.reduce((a, b) => a * b, 1) !== features || axes.filter((size) => size > 1).length < 2) continue;
    const folded = inputFirst ? [...axes, units] : [units, ...axes];
    roles.set(name, { ...role, folded, outputAxis: inputFirst ? axes.length : 0 });
  }
}

function usesOf(graph: Graph, name: string): number {
  return graph.nodes.reduce((count, node) => count + usedNames(node).filter((used) => used === name).length, 0);
}

/** Operators that work on each element alone, so that a Flatten may stand before or behind them. */
const POINTWISE = new Set(['Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'Clip', 'Identity', 'Dropout', 'HardSwish', 'Elu']);

/** The value that is flattened into `name`, looking through element-wise operators. */
function flattened(name: string, producers: ReadonlyMap<string, Node>): string | undefined {
  for (let node = producers.get(name); node; node = producers.get(node.inputs[0]!)) {
    if (node.op === 'Reshape' || (node.op === 'Flatten' && intAttribute(node, 'axis', 1) === 1)) return node.inputs[0];
    if (!POINTWISE.has(node.op)) return undefined;
  }
  return undefined;
}
