/**
 * Recognises weights that a graph rebuilds from their DCT coefficients, as `src/fit/trainable.ts` writes them for other trainers:
 * an initialiser (the core), then Reshape and MatMul with cosines, the last axes first, then Reshape to the weight's own shape.
 */
import type { Model, Node } from '../graph/graph.ts';
import { toFloat32, toNumbers } from '../graph/numbers.ts';
import { opSpec } from '../graph/op-table.ts';
import { dropInitializerInputs, inlineConstants } from '../graph/passes/inline-constants.ts';
import { removeDeadCode } from '../graph/passes/remove-dead-code.ts';
import { sortNodes } from '../graph/passes/sort-nodes.ts';
import { elementCount, float32Tensor, type Tensor } from '../graph/tensor.ts';
import { consumersOf, isStandard, outputNames, producersOf, usedNames } from '../graph/uses.ts';
import { cosineEntry } from './cosines.ts';
import { expandNetwork } from './expand.ts';
import { dctNetwork, LARGEST_RANK } from './network.ts';
import { asLevels } from './plan-core.ts';

/** The coefficients of a weight. */
export interface TrainedCore {
  /** Of the weight. */
  readonly shape: readonly number[];
  /** The shape in which the transform sees the weight, whose elements are in the same order. */
  readonly folded: readonly number[];
  /** Axes of `folded` that the DCT is along; none for plain numbers. */
  readonly axes: readonly number[];
  /** Of the core. */
  readonly box: readonly number[];
  /** Row-major over `box`. */
  readonly values: Float32Array;
}

/**
 * Takes the cores out of the main graph of `model`, by the names of their weights, and with them the nodes that rebuild weights.
 * Until `returnWeights`, such weights are inputs of the graph, so that no pass folds anything into them.
 *
 * @throws {FormatError} where the graph contradicts itself (see `sortNodes`)
 */
export function takeTrainedCores(model: Model): Map<string, TrainedCore> {
  sortNodes(model);
  dropInitializerInputs(model);
  inlineConstants(model);
  const { graph } = model;
  const outputs = outputNames(graph);
  const producers = producersOf(graph);
  const consumers = consumersOf(graph);
  const computed = computedValues(model);
  const isInner = (name: string) => !outputs.has(name) && consumers.get(name)?.length === 1;

  const cores = new Map<string, TrainedCore>();
  const rebuilding = new Set<Node>();
  for (const [name, users] of consumers) {
    if (outputs.has(name) || computed.has(name)) continue;
    // What else is made of constants may be a part of a longer chain.
    if (!users.every((node) => isWeightOf(node, name) && node.inputs.some((input) => computed.has(input)))) continue;
    const chain: Node[] = [];
    let source = name;
    for (let node = producers.get(name); node; node = producers.get(source)) {
      chain.unshift(node);
      source = operandOf(node, producers);
      if (!isInner(source)) break;
    }
    const tensor = graph.initializers.get(source);
    const core = tensor?.dtype === 'float32' && isInner(source) && readChain(chain, source, tensor, graph.initializers);
    if (!core) continue;
    cores.set(name, core);
    for (const node of chain) rebuilding.add(node);
    graph.initializers.delete(source);
    graph.inputs.push({ name, type: { kind: 'tensor', dtype: 'float32', shape: [...core.shape] } });
  }
  graph.nodes = graph.nodes.filter((node) => !rebuilding.has(node));
  if (cores.size > 0) removeDeadCode(model);
  return cores;
}

/** Makes initialisers of the weights again, dense; forgets the cores of those that nothing uses. */
export function returnWeights({ graph }: Model, cores: Map<string, TrainedCore>): void {
  graph.inputs = graph.inputs.filter(({ name }) => !cores.has(name));
  const used = consumersOf(graph);
  for (const [name, { shape, folded, axes, box, values }] of cores) {
    if (!used.has(name)) {
      cores.delete(name);
      continue;
    }
    const operand = { kind: 'float', shape: box, values, precision: 'float32' } as const;
    const dense = expandNetwork(dctNetwork(operand, folded, axes));
    graph.initializers.set(name, float32Tensor(shape, Float32Array.from(dense)));
  }
}

/** The values that depend on the inputs of the graph, whose nodes are sorted. */
function computedValues({ graph }: Model): Set<string> {
  const computed = new Set(graph.inputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    if (usedNames(node).some((name) => computed.has(name))) for (const name of node.outputs) computed.add(name);
  }
  return computed;
}

/** Whether `node` takes the value as a weight, and in no other way. */
function isWeightOf(node: Node, name: string): boolean {
  const weights = node.domain === '' ? (opSpec(node.op)?.weights ?? []) : [];
  const places = node.inputs.flatMap((input, place) => (input === name ? [place] : []));
  return places.length > 0 && places.every((place) => weights.includes(place));
}

/** What a link of a chain works on: the core, or what the link before it makes; the empty string where `node` is no link. */
function operandOf(node: Node, producers: ReadonlyMap<string, Node>): string {
  if (!isStandard(node, 'Reshape', 'MatMul')) return '';
  return (isStandard(node, 'MatMul') && node.inputs.find((name) => producers.has(name))) || node.inputs[0]!;
}

