/**
 * Removes what no output of the graph depends on.
 */
import type { Model } from '../graph.ts';
import { consumersOf, outputNames } from '../uses.ts';

/**
 * Removes nodes none of whose outputs is used, initialisers that nothing uses and types of values that are gone.
 * Inputs of the graph stay, used or not. Returns the number of nodes and initialisers removed.
 */
export function removeDeadCode({ graph }: Model): number {
  const before = graph.nodes.length + graph.initializers.size;
  const outputs = outputNames(graph);
  const dropUnusedTail = (): boolean => {
    const consumers = consumersOf(graph);
    const count = graph.nodes.length;
    const used = (name: string) => outputs.has(name) || consumers.has(name);
    graph.nodes = graph.nodes.filter((node) => node.outputs.some(used));
    return graph.nodes.length < count;
  };
  while (dropUnusedTail());

  const consumers = consumersOf(graph);
  const isUsed = (name: string) => outputs.has(name) || consumers.has(name);
  for (const constants of [graph.initializers, graph.sparseInitializers]) {
    for (const name of constants.keys()) if (!isUsed(name)) constants.delete(name);
  }
  const made = new Set(graph.nodes.flatMap((node) => node.outputs));
  for (const name of graph.values.keys()) if (!made.has(name)) graph.values.delete(name);
  return before - graph.nodes.length - graph.initializers.size;
}
