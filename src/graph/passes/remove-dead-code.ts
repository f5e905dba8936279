/**
 * Removes what no output of the graph depends on.
 */
import type { Model } from '../graph.ts';
import { outputNames, usedNames } from '../uses.ts';

/**
 * Removes nodes none of whose outputs is used, initialisers that nothing uses and types of values that are gone.
 * Inputs of the graph stay, used or not. Returns the number of nodes and initialisers removed.
 */
export function removeDeadCode({ graph }: Model): number {
  const before = graph.nodes.length + graph.initializers.size;
  const live = outputNames(graph);
  const kept = graph.nodes.toReversed().filter((node) => {
    const isLive = node.outputs.some((name) => live.has(name));
    if (isLive) for (const name of usedNames(node)) live.add(name);
    return isLive;
  });
  graph.nodes = kept.reverse();

  for (const constants of [graph.initializers, graph.sparseInitializers]) {
    for (const name of constants.keys()) if (!live.has(name)) constants.delete(name);
  }
  const made = new Set(graph.nodes.flatMap((node) => node.outputs));
  for (const name of graph.values.keys()) if (!made.has(name)) graph.values.delete(name);
  return before - graph.nodes.length - graph.initializers.size;
}