/** What a chain of nodes makes of a core, `undefined` where that is no inverse DCT. */
function readChain(
  chain: readonly Node[],
  source: string,
  core: Tensor,
  constants: ReadonlyMap<string, Tensor>,
): TrainedCore | undefined {
  const box = core.shape;
  if (box.length === 0 || box.length > LARGEST_RANK) return undefined;
  const lastProduct = chain.findLastIndex(({ op }) => op === 'MatMul');
  const targets = chain.map((node) => (node.op === 'Reshape' ? targetOf(node, constants) : undefined));
  const ends = targets.slice(lastProduct + 1);
  const folded = ends.find((shape) => shape?.length === box.length && shape.every((size, axis) => size >= box[axis]!));
  const shape = ends.at(-1);
  if (!folded || !shape || elementCount(shape) !== elementCount(folded)) return undefined;
  const values = Float32Array.from(toFloat32(core));
  // Constants are reshaped for other reasons, too. Plain numbers that were trained further are any model's.
  if (lastProduct < 0 && (chain.length !== 2 || !asLevels(values))) return undefined;

  const axes: number[] = [];
  let next = box.length;
  let value = source;
  let flat: readonly number[] = box;
  for (const [at, node] of chain.entries()) {
    if (node.op === 'Reshape') {
      const target = targets[at];
      if (!target || elementCount(target) !== elementCount(flat)) return undefined;
      flat = target;
    } else {
      const product = readProduct(node, value, { flat, box, folded, next }, constants);
      if (!product) return undefined;
      const { first, last } = product;
      for (let axis = last; axis >= first; axis--) if (folded[axis]! > 1) axes.unshift(axis);
      flat = product.flat;
      next = first;
    }
    value = node.outputs[0]!;
  }
  // Axes without cosines are as long in the core as in the weight.
  if (box.some((size, axis) => size !== folded[axis] && !axes.includes(axis))) return undefined;
  return { shape, folded, axes, box, values };
}

/** The shape that a Reshape makes; `undefined` where it has to be computed. */
function targetOf({ inputs }: Node, constants: ReadonlyMap<string, Tensor>): number[] | undefined {
  const shape = constants.get(inputs[1] ?? '');
  if (shape?.dtype !== 'int64' || shape.shape.length !== 1) return undefined;
  const sizes = toNumbers(shape);
  return sizes.every((size) => size > 0) ? sizes : undefined;
}

/** How far a chain has come: the axes from `next` on are rebuilt. */
interface Place {
  /** The present shape. */
  readonly flat: readonly number[];
  readonly box: readonly number[];
  readonly folded: readonly number[];
  readonly next: number;
}

/** Cosines that differ by more than this are none: as float32 they differ by 2⁻²⁴ at most. */
const TOLERANCE = 1e-6;

/** The axes, from `first` to `last`, that a MatMul multiplies by cosines, and the shape that comes of it. */
function readProduct(
  { inputs }: Node,
  value: string,
  { flat, box, folded, next }: Place,
  constants: ReadonlyMap<string, Tensor>,
): { first: number; last: number; flat: number[] } | undefined {
  const isTail = inputs[0] === value;
  const cosines = constants.get(inputs[isTail ? 1 : 0]!);
  if (cosines?.dtype !== 'float32' || cosines.shape.length !== 2 || flat.length !== (isTail ? 2 : 3)) return undefined;
  const [rows, columns] = (isTail ? cosines.shape : cosines.shape.toReversed()) as [number, number];
  if (flat[1] !== rows) return undefined;
  const given = toFloat32(cosines);
  for (let last = next - 1; last >= 0; last--) {
    if (elementCount(folded.slice(last + 1)) !== (flat[2] ?? 1)) continue;
    for (let first = last; first >= 0; first--) {
      const [frequencies, sizes] = [box.slice(first, last + 1), folded.slice(first, last + 1)];
      if (elementCount(frequencies) > rows || elementCount(sizes) > columns) break;
      if (elementCount(frequencies) !== rows || elementCount(sizes) !== columns) continue;
      const width = isTail ? columns : rows;
      const isCosine = given.every((entry, at) => {
        const [row, column] = [Math.floor(at / width), at % width];
        const expected = isTail
          ? cosineProduct(row, column, frequencies, sizes)
          : cosineProduct(column, row, frequencies, sizes);
        return Math.abs(entry - expected) <= TOLERANCE;
      });
      if (isCosine) return { first, last, flat: flat.with(1, columns) };
    }
  }
  return undefined;
}

/** Entry (row, column) of the Kronecker product of the cosine matrices of so many frequencies and sizes. */
function cosineProduct(row: number, column: number, frequencies: readonly number[], sizes: readonly number[]): number {
  let [product, k, x] = [1, row, column];
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    product *= cosineEntry(k % frequencies[axis]!, x % sizes[axis]!, sizes[axis]!);
    k = Math.floor(k / frequencies[axis]!);
    x = Math.floor(x / sizes[axis]!);
  }
  return product;
}
