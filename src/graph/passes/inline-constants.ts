/**
 * Constants become initialisers: Constant nodes, and initialisers that are graph inputs too.
 */
import { constantValue } from '../constant-node.ts';
import type { Model } from '../graph.ts';
import { outputNames } from '../uses.ts';

/**
 * Turns Constant nodes of the main graph into initialisers; returns how many. Sparse constants stay, and so does a
 * constant that is an output of the graph, because an output must be some node's.
 */
export function inlineConstants({ graph }: Model): number {
  const outputs = outputNames(graph);
  const before = graph.nodes.length;
  graph.nodes = graph.nodes.filter((node) => {
    const value = constantValue(node);
    const [name] = node.outputs;
    if (!value || name === undefined || outputs.has(name)) return true;
    graph.initializers.set(name, value);
    return false;
  });
  return before - graph.nodes.length;
}

/**
 * Removes graph inputs that an initialiser gives a default value for, which before IR version 4 were all of them;
 * returns how many. Their default is from then on what they are: nobody can feed another value.
 */
export function dropInitializerInputs({ graph }: Model): number {
  const before = graph.inputs.length;
  graph.inputs = graph.inputs.filter(
    ({ name }) => !graph.initializers.has(name) && !graph.sparseInitializers.has(name),
  );
  return before - graph.inputs.length;
}
