/**
 * The values of a graph on all samples, carried forward from layer to layer: at any place of the graph only those values
 * are held that the rest of it still needs.
 */
import { emptyGraph, type Model, type Node } from '../../graph/graph.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { usedNames } from '../../graph/uses.ts';
import { type Execute, runEach } from './executor.ts';

/** The values that are alive before node `index`, batch by batch. */
export interface Activations {
  index: number;
  batches: Map<string, Tensor>[];
}

/** Which nodes must run so that every layer's inputs become known, and until where each value is needed. */
export interface Schedule {
  readonly model: Model;
  /** By place in the graph. */
  readonly needed: readonly boolean[];
  /** The place of the last needed node or layer that takes a value. */
  readonly lastUse: ReadonlyMap<string, number>;
}

/** Somewhere in the graph that activations are wanted at, such as a layer. */
export interface Places {
  readonly uses: readonly { readonly index: number }[];
}

/** Plans what it takes to reach the uses of `layers`. */
export function schedule(model: Model, layers: readonly Places[]): Schedule {
  const { nodes } = model.graph;
  const places = new Set(layers.flatMap(({ uses }) => uses.map(({ index }) => index)));
  const wanted = new Set<string>();
  const lastUse = new Map<string, number>();
  const needed = nodes.map(() => false);
  for (let index = nodes.length - 1; index >= 0; index--) {
    const node = nodes[index]!;
    needed[index] = node.outputs.some((name) => wanted.has(name));
    if (!needed[index] && !places.has(index)) continue;
    for (const name of usedNames(node)) {
      wanted.add(name);
      if (!lastUse.has(name)) lastUse.set(name, index);
    }
  }
  return { model, needed, lastUse };
}

/** A second set of activations that can go its own way; the values themselves are shared. */
export function fork({ index, batches }: Activations): Activations {
  return { index, batches: batches.map((values) => new Map(values)) };
}

/**
 * Carries `activations` on to before node `index`, with the weights of `initializers`, and drops what is not needed from
 * there on. Rejects as `execute` and its graph do, and with the reason of `signal`.
 */
export async function advance(
  activations: Activations,
  index: number,
  { model, needed, lastUse }: Schedule,
  initializers: ReadonlyMap<string, Tensor>,
  execute: Execute,
  signal?: AbortSignal,
): Promise<void> {
  const nodes = model.graph.nodes.slice(activations.index, index).filter((_, at) => needed[activations.index + at]);
  const isAlive = (name: string) => (lastUse.get(name) ?? -1) >= index;
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const outputs = [...made].filter(isAlive);
  const { batches } = activations;
  if (outputs.length > 0) {
    const taken = new Set(nodes.flatMap(usedNames).filter((name) => !made.has(name)));
    const inputs = [...(batches[0] ?? [])].filter(([name]) => taken.has(name));
    const segment = segmentModel(model, nodes, inputs, outputs, initializers);
    const feeds = batches.map((values) => new Map(inputs.map(([name]) => [name, values.get(name)!])));
    await runEach(
      execute,
      segment,
      feeds,
      (results, run) => {
        for (const [name, tensor] of results) batches[run]!.set(name, tensor);
        feeds[run]!.clear();
        dropDead(batches[run]!, isAlive);
      },
      signal,
    );
  }
  for (const values of batches) dropDead(values, isAlive);
  activations.index = index;
}

/**
 * How many of `batches` can be carried through the model, twice, within so many bytes, measured on the first; at least one.
 */
export async function affordableBatches(
  model: Model,
  layers: readonly Places[],
  batches: readonly ReadonlyMap<string, Tensor>[],
  execute: Execute,
  bytes: number,
  signal?: AbortSignal,
): Promise<number> {
  const plan = schedule(model, layers);
  const probe: Activations = { index: 0, batches: batches.slice(0, 1).map((feeds) => new Map(feeds)) };
  let most = 0;
  for (const { uses } of layers) {
    const [{ index } = { index: 0 }] = uses;
    await advance(probe, index, plan, model.graph.initializers, execute, signal);
    const alive = [...(probe.batches[0]?.values() ?? [])];
    most = Math.max(
      most,
      alive.reduce((sum, tensor) => sum + (tensor.dtype === 'string' ? 0 : tensor.data.length), 0),
    );
  }
  return Math.max(1, Math.min(batches.length, Math.floor(bytes / (2 * most))));
}

function dropDead(values: Map<string, Tensor>, isAlive: (name: string) => boolean): void {
  for (const name of values.keys()) if (!isAlive(name)) values.delete(name);
}

/**
 * A model of some nodes of another: inputs have the rank and type of the given tensors, since sizes may differ from batch
 * to batch.
 */
export function segmentModel(
  model: Model,
  nodes: readonly Node[],
  inputs: Iterable<readonly [name: string, like: Tensor]>,
  outputs: readonly string[],
  initializers: ReadonlyMap<string, Tensor>,
): Model {
  const graph = emptyGraph('segment');
  graph.nodes = [...nodes];
  graph.inputs = Array.from(inputs, ([name, { dtype, shape }]) => ({
    name,
    type: { kind: 'tensor', dtype, shape: shape.map(() => null) },
  }));
  graph.outputs = outputs.map((name) => ({ name }));
  for (const name of new Set(nodes.flatMap(usedNames))) {
    const tensor = initializers.get(name);
    if (tensor) graph.initializers.set(name, tensor);
  }
  graph.sparseInitializers = model.graph.sparseInitializers;
  return { ...model, graph };
}
